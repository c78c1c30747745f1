package brokertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"switchyard/broker"
	"switchyard/broker/filter"
	"switchyard/clock"
	"switchyard/commit"
)

// testTopics runs a broker on the store: topics, subscriptions, rules and copies
// are what they were after it was opened again.
func testTopics(t *testing.T, h *Harness) {
	ctx := context.Background()
	open := func() *broker.Broker {
		b, err := broker.New(broker.Options{Store: h.Store, Log: h.Log, Clock: clock.Wall{}, Rand: rand.Reader})
		check(t, err)
		return b
	}
	b := open()
	check(t, b.PutNamespace(ctx, "ns", broker.NamespaceOptions{}))
	put := func(_ bool, err error) { t.Helper(); check(t, err) }
	put(b.PutTopic(ctx, "ns", "Events", broker.TopicOptions{UserMetadata: "m"}))
	put(b.PutTopic(ctx, "ns", "gone", broker.TopicOptions{}))
	put(b.PutQueue(ctx, "ns", "q", broker.QueueOptions{}))
	put(b.PutSubscription(ctx, "ns", "gone", "s", broker.SubscriptionOptions{}))
	put(b.PutSubscription(ctx, "ns", "events", "All", broker.SubscriptionOptions{MaxDeliveryCount: 3}))
	put(b.PutSubscription(ctx, "ns", "events", "some", broker.SubscriptionOptions{}))
	put(b.PutSubscription(ctx, "ns", "events", "gone", broker.SubscriptionOptions{}))
	label := "x"
	rules := []broker.RuleOptions{
		{Filter: filter.Filter{Expression: "a = @p", Parameters: filter.Values{"p": int64(1)}},
			Action: filter.Action{Expression: "SET b = 2"}},
		{Filter: filter.Filter{Correlation: &filter.Correlation{MessageID: &label,
			Properties: filter.Values{"n": 1.5, "id": filter.UUID{1}}}}},
	}
	for i, r := range rules {
		put(b.PutRule(ctx, "ns", "events", "some", fmt.Sprint("r", i), r, broker.DropAutomatic))
	}
	check(t, commit.Do(ctx, h.Log, 0, b.DeleteSubscriptionEffect("ns", "events", "gone", false)))
	check(t, commit.Do(ctx, h.Log, 0, b.DeleteTopicEffect("ns", "gone", false)))
	send := func(ids ...string) {
		t.Helper()
		topic, err := b.Topic("ns", "events")
		check(t, err)
		for i, id := range ids {
			u, err := topic.Send([]*broker.Message{Compose(id, []string{fmt.Sprint("a=", i)}, "body")}, nil)
			check(t, err)
			b.Sync(u)
		}
	}
	send("m0", "m1", "m2")
	b.Close()

	h.eachLife(t, func(t *testing.T) {
		b := open()
		defer b.Close()
		topics, err := b.Topics("ns")
		check(t, err)
		if len(topics) != 1 || topics[0].Path != "Events" || topics[0].Options.UserMetadata != "m" ||
			topics[0].SubscriptionCount != 2 || topics[0].SQLFilterCount != 2 ||
			topics[0].CorrelationFilterCount != 1 {
			t.Errorf("topics %+v, want Events with 2 subscriptions, 2 SQL filters and 1 correlation filter", topics)
		}
		queues, err := b.Queues("ns")
		check(t, err)
		if len(queues) != 1 || queues[0].Path != "q" {
			t.Errorf("queues %+v, want only q", queues)
		}
		subscriptions, err := b.Subscriptions("ns", "events")
		check(t, err)
		if len(subscriptions) != 2 || subscriptions[0].Name != "All" ||
			subscriptions[0].Options.MaxDeliveryCount != 3 || subscriptions[0].Counts.Active != 3 ||
			subscriptions[1].Counts.Active != 1 {
			t.Errorf("subscriptions %+v, want All with 3 messages and some with 1", subscriptions)
		}
		got, err := b.Rules("ns", "events", "some")
		check(t, err)
		if len(got) != 2 || got[0].Options.Action.Expression != "SET b = 2" || got[0].Automatic ||
			got[0].CreatedAt.IsZero() {
			t.Fatalf("rules %+v, want two", got)
		}
		equal(t, "parameters", got[0].Options.Filter.Parameters, rules[0].Filter.Parameters)
		equal(t, "conditions", got[1].Options.Filter.Correlation, rules[1].Filter.Correlation)
		q, err := b.Queue("ns", "EVENTS/subscriptions/SOME")
		check(t, err)
		msgs, err := q.Peek(1, 10)
		check(t, err)
		if len(msgs) != 1 || string(msgs[0].Sections) != "{a=1,b=2,RuleName=r0}body" ||
			msgs[0].SequenceNumber != 1 {
			t.Errorf("messages %+v, want the changed copy of m1", msgs)
		}
	})
}
