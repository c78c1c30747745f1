package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
)

const fiveMinutes = 5 * time.Minute

// TestIdleTrigger: a trigger that waits for messages keeps its queue.
func TestIdleTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore())
		defer b.Close()
		if _, err := b.PutQueue(context.Background(), "ns", "q", broker.QueueOptions{AutoDeleteOnIdle: fiveMinutes}); err != nil {
			t.Fatal(err)
		}
		stop := queue(t, b, "q").OnReady(func() {})
		time.Sleep(time.Hour)
		stop()
		if _, err := b.Queue("ns", "q"); err != nil {
			t.Fatalf("a trigger waits for it: %v", err)
		}
		time.Sleep(2 * fiveMinutes)
		if _, err := b.Queue("ns", "q"); !errors.Is(err, broker.ErrEntityNotFound) {
			t.Errorf("nobody waits: got error %v, want that it is gone", err)
		}
	})
}

// stuck is a log that admits nothing, not even what frees space, while it is full.
type stuck struct {
	*brokertest.Store
	full atomic.Bool
}

func (s *stuck) Admit(ctx context.Context, bytes int) error {
	if s.full.Load() {
		return commit.ErrFull
	}
	return s.Store.Admit(ctx, bytes)
}

// TestIdleUnit: what others keep of an entity is deleted in the same unit, and what can't
// be deleted is tried again.
func TestIdleUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		log := &stuck{Store: store}
		committed := map[*commit.Unit]bool{}
		store.Committed = func(u *commit.Unit) { committed[u] = len(u.Ops()) > 0 }
		var with []string
		deleted := map[string]*commit.Unit{}
		b, err := broker.New(broker.Options{Store: store, Log: log, Clock: clock.Wall{}, Rand: rand.Reader,
			Belongings: func(ns, path string) func(u *commit.Unit) {
				return func(u *commit.Unit) {
					with = append(with, ns+" "+path)
					deleted[path] = u
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		b.Start(t.Context())
		defer b.Close()
		ctx := context.Background()
		if err := b.PutNamespace(ctx, "ns", broker.NamespaceOptions{}); err != nil {
			t.Fatal(err)
		}
		o := broker.QueueOptions{AutoDeleteOnIdle: fiveMinutes}
		if _, err := b.PutQueue(ctx, "ns", "Q", o); err != nil {
			t.Fatal(err)
		}
		log.full.Store(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, err := b.Queue("ns", "q"); err != nil || len(with) > 0 {
			t.Fatalf("while nothing can be written: %v, %q", err, with)
		}
		log.full.Store(false)
		time.Sleep(2 * fiveMinutes)
		synctest.Wait()
		if _, err := b.Queue("ns", "q"); !errors.Is(err, broker.ErrEntityNotFound) {
			t.Errorf("got error %v, want that it is gone", err)
		}
		if fmt.Sprint(with) != "[ns Q]" || !committed[deleted["Q"]] {
			t.Errorf("what others keep: %q, in a unit with the deletion: %v", with, committed[deleted["Q"]])
		}
		// It stays deleted.
		again := openBroker(t, store, store)
		defer again.Close()
		if _, err := again.Queue("ns", "q"); !errors.Is(err, broker.ErrEntityNotFound) {
			t.Errorf("after a restart: got error %v", err)
		}
	})
}

// TestManyIdle: ten thousand queues that are idle at the same moment are deleted one after
// the other, while the others are served; nobody waits for all of them.
func TestManyIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		var slow atomic.Bool
		store.Committed = func(*commit.Unit) {
			if slow.Load() {
				time.Sleep(time.Millisecond)
			}
		}
		b := newBroker(t, store, "used")
		defer b.Close()
		ctx := context.Background()
		const n = 9_999
		for i := range n {
			if _, err := b.PutQueue(ctx, "ns", fmt.Sprint("q", i), broker.QueueOptions{AutoDeleteOnIdle: fiveMinutes}); err != nil {
				t.Fatal(err)
			}
		}
		// While it deletes, three workers are there for the others: what is sent is read for a
		// receiver that comes later.
		slow.Store(true)
		time.Sleep(fiveMinutes + time.Second)
		before, err := b.Queues("ns")
		if err != nil || len(before) < n/2 {
			t.Fatalf("after a second of deletions there are %d queues, error %v", len(before), err)
		}
		q := queue(t, b, "used")
		send(t, b, q, messages(300, 10)...)
		var got atomic.Int64
		c, err := q.NewConsumer(broker.ConsumerOptions{Mode: broker.ReceiveAndDelete, Deliver: func(d []broker.Delivery) { got.Add(int64(len(d))) }})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.AddCredit(300))
		began := time.Now()
		for got.Load() < 300 && time.Since(began) < time.Second {
			time.Sleep(time.Millisecond)
		}
		if after, err := b.Queues("ns"); err != nil || len(after) < n/3 || got.Load() < 300 {
			t.Errorf("%d of 300 messages came while %d queues were left, error %v", got.Load(), len(after), err)
		}
		time.Sleep(time.Minute)
		if left, err := b.Queues("ns"); err != nil || len(left) != 1 {
			t.Errorf("%d queues are left, error %v, want the one without a time", len(left), err)
		}
	})
}

// TestIdleRace: a client that uses an entity at the moment of its deletion is either told that it
// is gone or keeps it; nothing that was accepted is lost.
func TestIdleRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore())
		defer b.Close()
		ctx := context.Background()
		kept, gone := 0, 0
		for i := range 200 {
			path := fmt.Sprint("q", i)
			if _, err := b.PutQueue(ctx, "ns", path, broker.QueueOptions{AutoDeleteOnIdle: fiveMinutes}); err != nil {
				t.Fatal(err)
			}
			q := queue(t, b, path)
			time.Sleep(fiveMinutes) // both are woken at this moment
			u, err := q.Send(messages(1, 10), nil)
			b.Sync(u)
			synctest.Wait()
			switch _, there := b.Queue("ns", path); {
			case err == nil && there == nil:
				kept++
			case errors.Is(err, broker.ErrEntityDeleted) && there != nil:
				gone++
			default:
				t.Fatalf("send: %v; the queue: %v", err, there)
			}
		}
		t.Logf("%d kept, %d gone", kept, gone)
	})
}

// TestIdleDamaged: a queue that can't be opened waits for somebody who looks at it.
func TestIdleDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store)
		if _, err := b.PutQueue(context.Background(), "ns", "q", broker.QueueOptions{AutoDeleteOnIdle: fiveMinutes}); err != nil {
			t.Fatal(err)
		}
		q := queue(t, b, "q")
		send(t, b, q, messages(1, 10)...)
		b.Close()
		b = openBroker(t, &unreadable{Store: store, entity: q.ID().Entity, statuses: true, err: broker.ErrDamaged}, store)
		b.Start(context.Background())
		defer b.Close()
		time.Sleep(time.Hour)
		if _, err := b.Queue("ns", "q"); err != nil {
			t.Errorf("it is gone: %v", err)
		}
	})
}
