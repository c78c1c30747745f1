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

func optionsRecord[O any](name string, o O) golden.Record {
	return golden.Record{Name: name, Value: o,
		Encode: func() []byte { return encodeDefinition(o) },
		Decode: func(b []byte) (any, error) { return decodeDefinition[O](b) }}
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
	golden.Check(t, "queues", definitionVersion, func(int) []golden.Record {
		return []golden.Record{
			optionsRecord("namespace", NamespaceOptions{SKU: SKUPremium}),
			optionsRecord("namespace.empty", NamespaceOptions{}),
			optionsRecord("queue", goldenQueue()),
			unwritten(optionsRecord("queue.empty", QueueOptions{})),
		}
	})
}

func TestGoldenTopicsAndSubscriptions(t *testing.T) {
	no := false
	topic := topicDefinition{Version: topicVersion, Kind: kindTopic, Options: TopicOptions{
		DefaultMessageTimeToLive: Forever, MaxSizeInMegabytes: 1024, MaxMessageSize: 256 << 10,
		Status: StatusSendDisabled, UserMetadata: "u",
		EnableBatchedOperations: &no, SupportOrdering: &no, RequiresDuplicateDetection: true,
		DuplicateDetectionHistoryTimeWindow: 10 * time.Minute,
		AutoDeleteOnIdle:                    5 * time.Minute, EnablePartitioning: true, EnableExpress: true,
		EnableSubscriptionPartitioning:    true,
		FilteringMessagesBeforePublishing: true,
	}}
	wantFull(t, description.Topic, topic.Options)
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
	subscription := subscriptionDefinition{Version: topicVersion, Kind: kindSubscription, Topic: 7, Name: "s",
		Options: options, Rules: rules}
	golden.Check(t, "topics", topicVersion, func(version int) []golden.Record {
		if version < topicVersion {
			return nil // the first version had no topics
		}
		return []golden.Record{
			golden.JSON("topic", topic, decodeAs[topicDefinition](kindTopic)),
			unwritten(golden.JSON("topic.empty", topicDefinition{Version: topicVersion, Kind: kindTopic},
				decodeAs[topicDefinition](kindTopic))),
			golden.JSON("subscription", subscription, decodeAs[subscriptionDefinition](kindSubscription)),
			unwritten(golden.JSON("subscription.empty", subscriptionDefinition{Version: topicVersion, Kind: kindSubscription},
				decodeAs[subscriptionDefinition](kindSubscription))),
		}
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
