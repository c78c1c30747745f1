package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/commit"
)

// TestDeliveryBeforeSync: what is only locked, never before, and is on the disk is delivered
// at once; everything else when the unit is durable, and no batch overtakes another.
func TestDeliveryBeforeSync(t *testing.T) {
	type world struct {
		q     *broker.Queue
		c     *broker.Consumer
		sync  func(*commit.Unit)
		sends func(n int) *commit.Unit // without a sync
	}
	for _, test := range []struct {
		name string
		mode broker.ReceiveMode
		sent int // and durable
		// do returns the unit that is not synced.
		do            func(w world) *commit.Unit
		before, after []int64 // delivered before and after the sync
	}{
		{"what is on the disk", broker.PeekLock, 3, func(w world) *commit.Unit { return w.c.AddCredit(2) }, []int64{1, 2}, []int64{1, 2}},
		{"removed by the delivery", broker.ReceiveAndDelete, 3, func(w world) *commit.Unit { return w.c.AddCredit(2) }, nil, []int64{1, 2}},
		{"what is not on the disk yet", broker.PeekLock, 0, func(w world) *commit.Unit {
			w.sync(w.c.AddCredit(2))
			return w.sends(2)
		}, nil, []int64{1, 2}},
		{"none overtakes", broker.PeekLock, 2, func(w world) *commit.Unit {
			w.sync(w.c.AddCredit(2))
			w.sends(2)
			w.c.AddCredit(1)
			return w.c.AddCredit(1)
		}, []int64{1, 2}, []int64{1, 2, 3, 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBroker(t, brokertest.NewStore(), "q")
			defer b.Close()
			q := queue(t, b, "q")
			if test.sent > 0 {
				send(t, b, q, messages(test.sent, 8)...)
			}
			var got []int64
			c, err := q.NewConsumer(broker.ConsumerOptions{Mode: test.mode, Deliver: func(ds []broker.Delivery) {
				for _, d := range ds {
					got = append(got, d.SequenceNumber)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			u := test.do(world{q, c, b.Sync, func(n int) *commit.Unit {
				u, err := q.Send(messages(n, 8), nil)
				if err != nil {
					t.Fatal(err)
				}
				return u
			}})
			before := slices.Clone(got)
			b.Sync(u)
			if fmt.Sprint(before, got) != fmt.Sprint(test.before, test.after) {
				t.Errorf("delivered %v, and after the sync %v; want %v and %v", before, got, test.before, test.after)
			}
		})
	}
}
