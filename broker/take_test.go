package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
)

// TestTakeBeforeIsOfTheWallClock: who takes what came before a time means the time that is
// shown of messages, however far the wall clock is from that of the process.
func TestTakeBeforeIsOfTheWallClock(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 0, -time.Hour} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			p, now := clock.NewProcess(clock.Wall{}), time.Now()
			p.Resume(clock.Mark{Time: now.Add(-ahead), Wall: now, Sets: []clock.Set{{From: now.Add(-ahead - time.Minute), Ahead: ahead}}})
			store := brokertest.NewStore()
			b, err := broker.New(broker.Options{Store: store, Log: store, Clock: p, Rand: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			b.Start(context.Background())
			defer b.Close()
			if err := b.PutNamespace(t.Context(), "ns", broker.NamespaceOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := b.PutQueue(t.Context(), "ns", "q", broker.QueueOptions{}); err != nil {
				t.Fatal(err)
			}
			q := queue(t, b, "q")
			send(t, b, q, messages(2, 8)...)
			time.Sleep(2 * time.Millisecond) // times of messages are of whole milliseconds
			before := time.Now()
			time.Sleep(2 * time.Millisecond)
			send(t, b, q, messages(3, 8)...)
			n, u, err := q.Take(broker.TakeOptions{Max: 10, Before: before})
			if err != nil || n != 2 {
				t.Fatalf("took %d, %v, want the 2 that came before", n, err)
			}
			b.Sync(u)
		})
	}
}
