package broker_test

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
)

// TestEntityChanged: the listener is told of each change of an entity, once, when it
// is durable.
func TestEntityChanged(t *testing.T) {
	store := brokertest.NewStore()
	var got []string
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader,
		Events: broker.EventListener{EntityChanged: func(ns, path string) { got = append(got, ns+" "+path) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx := context.Background()
	one := func(_ bool, err error) error { return err }
	for _, c := range []struct {
		name   string
		change func() error
		want   []string
	}{
		{"a namespace", func() error { return b.PutNamespace(ctx, "Contoso", broker.NamespaceOptions{}) }, nil},
		{"a queue", func() error { return one(b.PutQueue(ctx, "contoso", "Orders/New", broker.QueueOptions{})) }, []string{"Contoso Orders/New"}},
		{"the same again", func() error { return one(b.PutQueue(ctx, "CONTOSO", "orders/new", broker.QueueOptions{})) }, []string{"Contoso Orders/New"}},
		{"a bad queue", func() error { return one(b.PutQueue(ctx, "contoso", "a//b", broker.QueueOptions{})) }, nil},
		{"a topic", func() error { return one(b.PutTopic(ctx, "contoso", "Events", broker.TopicOptions{})) }, []string{"Contoso Events"}},
		{"a subscription", func() error {
			return one(b.PutSubscription(ctx, "contoso", "events", "All", broker.SubscriptionOptions{}))
		},
			[]string{"Contoso Events/Subscriptions/All"}},
		{"another", func() error {
			return one(b.PutSubscription(ctx, "contoso", "events", "B", broker.SubscriptionOptions{}))
		},
			[]string{"Contoso Events/Subscriptions/B"}},
		{"a rule", func() error { return one(b.PutRule(ctx, "contoso", "events", "b", "r", broker.RuleOptions{}, 0)) }, nil},
		{"the topic changed", func() error { return one(b.PutTopic(ctx, "contoso", "events", broker.TopicOptions{UserMetadata: "x"})) }, []string{"Contoso Events"}},
		{"a subscription deleted", func() error {
			return commit.Do(ctx, store, 0, b.DeleteSubscriptionEffect("contoso", "events", "b", false))
		}, []string{"Contoso Events/Subscriptions/B"}},
		{"a queue deleted", func() error { return commit.Do(ctx, store, 0, b.DeleteQueueEffect("contoso", "ORDERS/new", false)) }, []string{"Contoso Orders/New"}},
		{"one that is not there", func() error { return commit.Do(ctx, store, 0, b.DeleteQueueEffect("contoso", "orders/new", false)) }, nil},
		{"the topic deleted", func() error { return commit.Do(ctx, store, 0, b.DeleteTopicEffect("contoso", "events", false)) },
			[]string{"Contoso Events", "Contoso Events/Subscriptions/All"}},
		{"another queue", func() error { return one(b.PutQueue(ctx, "contoso", "q", broker.QueueOptions{})) }, []string{"Contoso q"}},
		{"another topic", func() error { return one(b.PutTopic(ctx, "contoso", "t", broker.TopicOptions{})) }, []string{"Contoso t"}},
		{"the namespace deleted", func() error { return commit.Do(ctx, store, 0, b.DeleteNamespaceEffect("contoso", false)) }, []string{"Contoso q", "Contoso t"}},
	} {
		got = nil
		err := c.change()
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: told of %q (error %v), want %q", c.name, got, err, c.want)
		}
	}

	if err := b.PutNamespace(ctx, "contoso", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	got = nil
	u := &commit.Unit{}
	release, err := b.PutQueueEffect("contoso", "late", broker.QueueOptions{}).Stage(u)
	if err != nil {
		t.Fatal(err)
	}
	store.Submit(u)
	release()
	if got != nil {
		t.Errorf("told of %q before it is durable", got)
	}
	store.Sync(u)
	if !slices.Equal(got, []string{"contoso late"}) {
		t.Errorf("told of %q when it is durable", got)
	}
}
