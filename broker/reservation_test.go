package broker_test

import (
	"context"
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
			r, err := q.Reserve(10)
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
