package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/broker/filter"
	"switchyard/clock"
	"switchyard/commit"
)

// newTopic creates a topic whose subscriptions get everything.
func newTopic(t testing.TB, b *broker.Broker, path string, subscriptions ...string) *broker.Topic {
	t.Helper()
	ctx := context.Background()
	if _, err := b.PutTopic(ctx, "ns", path, broker.TopicOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range subscriptions {
		if _, err := b.PutSubscription(ctx, "ns", path, name, broker.SubscriptionOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	topic, err := b.Topic("ns", path)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func publish(t testing.TB, b *broker.Broker, to broker.Sender, msgs ...*broker.Message) {
	t.Helper()
	u, err := to.Send(msgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Sync(u)
}

// TestFanOutIsOneUnit: all copies of a message become durable together.
func TestFanOutIsOneUnit(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store)
	topic := newTopic(t, b, "t", "a", "b", "c")
	units := 0
	store.Committed = func(u *commit.Unit) {
		units++
		if u.Relaxed() {
			t.Error("copies are relaxed")
		}
	}
	done := false
	u, err := topic.Send(messages(5, 100), func(error) { done = true })
	if err != nil || done {
		t.Fatalf("send: %v, done before the sync: %v", err, done)
	}
	b.Sync(u)
	if units != 1 || !done {
		t.Errorf("%d units, done %v; want 1, true", units, done)
	}
	info, err := topic.Info()
	if err != nil || info.SizeInBytes != 1500 || info.AccessedAt.IsZero() {
		t.Errorf("info %+v, error %v; want 15 copies of 100 bytes", info, err)
	}
}

// TestTopicQuota: copies count; the last batch that a topic takes may exceed the limit.
func TestTopicQuota(t *testing.T) {
	b := newBroker(t, brokertest.NewStore())
	topic := newTopic(t, b, "t", "a", "b")
	for range 2047 {
		publish(t, b, topic, messages(1, 1<<18)...)
	}
	publish(t, b, topic, messages(2, 1<<18)...)
	if _, err := topic.Send(messages(1, 1), nil); !errors.Is(err, broker.ErrQuotaExceeded) {
		t.Errorf("send to a full topic: got error %v, want ErrQuotaExceeded", err)
	}
	if _, err := topic.Send(messages(1, 1<<18+1), nil); !errors.Is(err, broker.ErrMessageTooLarge) {
		t.Errorf("a large message: got error %v, want ErrMessageTooLarge", err)
	}
}

// TestTopicFullLog: what the log does not admit is refused and did not happen.
func TestTopicFullLog(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store)
	topic := newTopic(t, b, "t", "a")
	store.Full = errors.New("disk full")
	if _, err := topic.Send(messages(1, 8), nil); !errors.Is(err, store.Full) {
		t.Errorf("got error %v, want that of the log", err)
	}
	if _, err := b.PutRule(context.Background(), "ns", "t", "a", "r", broker.RuleOptions{}, 0); !errors.Is(err, store.Full) {
		t.Errorf("put rule: got error %v, want that of the log", err)
	}
}

// TestTopicHandles: a handle of a topic that is gone stays so, even if there is
// one of the same path again.
func TestTopicHandles(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store)
	old := newTopic(t, b, "t", "s")
	q := queue(t, b, "t/subscriptions/S/$deadletterqueue")
	if q.Path() != "t/Subscriptions/s" || q.SubQueue() != broker.DeadLetterQueue {
		t.Errorf("found %s, sub-queue %d", q.Path(), q.SubQueue())
	}
	ctx := context.Background()
	if err := commit.Do(ctx, store, 0, b.DeleteTopicEffect("ns", "T", false)); err != nil {
		t.Fatal(err)
	}
	newTopic(t, b, "t", "s")
	if _, err := old.Send(messages(1, 8), nil); !errors.Is(err, broker.ErrEntityDeleted) {
		t.Errorf("send: got error %v, want ErrEntityDeleted", err)
	}
	if _, err := old.Info(); !errors.Is(err, broker.ErrEntityDeleted) {
		t.Errorf("info: got error %v, want ErrEntityDeleted", err)
	}
	if _, err := b.Effect(broker.SendOp{Queue: old, Messages: messages(1, 8)}).Stage(&commit.Unit{}); !errors.Is(err, broker.ErrEntityDeleted) {
		t.Errorf("effect: got error %v, want ErrEntityDeleted", err)
	}
	if _, err := q.Peek(1, 1); !errors.Is(err, broker.ErrEntityDeleted) {
		t.Errorf("peek: got error %v, want ErrEntityDeleted", err)
	}
}

// TestTopicInEffect: with other operations, also on a subscription of the topic,
// and atomically.
func TestTopicInEffect(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	topic := newTopic(t, b, "t", "s")
	publish(t, b, topic, messages(1, 8)...)
	s := queue(t, b, "t/Subscriptions/s")
	r, err := s.Reserve(broker.ReserveLimit{Messages: 1})
	if err != nil || r == nil {
		t.Fatalf("reserve: %v, error %v", r, err)
	}
	stage(t, store, r.LockFor("run"))
	stage(t, store, b.Effect(broker.SendOp{Queue: topic, Messages: messages(1, 8)}, broker.RunSettleOp{Queue: s, Run: "other"},
		broker.SendOp{Queue: queue(t, b, "q"), Messages: messages(1, 8)}))
	expect := func(what string, active, locked, inQueue int64) {
		t.Helper()
		info, err := s.Info()
		other, otherErr := queue(t, b, "q").Info()
		if err != nil || otherErr != nil || info.Counts.Active != active || info.Counts.Locked != locked || other.Counts.Active != inQueue {
			t.Errorf("%s: subscription %+v, queue %+v; want %d active, %d locked, %d in the queue", what, info.Counts, other.Counts, active, locked, inQueue)
		}
	}
	expect("after the lock", 2, 1, 1)
	_, err = b.Effect(broker.SendOp{Queue: topic, Messages: messages(1, 8)}, broker.RunSettleOp{Queue: s, Run: "other", SequenceNumbers: []int64{1}}).Stage(&commit.Unit{})
	if !errors.Is(err, broker.ErrMessageLockLost) {
		t.Errorf("settle by another run: got error %v, want ErrMessageLockLost", err)
	}
	expect("after a refused effect", 2, 1, 1)
	// A rule that changes between the effect and its stage counts.
	e := b.Effect(broker.RunSettleOp{Queue: s, Run: "run"}, broker.SendOp{Queue: topic, Messages: messages(1, 8)})
	if _, err := b.PutRule(context.Background(), "ns", "t", "s", broker.DefaultRuleName, broker.RuleOptions{Filter: filter.Filter{Type: filter.FalseType}}, 0); err != nil {
		t.Fatal(err)
	}
	stage(t, store, e)
	expect("after the end", 1, 0, 1)
}

// TestTopicLockOrder takes effects over a topic, its subscription and a queue in
// every order at once, while rules change.
func TestTopicLockOrder(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	one, two := newTopic(t, b, "one", "s"), newTopic(t, b, "two", "s")
	ops := []broker.Op{
		broker.SendOp{Queue: one, Messages: messages(1, 8)},
		broker.SendOp{Queue: two, Messages: messages(1, 8)},
		broker.RunSettleOp{Queue: queue(t, b, "one/subscriptions/s"), Run: "none"},
		broker.RunSettleOp{Queue: queue(t, b, "q"), Run: "none"},
	}
	var wg sync.WaitGroup
	var sent atomic.Int64
	for i := range ops {
		for j := range ops {
			wg.Go(func() {
				for range 50 {
					both := []broker.Op{ops[i], ops[j]}
					for k, op := range both { // messages belong to one send
						if s, ok := op.(broker.SendOp); ok {
							s.Messages = messages(1, 8)
							both[k] = s
							if s.Queue == broker.Sender(one) {
								sent.Add(1)
							}
						}
					}
					stage(t, store, b.Effect(both...))
				}
			})
		}
	}
	wg.Go(func() {
		for i := range 50 {
			o := broker.RuleOptions{Filter: filter.Filter{Expression: fmt.Sprintf("sys.Size = 8 OR %d = 1", i)}}
			if _, err := b.PutRule(context.Background(), "ns", "one", "s", broker.DefaultRuleName, o, 0); err != nil {
				t.Error(err)
			}
			if err := commit.Do(context.Background(), store, 0, b.DeleteNamespaceEffect("none", false)); !errors.Is(err, broker.ErrNamespaceNotFound) {
				t.Error(err)
			}
			for _, f := range []func() error{
				func() error { _, err := b.Topics("ns"); return err },
				func() error { _, err := b.Subscriptions("ns", "one"); return err },
				func() error { _, err := b.Rules("ns", "one", "s"); return err },
			} {
				if err := f(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	if info, err := queue(t, b, "one/subscriptions/s").Info(); err != nil || info.Counts.Active != sent.Load() {
		t.Errorf("%d messages, error %v; want %d", info.Counts.Active, err, sent.Load())
	}
}

// TestChangeEffects: every change of the catalogue can be part of a unit with
// records of somebody else; a refused one changes nothing.
func TestChangeEffects(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store)
	steps := []struct {
		name    string
		change  *broker.Change
		created bool
		err     error
	}{
		{"namespace", b.PutNamespaceEffect("new", broker.NamespaceOptions{}), true, nil},
		{"namespace again", b.PutNamespaceEffect("NEW", broker.NamespaceOptions{}), false, nil},
		{"bad namespace", b.PutNamespaceEffect("-", broker.NamespaceOptions{}), false, broker.ErrInvalidArgument},
		{"queue", b.PutQueueEffect("new", "q", broker.QueueOptions{}), true, nil},
		{"bad queue", b.PutQueueEffect("new", "a//b", broker.QueueOptions{}), false, broker.ErrInvalidArgument},
		{"topic", b.PutTopicEffect("new", "t", broker.TopicOptions{}), true, nil},
		{"topic again", b.PutTopicEffect("new", "T", broker.TopicOptions{}), false, nil},
		{"topic where a queue is", b.PutTopicEffect("new", "q", broker.TopicOptions{}), false, broker.ErrEntityExists},
		{"subscription", b.PutSubscriptionEffect("new", "t", "s", broker.SubscriptionOptions{}), true, nil},
		{"bad subscription", b.PutSubscriptionEffect("new", "t", strings.Repeat("s", 51), broker.SubscriptionOptions{}), false, broker.ErrInvalidArgument},
		{"bad first rule", b.PutSubscriptionEffect("new", "t", "x", broker.SubscriptionOptions{}, broker.DefaultRule{Name: "a/b"}), false, broker.ErrInvalidArgument},
		{"rule", b.PutRuleEffect("new", "t", "s", "r", broker.RuleOptions{}, broker.CreateOnly), true, nil},
		{"rule again", b.PutRuleEffect("new", "t", "s", "r", broker.RuleOptions{}, broker.CreateOnly), false, broker.ErrEntityExists},
		{"bad rule", b.PutRuleEffect("new", "t", "s", "b", broker.RuleOptions{Filter: filter.Filter{Expression: "a"}}, 0), false, filter.ErrInvalid},
		{"delete rule", b.DeleteRuleEffect("new", "t", "s", "R"), false, nil},
		{"delete rule again", b.DeleteRuleEffect("new", "t", "s", "r"), false, broker.ErrRuleNotFound},
		{"delete subscription", b.DeleteSubscriptionEffect("new", "t", "s", false), false, nil},
		{"delete subscription again", b.DeleteSubscriptionEffect("new", "t", "s", false), false, broker.ErrEntityNotFound},
		{"delete topic", b.DeleteTopicEffect("new", "t", false), false, nil},
		{"delete topic again", b.DeleteTopicEffect("new", "t", false), false, broker.ErrEntityNotFound},
		{"delete queue", b.DeleteQueueEffect("new", "q", false), false, nil},
		{"delete namespace", b.DeleteNamespaceEffect("new", false), false, nil},
		{"delete namespace again", b.DeleteNamespaceEffect("new", false), false, broker.ErrNamespaceNotFound},
	}
	for _, step := range steps {
		u := &commit.Unit{}
		u.Then(func() {}) // somebody else's
		release, err := step.change.Stage(u)
		if !errors.Is(err, step.err) || step.err == nil && err != nil {
			t.Errorf("%s: got error %v, want %v", step.name, err, step.err)
		}
		if err != nil {
			if len(u.Ops()) != 0 || release != nil {
				t.Errorf("%s: refused, but there are %d records", step.name, len(u.Ops()))
			}
			continue
		}
		if len(u.Ops()) == 0 || step.change.Created() != step.created {
			t.Errorf("%s: %d records, created %v; want some, %v", step.name, len(u.Ops()), step.change.Created(), step.created)
		}
		store.Submit(u)
		release()
		store.Sync(u)
	}
	c, err := store.Catalogue()
	if err != nil || len(c.Entities) != 0 || c.LastEntity != 3 {
		t.Errorf("catalogue %+v, error %v; want it empty, after 3 entities", c, err)
	}
}

// TestNamespaceWithTopics: it goes with them, and its tier matters to them.
func TestNamespaceWithTopics(t *testing.T) {
	ctx := context.Background()
	store := brokertest.NewStore()
	b := newBroker(t, store)
	if err := b.PutNamespace(ctx, "basic", broker.NamespaceOptions{SKU: "Basic"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutTopic(ctx, "basic", "t", broker.TopicOptions{}); !errors.Is(err, broker.ErrNotAllowed) {
		t.Errorf("topic in a Basic namespace: got error %v, want ErrNotAllowed", err)
	}
	topic := newTopic(t, b, "t", "a", "b")
	publish(t, b, topic, messages(1, 8)...)
	if err := b.PutNamespace(ctx, "ns", broker.NamespaceOptions{SKU: "Premium"}); !errors.Is(err, broker.ErrNotAllowed) {
		t.Errorf("another tier: got error %v, want ErrNotAllowed", err)
	}
	r, err := queue(t, b, "t/subscriptions/a").Reserve(broker.ReserveLimit{Messages: 1})
	if err != nil {
		t.Fatal(err)
	}
	stage(t, store, r.LockFor("run"))
	if err := commit.Do(ctx, store, 0, b.DeleteNamespaceEffect("ns", false)); !errors.Is(err, broker.ErrEntityInUse) {
		t.Errorf("delete while a run holds a message: got error %v, want ErrEntityInUse", err)
	}
	if err := commit.Do(ctx, store, 0, b.DeleteNamespaceEffect("ns", true)); err != nil {
		t.Fatal(err)
	}
	if _, err := topic.Send(messages(1, 8), nil); !errors.Is(err, broker.ErrEntityDeleted) {
		t.Errorf("send: got error %v, want ErrEntityDeleted", err)
	}
	if n := store.Keys(); n != 1 {
		t.Errorf("%d records are left, want the other namespace", n)
	}
}

// TestPathOfSubscription: a queue or a topic can't take the address of a subscription,
// whose messages nobody would find any more, nor the other way round.
func TestPathOfSubscription(t *testing.T) {
	ctx := context.Background()
	b := newBroker(t, brokertest.NewStore(), "t/subscriptions/q")
	newTopic(t, b, "t", "s")
	newTopic(t, b, "t/subscriptions/u")
	if _, err := b.PutQueue(ctx, "ns", "T/subscriptions/S", broker.QueueOptions{}); !errors.Is(err, broker.ErrEntityExists) {
		t.Errorf("queue at the address of a subscription: got error %v, want ErrEntityExists", err)
	}
	if _, err := b.PutTopic(ctx, "ns", "T/subscriptions/S", broker.TopicOptions{}); !errors.Is(err, broker.ErrEntityExists) {
		t.Errorf("topic at the address of a subscription: got error %v, want ErrEntityExists", err)
	}
	for _, name := range []string{"q", "u"} {
		_, err := b.PutSubscription(ctx, "ns", "t", name, broker.SubscriptionOptions{})
		if !errors.Is(err, broker.ErrEntityExists) {
			t.Errorf("subscription at a path that is taken: got error %v, want ErrEntityExists", err)
		}
	}
}

// TestTopicDefinitions: an older program must not take topics and subscriptions
// for queues, so their definitions have another version.
func TestTopicDefinitions(t *testing.T) {
	store := brokertest.NewStore()
	newTopic(t, newBroker(t, store, "q"), "t", "s")
	c, err := store.Catalogue()
	if err != nil || len(c.Entities) != 3 {
		t.Fatalf("catalogue %+v, error %v", c, err)
	}
	for i, want := range []string{`{"version":3,"kind":"queue","options"`, `{"version":3,"kind":"topic","options"`, `{"version":3,"kind":"subscription","topic":2,"name":"s","options"`} {
		if got := string(c.Entities[i].Definition); !strings.HasPrefix(got, want) {
			t.Errorf("definition of %s: %s, want %s…", c.Entities[i].Path, got, want)
		}
	}
	for _, bad := range []string{`{"version":4,"kind":"topic"}`, `{"version":3}`, `{"version":2,"kind":"queue"}`, `{"version":2}`, `{"version":2,"kind":"relay"}`, `{"version":1,"kind":"topic"}`, `{}`, ``, `{"version":2,"kind":"subscription","topic":77}`} {
		u := &commit.Unit{}
		store.PutEntity(u, broker.EntityRecord{ID: 9, Namespace: 1, Path: "x", Definition: []byte(bad)})
		store.Submit(u)
		store.Sync(u)
		if _, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: strings.NewReader("")}); err == nil {
			t.Errorf("definition %s: no error", bad)
		}
	}
}

// TestDefinitionsWithoutDefaults: what an older program did not know when it wrote a
// definition has its default.
func TestDefinitionsWithoutDefaults(t *testing.T) {
	store := brokertest.NewStore()
	newTopic(t, newBroker(t, store, "q"), "t", "s")
	u := &commit.Unit{}
	for _, r := range []broker.EntityRecord{
		{ID: 11, Path: "old", Definition: []byte(`{"version":1,"options":{"maxDeliveryCount":7}}`)},
		{ID: 12, Path: "oldt", Definition: []byte(`{"version":2,"kind":"topic","options":{"userMetadata":"m"}}`)},
		{ID: 13, Path: "oldt/Subscriptions/olds", Definition: []byte(`{"version":2,"kind":"subscription","topic":12,"name":"olds","options":{"status":"Disabled"}}`)},
	} {
		r.Namespace = 1
		store.PutEntity(u, r)
	}
	store.Submit(u)
	store.Sync(u)
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: strings.NewReader("")})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	queues, err := b.Queues("ns")
	if err != nil || len(queues) != 2 {
		t.Fatalf("queues %+v, %v", queues, err)
	}
	if o := queues[0].Options; o.LockDuration != time.Minute || o.MaxDeliveryCount != 7 || o.MaxMessageSize != 256<<10 || o.AutoDeleteOnIdle != broker.Forever {
		t.Errorf("queue: %+v", o)
	}
	topics, err := b.Topics("ns")
	if err != nil || len(topics) != 2 {
		t.Fatalf("topics %+v, %v", topics, err)
	}
	if o := topics[0].Options; o.UserMetadata != "m" || o.MaxSizeInMegabytes != 1024 || o.SupportOrdering == nil || !*o.SupportOrdering {
		t.Errorf("topic: %+v", o)
	}
	s, err := b.Subscription("ns", "oldt", "olds")
	if o := s.Options; err != nil || o.Status != broker.StatusDisabled || o.MaxDeliveryCount != 10 || o.MaxSizeInMegabytes != 0 {
		t.Errorf("subscription: %+v, %v", o, err)
	}
}

func TestSplitSubscription(t *testing.T) {
	for path, want := range map[string]string{
		"t/Subscriptions/s":                 "t s true",
		"a/b/SUBSCRIPTIONS/s":               "a/b s true",
		"a/subscriptions/b/subscriptions/c": "a/subscriptions/b c true",
		"t/Subscriptions/":                  "  false",
		"/Subscriptions/s":                  "  false",
		"Subscriptions/s":                   "  false",
		"t/s":                               "  false",
		"":                                  "  false",
	} {
		topic, name, ok := broker.SplitSubscription(path)
		if got := fmt.Sprint(topic, " ", name, " ", ok); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}
