package broker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/commit"
)

// stateWorld is an entity whose session "a" is held.
type stateWorld struct {
	*broker.Broker
	t     *testing.T
	store *brokertest.Store
	path  string
	q     *broker.Queue
}

func (w *stateWorld) open() {
	w.t.Helper()
	w.Broker = newBroker(w.t, w.store)
	if w.path == "q" {
		putQueue(w.t, w.Broker, "q", broker.QueueOptions{RequiresSession: true})
	} else {
		ctx := context.Background()
		if _, err := w.PutTopic(ctx, "ns", "t", broker.TopicOptions{}); err != nil {
			w.t.Fatal(err)
		}
		for _, s := range []string{"s", "other"} {
			if _, err := w.PutSubscription(ctx, "ns", "t", s, broker.QueueOptions{RequiresSession: true}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.q = queue(w.t, w.Broker, w.path)
	w.accept(w.q)
}

func (w *stateWorld) accept(q *broker.Queue) {
	w.t.Helper()
	id := "a"
	_, u, err := q.AcceptSession(broker.SessionOptions{ID: &id, Accepted: func(broker.Session) {},
		ConsumerOptions: broker.ConsumerOptions{Deliver: func([]broker.Delivery) {}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Sync(u)
}

func (w *stateWorld) set(q *broker.Queue, state []byte) error {
	u, err := q.SetSessionState("a", state, nil)
	w.Sync(u)
	return err
}

func (w *stateWorld) mustSet(n int) {
	w.t.Helper()
	if err := w.set(w.q, make([]byte, n)); err != nil {
		w.t.Fatalf("a state of %d bytes: %v", n, err)
	}
}

func (w *stateWorld) has(what string, want int64) {
	w.t.Helper()
	i, err := w.q.Info()
	if got := i.Counts.SizeInBytes; got != want || err != nil {
		w.t.Errorf("%s: the size is %d, want %d; %v", what, got, want, err)
	}
	if w.path == "q" {
		return
	}
	topic, err := w.Broker.Topic("ns", "t")
	if err != nil {
		w.t.Fatal(err)
	}
	if i, err := topic.Info(); i.SizeInBytes != want || err != nil {
		w.t.Errorf("%s: the size of the topic is %d, want %d; %v", what, i.SizeInBytes, want, err)
	}
}

// TestSessionStateCounts: the state of a session counts towards the size of its queue, or of
// its subscription and topic: when it is set, replaced and cleared, after a restart, and
// when an earlier program has set it, which kept no total.
func TestSessionStateCounts(t *testing.T) {
	for _, path := range []string{"q", "t/Subscriptions/s"} {
		synctest.Test(t, func(t *testing.T) {
			w := &stateWorld{t: t, store: brokertest.NewStore(), path: path}
			w.open()
			w.has("none", 0)
			w.mustSet(1000)
			w.has("a state", 1000)
			w.mustSet(300)
			w.has("a smaller one", 300)
			w.Close()
			w.open()
			w.has("after a restart", 300)
			w.mustSet(50)
			w.has("replaced after a restart", 50)

			u := &commit.Unit{}
			w.store.PutCounters(u, broker.QueueID{Entity: w.q.ID().Entity, Sub: broker.SessionStates}, broker.Counters{})
			w.store.Submit(u)
			w.Sync(u)
			w.Close()
			w.open()
			w.has("of an earlier program", 50)
			w.mustSet(60)
			w.has("replaced", 60)
			if err := w.set(w.q, nil); err != nil {
				t.Fatal(err)
			}
			w.has("cleared", 0)
			w.Close()
			w.open()
			w.has("cleared, after a restart", 0)
			w.Close()
		})
	}
}

// TestSessionStateOfFull: an entity that is full takes no state that is larger than the one
// before, whatever it is full of. It takes a smaller one, and then messages again.
func TestSessionStateOfFull(t *testing.T) {
	const limit = 1 << 30
	for _, path := range []string{"q", "t/Subscriptions/s"} {
		synctest.Test(t, func(t *testing.T) {
			w := &stateWorld{t: t, store: brokertest.NewStore(), path: path}
			w.open()
			w.mustSet(100)
			to := broker.Sender(w.q)
			full, subscriptions := "q", 1
			if path != "q" {
				full, subscriptions = "t", 2
				var err error
				if to, err = w.Sender("ns", "t"); err != nil {
					t.Fatal(err)
				}
			}
			sections := make([]byte, 1<<18)
			fill := func(bytes int) error {
				for left := bytes / subscriptions; left > 0; left -= len(sections) {
					m := &broker.Message{}
					m.Sections, m.HasSession = sections[:min(left, len(sections))], true
					u, err := to.Send([]*broker.Message{m}, nil)
					if err != nil {
						return err
					}
					w.Sync(u)
				}
				return nil
			}
			if err := fill(limit - 100 - 2); err != nil {
				t.Fatal(err)
			}
			w.mustSet(150) // the last one may exceed it
			var is *broker.FullError
			for what, err := range map[string]error{"a larger state": w.set(w.q, make([]byte, 151)), "a message": fill(2)} {
				if !errors.As(err, &is) || *is != (broker.FullError{Bytes: limit + 48, Max: limit}) {
					t.Errorf("%s in %s, which is full: %v", what, full, err)
				}
			}
			if path != "q" {
				other := queue(t, w.Broker, "t/Subscriptions/other")
				w.accept(other)
				if err := w.set(other, make([]byte, 1)); !errors.Is(err, broker.ErrQuotaExceeded) {
					t.Errorf("a state in another subscription of a full topic: %v", err)
				}
			}
			w.mustSet(150)
			w.mustSet(10)
			if err := fill(2); err != nil {
				t.Errorf("a message where a state has made room: %v", err)
			}
			w.Close()
		})
	}
}
