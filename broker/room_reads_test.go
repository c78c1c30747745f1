package broker_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestRoomReads: each message that leaves an entity that is full makes room for one of those
// that wait. That does not read all that wait each time.
func TestRoomReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q", "full")
		full := queue(t, b, "full")
		broker.SetMaxBytes(full, 200)
		const n = 2000
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint("f", i))
		}
		sendVia(t, b, "q", "full", list...)
		time.Sleep(time.Minute)
		synctest.Wait()
		before := store.Reads.Load()
		for range 10 {
			take(t, b, full, 1)
			synctest.Wait()
		}
		if reads := store.Reads.Load() - before; reads > 2*n {
			t.Errorf("%d wait and there was room 10 times in a moment: %d reads", n, reads)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		waiting := n - 10
		if info, err := full.Info(); err != nil || info.Counts.Active == 0 {
			t.Errorf("the full entity has %+v, %v", info.Counts, err)
		} else {
			waiting -= int(info.Counts.Active)
		}
		wantTransfer(t, queue(t, b, "q"), int64(waiting), 0)
		b.Close()
	})
}
