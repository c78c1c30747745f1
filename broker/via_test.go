package broker_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/commit"
)

// sendVia sends messages of 10 bytes, named by their ids.
func sendVia(t *testing.T, b *broker.Broker, by, to string, ids ...string) {
	t.Helper()
	sender, err := b.Via("ns", by, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		m := messages(1, 10)
		m[0].MessageID = id
		u, err := sender.Send(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(u)
		synctest.Wait()
	}
}

func ids(t *testing.T, q *broker.Queue) (ids []string) {
	t.Helper()
	msgs, err := q.Peek(1, 250)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range msgs {
		ids = append(ids, m.MessageID)
	}
	return ids
}

func wantIDs(t *testing.T, q *broker.Queue, want ...string) {
	t.Helper()
	if got := ids(t, q); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", q.Path()+q.SubQueue().Suffix(), got, want)
	}
}

func wantTransfer(t *testing.T, q *broker.Queue, waiting, dead int64) {
	t.Helper()
	info, err := q.Info()
	if err != nil || info.Counts.Transfer != waiting || info.Counts.TransferDeadLetter != dead {
		t.Errorf("%s: %d messages wait to go on and %d are dead, error %v; want %d and %d", q.Path(),
			info.Counts.Transfer, info.Counts.TransferDeadLetter, err, waiting, dead)
	}
}

// TestTransferWaits: messages for an entity that is full wait in their order, those for
// others go on, and nothing is read while there is no room [SB-SEM 4].
func TestTransferWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q", "full", "other", "gone")
		q, full, other := queue(t, b, "q"), queue(t, b, "full"), queue(t, b, "other")
		broker.SetMaxBytes(full, 20)
		broker.SetMaxBytes(queue(t, b, "gone"), 0)
		sendVia(t, b, "q", "full", "f1", "f2", "f3", "f4")
		sendVia(t, b, "q", "other", "o1")
		sendVia(t, b, "q", "gone", "g1", "g2")
		sendVia(t, b, "q", "full", "f5")
		sendVia(t, b, "q", "other", "o2")
		wantIDs(t, full, "f1", "f2")
		wantIDs(t, other, "o1", "o2")
		wantTransfer(t, q, 5, 0)
		before := store.Reads.Load()
		time.Sleep(time.Minute)
		if n := store.Reads.Load() - before; n > 0 {
			t.Errorf("%d reads while there is no room, want none", n)
		}
		wantTransfer(t, q, 5, 0)

		// There is room: those that came first go, together, and the last may be too much.
		take(t, b, full, 1)
		synctest.Wait()
		wantIDs(t, full, "f2", "f3", "f4")
		sendVia(t, b, "q", "full", "f6")
		wantTransfer(t, q, 4, 0)
		take(t, b, full, 2)
		time.Sleep(time.Second) // since it went on last
		synctest.Wait()
		wantIDs(t, full, "f4", "f5", "f6")
		sendVia(t, b, "q", "full", "f7")
		wantTransfer(t, q, 3, 0)

		// An entity that is deleted or changed lets them try at once.
		if err := commit.Do(context.Background(), store, 0, b.DeleteQueueEffect("ns", "gone", false)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantTransfer(t, q, 1, 2)
		wantIDs(t, queue(t, b, "q/$Transfer/$DeadLetterQueue"), "g1", "g2")
		if _, err := b.PutQueue(context.Background(), "ns", "full", broker.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantIDs(t, full, "f4", "f5", "f6", "f7")
		wantTransfer(t, q, 0, 2)
		b.Close()
	})
}

// TestTransferWaitsOverRestart: a process that finds messages in transfer queues, of a topic
// too, lets them go on.
func TestTransferWaitsOverRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q", "full")
		newTopic(t, b, "t", "s")
		broker.SetMaxBytes(queue(t, b, "full"), 0)
		sendVia(t, b, "q", "full", "a", "b")
		sendVia(t, b, "t", "full", "c")
		sendVia(t, b, "q", "t", "d")
		wantTransfer(t, queue(t, b, "q"), 2, 0)
		wantIDs(t, queue(t, b, "t/subscriptions/s"), "d")
		b.Close()
		b = openBroker(t, store, store)
		wantTransfer(t, queue(t, b, "q"), 2, 0)
		b.Start(context.Background())
		synctest.Wait()
		got := ids(t, queue(t, b, "full"))
		slices.Sort(got)
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("after a restart %q have gone on, want a, b and c", got)
		}
		b.Close()
	})
}

// TestTransferExpires: the time to live of a message runs on its way too; whether it is
// dead-lettered is said by the entity by way of which it goes.
func TestTransferExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "drops", "full")
		keeps := broker.QueueOptions{DeadLetteringOnMessageExpiration: true, DefaultMessageTimeToLive: time.Second}
		if _, err := b.PutQueue(context.Background(), "ns", "keeps", keeps); err != nil {
			t.Fatal(err)
		}
		newTopic(t, b, "t")
		broker.SetMaxBytes(queue(t, b, "full"), 0)
		for _, by := range []string{"drops", "keeps", "t"} {
			sender, err := b.Via("ns", by, "full")
			if err != nil {
				t.Fatal(err)
			}
			msgs := messages(2, 10)
			msgs[0].TimeToLive = 5 * time.Second // the other has none of its own
			u, err := sender.Send(msgs, nil)
			if err != nil {
				t.Fatal(err)
			}
			b.Sync(u)
		}
		time.Sleep(6 * time.Second)
		wantTransfer(t, queue(t, b, "drops"), 1, 0)
		wantTransfer(t, queue(t, b, "keeps"), 1, 1)
		topic, err := b.Topic("ns", "t")
		if err != nil {
			t.Fatal(err)
		}
		if info, err := topic.Info(); err != nil || info.Transfer != 1 || info.TransferDeadLetter != 0 || info.SizeInBytes != 10 {
			t.Errorf("topic %+v, %v; want one message on its way", info, err)
		}
		dead, err := queue(t, b, "keeps/$Transfer/$DeadLetterQueue").Peek(1, 1)
		if err != nil || len(dead) != 1 || dead[0].Destination != "full" {
			t.Fatalf("dead letters %v, %v; want one for full", dead, err)
		}
		if want := (broker.Property{Name: "DeadLetterReason", Value: "TTLExpiredException"}); !slices.Contains(dead[0].Properties, want) {
			t.Errorf("properties %v, want %v", dead[0].Properties, want)
		}
		b.Close()
	})
}

