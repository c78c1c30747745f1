package broker

import (
	"encoding/json"
	"fmt"
	"time"
)

// Versions of the encoding of definitions, JSON with the version beside the
// rest. Namespaces and queues have the first, in which nothing says what they
// are. Topics and subscriptions have the second, so that a program that does not
// know them refuses them instead of taking them for queues.
const (
	definitionVersion = 1
	topicVersion      = 2
)

// An entityKind says in a definition of the second version what it is of.
type entityKind string

const (
	kindQueue        entityKind = "" // first version
	kindTopic        entityKind = "topic"
	kindSubscription entityKind = "subscription"
)

type definition[O any] struct {
	Version int `json:"version"`
	Options O   `json:"options"`
}

type topicDefinition struct {
	Version int          `json:"version"`
	Kind    entityKind   `json:"kind"`
	Options TopicOptions `json:"options"`
}

// subscriptionDefinition holds the rules too: they are few, and this way a
// subscription is never seen without them.
type subscriptionDefinition struct {
	Version int                 `json:"version"`
	Kind    entityKind          `json:"kind"`
	Topic   EntityID            `json:"topic"`
	Name    string              `json:"name"`
	Options SubscriptionOptions `json:"options"`
	Rules   []ruleDefinition    `json:"rules,omitempty"`
}

type ruleDefinition struct {
	Name      string      `json:"name"`
	Options   RuleOptions `json:"options"`
	CreatedAt time.Time   `json:"createdAt"`
	Automatic bool        `json:"automatic,omitempty"`
}

func encodeDefinition[O any](o O) []byte { return encode(definition[O]{definitionVersion, o}) }

func encode(d any) []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("broker: options that are not JSON: %v", err))
	}
	return b
}

// kindOf returns what a definition is of. It checks the version.
func kindOf(b []byte) (entityKind, error) {
	var d struct {
		Version int        `json:"version"`
		Kind    entityKind `json:"kind"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return "", fmt.Errorf("definition: %w", err)
	}
	switch {
	case d.Version == definitionVersion && d.Kind == kindQueue,
		d.Version == topicVersion && (d.Kind == kindTopic || d.Kind == kindSubscription):
		return d.Kind, nil
	}
	return "", fmt.Errorf("definition of version %d and kind %q is not known", d.Version, d.Kind)
}

func decodeDefinition[O any](b []byte) (O, error) {
	var d definition[O]
	if err := json.Unmarshal(b, &d); err != nil {
		return d.Options, fmt.Errorf("definition: %w", err)
	}
	if d.Version != definitionVersion {
		return d.Options, fmt.Errorf("definition has version %d, want %d", d.Version, definitionVersion)
	}
	return d.Options, nil
}
