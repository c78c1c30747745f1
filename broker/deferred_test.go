package broker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestManyLargeByNumber: what is received by number is in memory all at once, so it has a
// bound, which names itself; what is cancelled is not read.
func TestManyLargeByNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store)
		q := premiumQueue(t, b)
		var tokens []broker.LockToken
		c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) {
			for _, d := range batch {
				tokens = append(tokens, d.LockToken)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.AddCredit(10))
		send(t, b, q, messages(1, 80<<20)...) // one may be larger
		for range 3 {
			send(t, b, q, messages(1, 30<<20)...)
		}
		synctest.Wait()
		b.Sync(q.Settle(tokens, broker.Outcome{Kind: broker.Defer}, nil))
		receive := func(seqs ...int64) (n int, err error) {
			u, err := q.ReceiveDeferred(nil, seqs, broker.PeekLock, func(m []*broker.Message, _ error) { n = len(m) })
			b.Sync(u)
			return n, err
		}
		if n, err := receive(2, 3, 4); !errors.Is(err, broker.ErrMessageTooLarge) || n != 0 {
			t.Errorf("90 MiB in three messages: %d are received, %v", n, err)
		}
		for _, seqs := range [][]int64{{1}, {2, 3}, {4}} {
			if n, err := receive(seqs...); err != nil || n != len(seqs) {
				t.Errorf("%v: %d are received, %v", seqs, n, err)
			}
		}

		var numbers []int64
		for range 3 {
			m := messages(1, 30<<20)
			m[0].ScheduledFor = time.Now().Add(time.Hour)
			send(t, b, q, m...)
			numbers = append(numbers, m[0].SequenceNumber)
		}
		u, err := q.CancelScheduled(numbers, func() {})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(u)
		info, err := q.Info()
		if err != nil || info.Counts.Scheduled != 0 || info.Counts.SizeInBytes != 170<<20 {
			t.Errorf("%d are scheduled, the queue has %d MiB, %v; want none and 170", info.Counts.Scheduled, info.Counts.SizeInBytes>>20, err)
		}
		b.Close()
	})
}
