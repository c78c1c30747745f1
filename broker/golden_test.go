package broker

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/filter"
	"switchyard/internal/golden"
)

var goldenTime = time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)

func goldenQueue() QueueOptions {
	no := false
	return QueueOptions{
		LockDuration: time.Minute, DefaultMessageTimeToLive: Forever, DeadLetteringOnMessageExpiration: true,
		MaxDeliveryCount: 10, MaxSizeInMegabytes: 1024, MaxMessageSize: 256 << 10, Status: StatusReceiveDisabled,
		UserMetadata: "u", EnableBatchedOperations: &no, RequiresSession: true, RequiresDuplicateDetection: true,
		DuplicateDetectionHistoryTimeWindow: 10 * time.Minute, ForwardTo: "f", ForwardDeadLetteredMessagesTo: "d",
		AutoDeleteOnIdle: 5 * time.Minute, EnablePartitioning: true, EnableExpress: true,
	}
}

// decodeAs reads a definition after its kind and version were checked.
func decodeAs[D any](want entityKind) func([]byte) (D, error) {
	return func(b []byte) (d D, err error) {
		kind, err := kindOf(b)
		if err == nil && kind != want {
			return d, ErrInvalidArgument
		}
		if err == nil {
			err = json.Unmarshal(b, &d)
		}
		return d, err
	}
}

func namespaceRecord(name string, o NamespaceOptions, access []byte) golden.Record {
	return golden.Record{Name: name, Value: namespaceDefinition{Options: o, Access: access},
		Encode: func() []byte { return encodeNamespace(o, access) },
		Decode: func(b []byte) (any, error) {
			d, err := decodeNamespace(b)
			d.Version = 0
			return d, err
		}}
}

func entityRecord(name string, kind entityKind, o description.Options, access []byte) golden.Record {
	return golden.Record{Name: name, Value: entityDefinition{Options: o, Access: access},
		Encode: func() []byte { return encodeEntity(kind, o, access) },
		Decode: func(b []byte) (any, error) {
			if got, err := kindOf(b); err != nil || got != kind {
				return got, err
			}
			d, err := decodeEntity(b)
			d.Version, d.Kind = 0, ""
			return d, err
		}}
}

// unwritten is a record that can be read and that nobody writes: the options of an
// entity are never empty, and what is zero in them is left out.
func unwritten(r golden.Record) golden.Record {
	r.Varies = true
	return r
}

// wantFull fails for every property of an entity that is not set in the example.
func wantFull(t *testing.T, e description.Entity, o description.Options) {
	t.Helper()
	for _, p := range e.Properties() {
		if reflect.ValueOf(p.Field(&o)).Elem().IsZero() {
			t.Errorf("%v property %s is not set in the example", e, p.Name)
		}
	}
}

func TestGoldenNamespacesAndQueues(t *testing.T) {
	wantFull(t, description.Queue, goldenQueue())
	golden.Check(t, "queues", definitionVersion, func(version int) []golden.Record {
		queue := goldenQueue()
		namespaces := []golden.Record{
			namespaceRecord("namespace", NamespaceOptions{SKU: SKUPremium}, goldenAccess(version)),
			namespaceRecord("namespace.empty", NamespaceOptions{}, nil),
		}
		switch version {
		case queueVersion1:
			return append(namespaces, entityRecord("queue", kindQueue, queue, goldenAccess(version)), unwritten(entityRecord("queue.empty", kindQueue, QueueOptions{}, nil)))
		case definitionVersion:
			queue.Written = goldenWritten
			return append(namespaces, entityRecord("queue", kindQueue, queue, goldenAccess(version)))
		}
		return nil
	})
}

// goldenAccess is there since the third version.
func goldenAccess(version int) []byte {
	if version < definitionVersion {
		return nil
	}
	return []byte("sealed")
}

// goldenWritten is there since the third version.
var goldenWritten = map[string]string{"lockDuration": "PT60S", "autoDeleteOnIdle": "PT300S"}

