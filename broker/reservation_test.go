package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker/brokertest"
	"switchyard/broker/entity"
)

// TestReserveBehindExpired: a window full of messages that expired while the broker
// was not running does not hide those behind it.
func TestReserveBehindExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q")
		old := messages(2*entity.WindowSize, 8)
		for _, m := range old {
			m.TimeToLive = time.Second
		}
		send(t, b, queue(t, b, "q"), append(old, messages(1, 8)...)...)
		b.Close()
		time.Sleep(time.Minute)
		b = openBroker(t, store, store)
		r, err := queue(t, b, "q").Reserve(10)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil || r.Messages()[0].SequenceNumber != 2*entity.WindowSize+1 {
			t.Errorf("reserved %v, want message %d", r, 2*entity.WindowSize+1)
		}
	})
}
