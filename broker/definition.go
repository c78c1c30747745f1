package broker

import (
	"encoding/json"
	"fmt"
	"time"

	"switchyard/broker/description"
)

// Versions of the encoding of definitions, JSON with the version beside the rest.
// Namespaces have the first. Entities have the third, which says what they are and
// how their durations were written. Before it, queues had the first, in which
// nothing says what they are, and topics and subscriptions the second. A program
// refuses what is newer than itself.
const (
	namespaceVersion = 1
	queueVersion1    = 1
	topicVersion2    = 2
	entityVersion    = 3
)

// An entityKind says in a definition what it is of.
type entityKind string

const (
	kindQueue        entityKind = "queue" // not there in the first version
	kindTopic        entityKind = "topic"
	kindSubscription entityKind = "subscription"
)

type namespaceDefinition struct {
	Version int              `json:"version"`
	Options NamespaceOptions `json:"options"`
}

// entityDefinition is of a queue or a topic.
type entityDefinition struct {
	Version int                 `json:"version"`
	Kind    entityKind          `json:"kind"`
	Options description.Options `json:"options"`
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

func encodeNamespace(o NamespaceOptions) []byte {
	return encode(namespaceDefinition{namespaceVersion, o})
}

func encodeEntity(kind entityKind, o description.Options) []byte {
	return encode(entityDefinition{entityVersion, kind, o})
}

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
	case d.Version == queueVersion1 && d.Kind == "":
		return kindQueue, nil
	case d.Version == topicVersion2 && (d.Kind == kindTopic || d.Kind == kindSubscription),
		d.Version == entityVersion && (d.Kind == kindQueue || d.Kind == kindTopic || d.Kind == kindSubscription):
		return d.Kind, nil
	}
	return "", fmt.Errorf("definition of version %d and kind %q is not known", d.Version, d.Kind)
}

func decodeNamespace(b []byte) (NamespaceOptions, error) {
	var d namespaceDefinition
	if err := json.Unmarshal(b, &d); err != nil {
		return d.Options, fmt.Errorf("definition: %w", err)
	}
	if d.Version != namespaceVersion {
		return d.Options, fmt.Errorf("definition has version %d, want %d", d.Version, namespaceVersion)
	}
	return d.Options, nil
}

// decodeEntity reads the definition of a queue or a topic whose version was checked.
func decodeEntity(b []byte) (description.Options, error) {
	var d entityDefinition
	if err := json.Unmarshal(b, &d); err != nil {
		return d.Options, fmt.Errorf("definition: %w", err)
	}
	return d.Options, nil
}

// SetWritten returns a definition of an entity of any version in the newest one, with
// the durations as they were written ([description.Options]). It is for records of
// earlier programs, which kept them elsewhere.
func SetWritten(definition []byte, written map[string]string) ([]byte, error) {
	kind, err := kindOf(definition)
	if err != nil {
		return nil, err
	}
	if kind == kindSubscription {
		var d subscriptionDefinition
		if err := json.Unmarshal(definition, &d); err != nil {
			return nil, fmt.Errorf("definition: %w", err)
		}
		d.Version, d.Options.Written = entityVersion, written
		return encode(d), nil
	}
	o, err := decodeEntity(definition)
	o.Written = written
	return encodeEntity(kind, o), err
}