// TestTransferQuota: what waits to go on counts towards the size of the entity by way of
// which it goes.
func TestTransferQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "q", "full")
		q := queue(t, b, "q")
		broker.SetMaxBytes(queue(t, b, "full"), 0)
		broker.SetMaxBytes(q, 30)
		sendVia(t, b, "q", "full", "a", "b", "c")
		sender, err := b.Via("ns", "q", "full")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sender.Send(messages(1, 10), nil); !errors.Is(err, broker.ErrQuotaExceeded) {
			t.Errorf("a fourth message: %v, want ErrQuotaExceeded", err)
		}
		if err := b.NewTransaction().Send(sender, messages(1, 10)); !errors.Is(err, broker.ErrQuotaExceeded) {
			t.Errorf("in a transaction: %v, want ErrQuotaExceeded", err)
		}
		b.Close()
	})
}

// TestTransferDeletedTopic: who reads the dead letters of a topic's transfer queue learns
// that it is deleted; a pipeline run that holds one keeps it.
func TestTransferDeletedTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store)
		newTopic(t, b, "t", "s")
		if _, err := b.PutQueue(context.Background(), "ns", "off", broker.QueueOptions{Status: broker.StatusDisabled}); err != nil {
			t.Fatal(err)
		}
		sendVia(t, b, "t", "off", "a", "b")
		dead := queue(t, b, "t/$Transfer/$DeadLetterQueue")
		closed := make(chan error, 1)
		c, err := dead.NewConsumer(broker.ConsumerOptions{Deliver: func([]broker.Delivery) {}, Closed: func(err error) { closed <- err }})
		if err != nil {
			t.Fatal(err)
		}
		r, err := dead.Reserve(broker.ReserveLimit{Messages: 1})
		if err != nil {
			t.Fatal(err)
		}
		stage(t, store, r.LockFor("run"))
		if locks := b.RunLocks()["run"]; len(locks) != 1 || locks[0].Queue != dead.ID() {
			t.Errorf("the run holds %v, want one of %v", locks, dead.ID())
		}
		b.Sync(c.AddCredit(1))
		remove := func(force bool) error {
			return commit.Do(context.Background(), store, 0, b.DeleteTopicEffect("ns", "t", force))
		}
		if err := remove(false); !errors.Is(err, broker.ErrEntityInUse) {
			t.Errorf("delete while a run holds a message: %v, want ErrEntityInUse", err)
		}
		namespace := b.DeleteNamespaceEffect("ns", false)
		if err := commit.Do(context.Background(), store, 0, namespace); !errors.Is(err, broker.ErrEntityInUse) {
			t.Errorf("delete the namespace while a run holds a message: %v, want ErrEntityInUse", err)
		}
		if err := commit.Do(context.Background(), store, 0, b.ReleaseRun("run")); err != nil {
			t.Fatal(err)
		}
		if err := remove(false); err != nil {
			t.Errorf("delete: %v", err)
		}
		synctest.Wait()
		select {
		case err := <-closed:
			if !errors.Is(err, broker.ErrEntityDeleted) {
				t.Errorf("closed with %v, want ErrEntityDeleted", err)
			}
		default:
			t.Error("the consumer does not learn that the topic is deleted")
		}
		b.Close()
	})
}

func take(t *testing.T, b *broker.Broker, q *broker.Queue, n int) {
	t.Helper()
	got, u, err := q.Take(broker.TakeOptions{Max: n})
	if err != nil || got != n {
		t.Fatalf("took %d of %d, %v", got, n, err)
	}
	b.Sync(u)
}

// TestTransferGoesOnBySettlement: what waits for a topic that is full goes on as soon as a
// receiver of one of its subscriptions has settled what makes room.
func TestTransferGoesOnBySettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "q")
		topic := newTopic(t, b, "t", "s")
		sections := make([]byte, 1<<18)
		for range 4096 { // they share the bytes
			m := &broker.Message{}
			m.Sections = sections
			u, err := topic.Send([]*broker.Message{m}, nil)
			if err != nil {
				t.Fatal(err)
			}
			b.Sync(u)
		}
		q := queue(t, b, "q")
		sendVia(t, b, "q", "t", "a", "b")
		time.Sleep(time.Hour)
		wantTransfer(t, q, 2, 0)
		s := queue(t, b, "t/subscriptions/s")
		var locked broker.LockToken
		c, err := s.NewConsumer(broker.ConsumerOptions{Deliver: func(ds []broker.Delivery) { locked = ds[0].LockToken }})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.AddCredit(1))
		synctest.Wait()
		wantTransfer(t, q, 2, 0)
		b.Sync(s.Settle([]broker.LockToken{locked}, broker.Outcome{Kind: broker.Complete}, nil))
		synctest.Wait()
		wantTransfer(t, q, 0, 0)
		b.Close()
	})
}
