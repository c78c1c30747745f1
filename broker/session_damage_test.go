package broker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
)

// TestDamageInSession: damage in a session ends who receives from it, and nobody else; and
// who waits for the next session and can't have one is told, instead of trying for ever.
func TestDamageInSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 0, broker.QueueOptions{RequiresSession: true})
		w.store.err = errDamage
		w.open()
		q := queue(t, w.Broker, "q")
		sent := messages(4, 8)
		for i, m := range sent {
			m.HasSession, m.SessionID = true, []string{"a", "a", "b", "c"}[i]
		}
		send(t, w.Broker, q, sent...)
		w.Close()
		w.store.from.Store(2)
		w.open()
		q = queue(t, w.Broker, "q")

		ends := map[string]error{}
		accept := func(name string, id *string) *broker.Consumer {
			c, u, err := q.AcceptSession(broker.SessionOptions{ID: id, Accepted: func(broker.Session) {},
				ConsumerOptions: broker.ConsumerOptions{Deliver: func([]broker.Delivery) {},
					Closed: func(err error) { ends[name] = err }}})
			if err != nil {
				t.Fatal(err)
			}
			w.Sync(u)
			return c
		}
		none, id := "none", "a"
		other := accept("other", &none)
		w.Sync(other.AddCredit(1))
		damaged := accept("damaged", &id)
		w.Sync(damaged.AddCredit(5))
		synctest.Wait()
		if !errors.Is(ends["damaged"], broker.ErrDamaged) || ends["other"] != nil {
			t.Errorf("after damage in a session its receiver ended with %v, another with %v", ends["damaged"], ends["other"])
		}
		first := accept("first", nil) // gets session a, of which message 1 is before the damage
		accept("next", nil)
		reads := w.store.scans.Load()
		time.Sleep(time.Second)
		synctest.Wait()
		if !errors.Is(ends["next"], broker.ErrDamaged) || ends["first"] != nil || ends["other"] != nil {
			t.Errorf("who waits for the next session ended with %v, who holds one with %v", ends["next"], ends["first"])
		}
		if n := w.store.scans.Load() - reads; n > 10 {
			t.Errorf("%d reads of what is damaged", n)
		}
		w.Sync(first.Close())
		w.Close()
	})
}
