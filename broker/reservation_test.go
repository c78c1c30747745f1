package broker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/broker/entity"
)

// TestReserveBehindExpired: windows full of messages that expired while the broker
// was not running do not hide those behind them, nor do they all come into memory.
func TestReserveBehindExpired(t *testing.T) {
	for _, deadLetter := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const old = 8 * entity.WindowSize
			store := brokertest.NewStore()
			b := newBroker(t, store)
			o := broker.QueueOptions{DeadLetteringOnMessageExpiration: deadLetter}
			if _, err := b.PutQueue(context.Background(), "ns", "q", o); err != nil {
				t.Fatal(err)
			}
			msgs := messages(old+1, 8)
			for _, m := range msgs[:old] {
				m.TimeToLive = time.Second
			}
			send(t, b, queue(t, b, "q"), msgs...)
			b.Close()
			time.Sleep(time.Minute)
			q := queue(t, openBroker(t, store, store), "q")
			r, err := q.Reserve(broker.ReserveLimit{Messages: 10})
			if err != nil {
				t.Fatal(err)
			}
			if r == nil || r.Messages()[0].SequenceNumber != old+1 {
				t.Errorf("dead-lettering %v: reserved %v, want message %d", deadLetter, r, old+1)
			}
			if n := broker.InMemory(q); n > 2*entity.WindowSize {
				t.Errorf("dead-lettering %v: %d messages in memory, want no more than two windows", deadLetter, n)
			}
		})
	}
}

// TestReserveLimit: a reservation ends before the message that is too much, but for the
// first, and says so; what is more than was granted is not read, and how much that is
// is said.
func TestReserveLimit(t *testing.T) {
	b := newBroker(t, brokertest.NewStore())
	if _, err := b.PutQueue(context.Background(), "ns", "q", broker.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	q := queue(t, b, "q")
	send(t, b, q, messages(4, 1000)...)
	for _, c := range []struct {
		limit broker.ReserveLimit
		count int // 0: too large
		full  bool
	}{
		{broker.ReserveLimit{Messages: 10}, 4, false},
		{broker.ReserveLimit{Messages: 3, Bytes: 10_000}, 3, false},
		{broker.ReserveLimit{Messages: 10, Bytes: 2500}, 2, true},
		{broker.ReserveLimit{Messages: 10, Bytes: 10}, 1, true},
		{broker.ReserveLimit{Messages: 1, Bytes: 10}, 1, false},
		{broker.ReserveLimit{Messages: 10, Bytes: 2500, Granted: 1500}, 0, false},
		{broker.ReserveLimit{Messages: 10, Granted: 10_000}, 4, false},
	} {
		r, err := q.Reserve(c.limit)
		if c.count == 0 {
			var large *broker.LargeBatch
			if !errors.As(err, &large) || large.Bytes < 2000 || large.Bytes > 2500 {
				t.Errorf("%+v: %v, %v, want that there are two messages", c.limit, r, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", c.limit, err)
		}
		if got := len(r.Messages()); got != c.count || r.Full() != c.full {
			t.Errorf("%+v: %d messages, full %v, want %d and %v", c.limit, got, r.Full(), c.count, c.full)
		}
		r.Release()
	}
}
