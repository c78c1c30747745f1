package broker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// failing is a store whose expiry index can't be read.
type failing struct {
	*brokertest.Store
	reads atomic.Int32
}

func (s *failing) Expired(q broker.QueueID, after broker.Expiry, limit int) ([]broker.Expiry, error) {
	if n := s.reads.Add(1); n == 1 || n > 1000 {
		return s.Store.Expired(q, after, limit) // to open; and so that the test ends
	}
	return nil, errors.New("unreadable")
}

// TestPauseAfterFailure: a read that fails is not tried again at once, although it is
// overdue.
func TestPauseAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q")
		m := messages(1, 8)
		m[0].TimeToLive = time.Second
		send(t, b, queue(t, b, "q"), m...)
		b.Close()
		s := &failing{Store: store}
		b = openBroker(t, s, store)
		b.Start(context.Background())
		time.Sleep(10500 * time.Millisecond)
		synctest.Wait()
		if n := s.reads.Load(); n < 9 || n > 12 {
			t.Errorf("%d reads in 10 s, want one each second", n)
		}
		b.Close()
	})
}

// TestBacklogIsReadOnce: what was sent to an earlier process is read once, with its
// content; what is too much to be kept with the headers is read when it is its turn.
func TestBacklogIsReadOnce(t *testing.T) {
	for _, c := range []struct {
		size  int
		reads int64
	}{{1 << 10, 100}, {64 << 10, 100 + 84}} {
		synctest.Test(t, func(t *testing.T) {
			store := brokertest.NewStore()
			b := newBroker(t, store, "q")
			send(t, b, queue(t, b, "q"), messages(100, c.size)...)
			b.Close()
			b = openBroker(t, store, store)
			b.Start(context.Background())
			defer b.Close()
			store.Reads.Store(0)
			got := 0
			consumer, err := queue(t, b, "q").NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) {
				for _, d := range batch {
					if len(d.Sections) != c.size {
						t.Errorf("message %d has %d bytes, want %d", d.SequenceNumber, len(d.Sections), c.size)
					}
				}
				got += len(batch)
			}})
			if err != nil {
				t.Fatal(err)
			}
			for got < 100 {
				before := got
				b.Sync(consumer.AddCredit(10))
				synctest.Wait()
				if got != before+10 {
					t.Fatalf("%d messages for a credit of 10", got-before)
				}
			}
			if store.Reads.Load() != c.reads {
				t.Errorf("100 messages of %d bytes took %d reads, want %d", c.size, store.Reads.Load(), c.reads)
			}
		})
	}
}
