package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
)

func accessRules(t *testing.T, b *broker.Broker) (all []string) {
	t.Helper()
	err := b.AccessRules(func(ns, path string, rules []byte) error {
		all = append(all, fmt.Sprintf("%s|%s|%s", ns, path, rules))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// TestAccessRules: they are kept with what they belong to, survive its updates and a
// restart, and go with it.
func TestAccessRules(t *testing.T) {
	store := brokertest.NewStore()
	open := func() *broker.Broker {
		b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return b
	}
	b, ctx := open(), context.Background()
	apply := func(e commit.Effect) error { return commit.Do(ctx, store, 1, e) }
	put := func(_ bool, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := apply(b.PutNamespaceEffect("Contoso", broker.NamespaceOptions{}, []byte("root"))); err != nil {
		t.Fatal(err)
	}
	entities := func() {
		put(b.PutQueue(ctx, "contoso", "Orders/New", broker.QueueOptions{UserMetadata: "m"}))
		put(b.PutTopic(ctx, "contoso", "Events", broker.TopicOptions{}))
		put(b.PutSubscription(ctx, "contoso", "events", "All", broker.SubscriptionOptions{}))
	}
	entities()
	before, err := b.Queues("contoso")
	if err != nil {
		t.Fatal(err)
	}
	for path, rules := range map[string]string{"orders/new": "q", "EVENTS": "t", "events/subscriptions/all": "s"} {
		if err := apply(b.AccessEffect("contoso", path, []byte(rules))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if after, err := b.Queues("contoso"); err != nil || after[0].Options.UserMetadata != "m" || after[0].UpdatedAt != before[0].UpdatedAt {
		t.Errorf("access rules changed the queue to %+v, %v", after, err)
	}
	want := []string{"Contoso|Events/Subscriptions/All|s", "Contoso|Events|t", "Contoso|Orders/New|q", "Contoso||root"}
	for _, name := range []string{"put", "updated", "opened again"} {
		switch name {
		case "updated":
			entities()
			put(b.PutRule(ctx, "contoso", "events", "all", "r", broker.RuleOptions{}, 0))
			if err := b.PutNamespace(ctx, "contoso", broker.NamespaceOptions{}); err != nil {
				t.Fatal(err)
			}
		case "opened again":
			b = open()
		}
		if got := accessRules(t, b); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if err := apply(b.AccessEffect("contoso", "", []byte("other"))); err != nil {
		t.Fatal(err)
	}
	if err := commit.Do(ctx, store, 0, b.DeleteTopicEffect("contoso", "events", false)); err != nil {
		t.Fatal(err)
	}
	put(b.PutTopic(ctx, "contoso", "events", broker.TopicOptions{}))
	if got, want := accessRules(t, open()), []string{"Contoso|Orders/New|q", "Contoso||other"}; !slices.Equal(got, want) {
		t.Errorf("after the topic was made anew: got %q, want %q", got, want)
	}
	for _, c := range []struct {
		ns, path string
		want     error
	}{
		{"contoso", "nothing", broker.ErrEntityNotFound}, {"contoso", "events/Subscriptions/all", broker.ErrEntityNotFound}, {"none", "", broker.ErrNamespaceNotFound},
	} {
		if err := apply(b.AccessEffect(c.ns, c.path, nil)); !errors.Is(err, c.want) {
			t.Errorf("%s %s: got %v, want %v", c.ns, c.path, err, c.want)
		}
	}
}
