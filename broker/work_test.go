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
