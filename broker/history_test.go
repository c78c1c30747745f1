package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/commit"
)

var detecting = broker.QueueOptions{RequiresDuplicateDetection: true, DuplicateDetectionHistoryTimeWindow: time.Hour}

func withID(id string) *broker.Message {
	m := &broker.Message{}
	m.MessageID, m.Sections = id, []byte("x")
	return m
}

// TestDuplicatesInFlight: what nobody has synced yet is a duplicate too, however much has
// been sent since and no matter what sends it: a queue, or a topic's subscriptions in part.
func TestDuplicatesInFlight(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store)
	if _, err := b.PutQueue(context.Background(), "ns", "q", detecting); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutTopic(context.Background(), "ns", "t", detecting); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutSubscription(context.Background(), "ns", "t", "s", broker.SubscriptionOptions{}); err != nil {
		t.Fatal(err)
	}
	const n = 5000
	for _, path := range []string{"q", "t"} {
		to, err := b.Sender("ns", path)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for i := range n {
				if _, err := to.Send([]*broker.Message{withID(fmt.Sprint(i))}, nil); err != nil { // and no sync
					t.Fatal(err)
				}
			}
		}
	}
	for _, path := range []string{"q", "t/Subscriptions/s"} {
		info, err := queue(t, b, path).Info()
		if err != nil || info.Counts.Active != n {
			t.Errorf("%s has %d messages, %v; want %d", path, info.Counts.Active, err, n)
		}
	}
}

// TestDuplicateWaitsForTheFirst: who sends a duplicate hears of it when the message that
// it repeats is durable, and not before.
func TestDuplicateWaitsForTheFirst(t *testing.T) {
	b := newBroker(t, brokertest.NewStore())
	if _, err := b.PutQueue(context.Background(), "ns", "q", detecting); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutTopic(context.Background(), "ns", "t", detecting); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"q", "t"} {
		to, err := b.Sender("ns", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"first message", "duplicate"} {
			u, err := to.Send([]*broker.Message{withID("a")}, func(error) {})
			if err != nil || u == nil || u.Relaxed() {
				t.Errorf("%s to %s: error %v; its unit %+v may not be relaxed", what, path, err, u)
			}
		}
	}
}

// forgetful is a store whose message ids can't be read.
type forgetful struct {
	*brokertest.Store
	buckets, ids atomic.Pointer[error]
}

func (s *forgetful) IDBuckets(id broker.EntityID) ([]time.Time, error) {
	if err := s.buckets.Load(); err != nil {
		return nil, *err
	}
	return s.Store.IDBuckets(id)
}

func (s *forgetful) RememberedUntil(id broker.EntityID, buckets []time.Time, ids []string) ([]time.Time, error) {
	if err := s.ids.Load(); err != nil {
		return nil, *err
	}
	return s.Store.RememberedUntil(id, buckets, ids)
}

// TestDamagedHistory: while it can't be told whether a message is a duplicate it is
// refused, and the error says why; everything else goes on. An entity whose ids can't be
// found at the start is open all the same.
func TestDamagedHistory(t *testing.T) {
	for _, at := range []string{"at the start", "later"} {
		synctest.Test(t, func(t *testing.T) {
			store := &forgetful{Store: brokertest.NewStore()}
			b := newBroker(t, store.Store, "plain")
			if _, err := b.PutQueue(context.Background(), "ns", "q", detecting); err != nil {
				t.Fatal(err)
			}
			if _, err := b.PutTopic(context.Background(), "ns", "t", detecting); err != nil {
				t.Fatal(err)
			}
			send(t, b, queue(t, b, "q"), withID("a"))
			topic, err := b.Topic("ns", "t")
			if err != nil {
				t.Fatal(err)
			}
			u, err := topic.Send([]*broker.Message{withID("a")}, nil)
			if err != nil {
				t.Fatal(err)
			}
			b.Sync(u)
			b.Close()

			w := &damageWorld{t: t, store: &unreadable{Store: store.Store}}
			if at == "at the start" {
				store.buckets.Store(&errDamage)
			} else {
				store.ids.Store(&errDamage)
			}
			log := w.openOn(store)
			for path, kind := range map[string]string{"q": "queue", "t": "topic"} {
				to, err := w.Sender("ns", path)
				if err != nil {
					t.Fatal(err)
				}
				_, err = to.Send([]*broker.Message{withID("b")}, nil)
				if !errors.Is(err, broker.ErrDamaged) || !strings.Contains(err.Error(), "the ids of earlier messages can't be read") ||
					!strings.Contains(err.Error(), fmt.Sprintf("%s %q", kind, path)) {
					t.Errorf("damage %s: send to the %s: %v, want an error that names it", at, kind, err)
				}
				if !strings.Contains(log.String(), kind+"="+path) {
					t.Errorf("damage %s: the log says nothing of the %s: %s", at, kind, log)
				}
			}
			if found := w.Damage(); len(found) != 2 || !strings.Contains(found[0], `queue "q"`) || !strings.Contains(found[1], `topic "t"`) {
				t.Errorf("damage %s: what is known to be damaged is %q", at, found)
			}
			send(t, w.Broker, queue(t, w.Broker, "plain"), withID("b"))
			if got, _, err := w.receive("q", broker.ReceiveAndDelete, 10); len(got) != 1 || err != nil {
				t.Errorf("damage %s: received %v, %v; want the message that is there", at, got, err)
			}
			store.ids.Store(nil)
			if to := queue(t, w.Broker, "q"); at == "later" {
				send(t, w.Broker, to, withID("b")) // what can be read again
			}
		})
	}
}

// TestHistoryIsForgotten: what is over is gone from the store, whether or not anybody
// sends, and so is that of a start later.
func TestHistoryIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store)
		if _, err := b.PutQueue(context.Background(), "ns", "q", detecting); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutTopic(context.Background(), "ns", "t", detecting); err != nil {
			t.Fatal(err)
		}
		empty := store.Keys()
		fill := func(b *broker.Broker) {
			for _, path := range []string{"q", "t"} {
				to, err := b.Sender("ns", path)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 100 {
					u, err := to.Send([]*broker.Message{withID(fmt.Sprint(i))}, nil)
					if err != nil {
						t.Fatal(err)
					}
					b.Sync(u)
					time.Sleep(time.Second)
				}
			}
		}
		want := func(b *broker.Broker, when string) {
			w := &damageWorld{Broker: b, t: t}
			got, _, _ := w.receive("q", broker.ReceiveAndDelete, 100)
			if keys := store.Keys(); len(got) != 100 || keys > empty+2 { // counters
				t.Errorf("%s: %d messages, then %d records are left, want 100 and about %d", when, len(got), keys, empty)
			}
		}
		fill(b)
		time.Sleep(3 * time.Hour)
		want(b, "after some hours")
		fill(b)
		b.Close()
		time.Sleep(3 * time.Hour)
		b = newBroker(t, store)
		time.Sleep(time.Second)
		want(b, "after a start some hours later")
	})
}

// TestNoHistory: a queue without detection reads and writes no ids.
func TestNoHistory(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	ids := 0
	store.Committed = func(u *commit.Unit) {
		for _, op := range u.Ops() {
			if op.Key[0] == 'i' {
				ids++
			}
		}
	}
	for i := range 3000 {
		send(t, b, queue(t, b, "q"), withID(fmt.Sprint(i)))
	}
	if ids != 0 || store.IDReads.Load() != 0 {
		t.Errorf("%d ids were written and %d read, want none", ids, store.IDReads.Load())
	}
}