func TestGoldenTopicsAndSubscriptions(t *testing.T) {
	no := false
	topic := TopicOptions{
		DefaultMessageTimeToLive: Forever, MaxSizeInMegabytes: 1024, MaxMessageSize: 256 << 10,
		Status: StatusSendDisabled, UserMetadata: "u",
		EnableBatchedOperations: &no, SupportOrdering: &no, RequiresDuplicateDetection: true,
		DuplicateDetectionHistoryTimeWindow: 10 * time.Minute,
		AutoDeleteOnIdle:                    5 * time.Minute, EnablePartitioning: true, EnableExpress: true,
		EnableSubscriptionPartitioning:    true,
		FilteringMessagesBeforePublishing: true,
	}
	wantFull(t, description.Topic, topic)
	options := SubscriptionOptions{
		LockDuration: time.Minute, DefaultMessageTimeToLive: Forever, DeadLetteringOnMessageExpiration: true,
		DeadLetteringOnFilterEvaluationExceptions: &no, MaxDeliveryCount: 10, Status: StatusReceiveDisabled,
		UserMetadata:            "u",
		EnableBatchedOperations: &no, RequiresSession: true, ForwardTo: "f",
		ForwardDeadLetteredMessagesTo: "d",
		AutoDeleteOnIdle:              5 * time.Minute, ClientAffine: true,
	}
	wantFull(t, description.Subscription, options)
	text := func(s string) *string { return &s }
	correlation := filter.Correlation{
		ContentType: text("c"), Label: text("l"), MessageID: text("m"), ReplyTo: text("r"),
		ReplyToSessionID: text("rs"), SessionID: text("s"),
		To: text("t"), CorrelationID: text("ci"), Properties: goldenValues(),
	}
	golden.WantFull(t, correlation)
	rules := []ruleDefinition{
		{Name: "$Default", Options: RuleOptions{Filter: filter.Filter{Type: filter.TrueType, Expression: "1=1"}},
			CreatedAt: goldenTime, Automatic: true},
		{Name: "none", Options: RuleOptions{Filter: filter.Filter{Type: filter.FalseType, Expression: "1=0"}},
			CreatedAt: goldenTime},
		{Name: "sql", CreatedAt: goldenTime, Options: RuleOptions{
			Filter: filter.Filter{Type: filter.SQLType, Expression: "a = @p", Parameters: goldenValues()},
			Action: filter.Action{Expression: "SET a = @p", Parameters: filter.Values{"@p": int64(1)}},
		}},
		{Name: "correlation", CreatedAt: goldenTime,
			Options: RuleOptions{Filter: filter.Filter{Type: filter.CorrelationType,
				Correlation: &correlation}}},
	}
	golden.Check(t, "topics", definitionVersion, func(version int) []golden.Record {
		topic, options := topic, options
		subscription := func(name string, o SubscriptionOptions, id EntityID, subscription string, rules []ruleDefinition, access []byte) golden.Record {
			return golden.JSON(name, subscriptionDefinition{Version: version, Kind: kindSubscription, Topic: id, Name: subscription,
				Options: o, Rules: rules, Access: access}, decodeAs[subscriptionDefinition](kindSubscription))
		}
		switch version {
		case topicVersion2:
			return []golden.Record{
				entityRecord("topic", kindTopic, topic, goldenAccess(version)), unwritten(entityRecord("topic.empty", kindTopic, TopicOptions{}, nil)),
				subscription("subscription", options, 7, "s", rules, goldenAccess(version)), unwritten(subscription("subscription.empty", SubscriptionOptions{}, 0, "", nil, nil)),
			}
		case definitionVersion:
			topic.Written, options.Written = map[string]string{"autoDeleteOnIdle": "PT300S"}, goldenWritten
			return []golden.Record{entityRecord("topic", kindTopic, topic, goldenAccess(version)), subscription("subscription", options, 7, "s", rules, goldenAccess(version))}
		}
		return nil // the first version had no topics
	})
}

// goldenValues has a value of each type.
func goldenValues() filter.Values {
	return filter.Values{
		"null": nil, "bool": true, "long": int64(-5), "double": 1.5, "string": "s", "dateTime": goldenTime,
		"duration": time.Second,
		"guid":     filter.UUID{1, 2, 3}, "binary": []byte{0, 255},
	}
}
