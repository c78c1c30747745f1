package broker

import (
	"encoding/json"
	"fmt"
	"time"

	"switchyard/broker/description"
)

// Versions of the encoding of definitions, JSON with the version beside the rest.
// Since the third one, a definition has the access rules, and one of an entity says
// what it is and how its durations were written. Before it, namespaces and queues had
// the first, in which nothing says what they are, and topics and subscriptions the
// second. A program refuses what is newer than itself.
const (
	queueVersion1     = 1
	topicVersion2     = 2
	definitionVersion = 3
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
	Access  []byte           `json:"access,omitempty"` // see [Broker.AccessEffect]
}

// entityDefinition is of a queue or a topic.
type entityDefinition struct {
	Version int                 `json:"version"`
	Kind    entityKind          `json:"kind"`
	Options description.Options `json:"options"`
	Access  []byte              `json:"access,omitempty"` // see [Broker.AccessEffect]
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
	Access  []byte              `json:"access,omitempty"` // see [Broker.AccessEffect]
}

type ruleDefinition struct {
	Name      string      `json:"name"`
	Options   RuleOptions `json:"options"`
	CreatedAt time.Time   `json:"createdAt"`
	Automatic bool        `json:"automatic,omitempty"`
}

func encodeNamespace(o NamespaceOptions, access []byte) []byte {
	return encode(namespaceDefinition{definitionVersion, o, access})
}

func encodeEntity(kind entityKind, o description.Options, access []byte) []byte {
	return encode(entityDefinition{definitionVersion, kind, o, access})
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
		d.Version == definitionVersion &&
			(d.Kind == kindQueue || d.Kind == kindTopic || d.Kind == kindSubscription):
		return d.Kind, nil
	}
	return "", fmt.Errorf("definition of version %d and kind %q is not known", d.Version, d.Kind)
}

func decodeNamespace(b []byte) (d namespaceDefinition, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("definition: %w", err)
	}
	if d.Version != queueVersion1 && d.Version != definitionVersion {
		return d, fmt.Errorf("definition of a namespace has version %d, want %d", d.Version, definitionVersion)
	}
	return d, nil
}

// decodeEntity reads the definition of a queue or a topic whose version was checked.
func decodeEntity(b []byte) (d entityDefinition, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("definition: %w", err)
	}
	return d, nil
}
