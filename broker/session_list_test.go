package broker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestSessionsByPages: who lists sessions page by page gets each once, by reads of about
// what is on the pages, also if those of the pages before are gone meanwhile.
func TestSessionsByPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store)
		if _, err := b.PutQueue(context.Background(), "ns", "q", broker.QueueOptions{RequiresSession: true}); err != nil {
			t.Fatal(err)
		}
		q := queue(t, b, "q")
		const n, page = 3000, 100
		for i := range n { // every third has messages, every third a state, every third both
			id := fmt.Sprintf("session-%d", i)
			if i%3 != 1 {
				m := messages(2, 8)
				for _, m := range m {
					m.HasSession, m.SessionID = true, id
				}
				send(t, b, q, m...)
			}
			if i%3 != 0 {
				setState(t, b, q, id)
			}
		}
		list := func(since time.Time, taken bool) (seen map[string]int) {
			seen = map[string]int{}
			for skip := 0; ; {
				ids, err := q.Sessions(since, skip, page)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range ids {
					seen[id]++
				}
				if skip += len(ids); len(ids) < page {
					return seen
				}
				if taken {
					_, u, err := q.Take(broker.TakeOptions{Max: 10})
					if err != nil {
						t.Fatal(err)
					}
					b.Sync(u)
				}
			}
		}
		for _, c := range []struct {
			name  string
			since time.Time
			want  int
		}{
			{"all", time.Time{}, n},
			{"state since", time.Now().Add(-time.Hour), n / 3 * 2},
			{"no state since", time.Now().Add(time.Hour), 0},
		} {
			before := store.SessionReads.Load()
			seen := list(c.since, false)
			for id, times := range seen {
				if times != 1 {
					t.Errorf("%s: session %q is named %d times", c.name, id, times)
				}
			}
			if len(seen) != c.want {
				t.Errorf("%s: %d sessions, want %d", c.name, len(seen), c.want)
			}
			if reads := store.SessionReads.Load() - before; reads > 3*n {
				t.Errorf("%s: %d sessions are read for %d", c.name, reads, n)
			}
		}
		time.Sleep(time.Hour) // nobody stands anywhere
		ids, err := q.Sessions(time.Time{}, n-3, page)
		if fmt.Sprint(ids) != "[session-2997 session-2998 session-2999]" || err != nil {
			t.Errorf("the last three are %q, %v", ids, err)
		}
		if ids, err := q.Sessions(time.Time{}, n+1, page); len(ids) > 0 || err != nil {
			t.Errorf("beyond the end there are %q, %v", ids, err)
		}
		missing := n - len(list(time.Time{}, true))
		if missing > 0 {
			t.Errorf("%d sessions are missing in a list while the first ones went", missing)
		}
		b.Close()
	})
}

// setState gives a session a state.
func setState(t *testing.T, b *broker.Broker, q *broker.Queue, id string) {
	t.Helper()
	c, u, err := q.AcceptSession(broker.SessionOptions{ID: &id, Accepted: func(broker.Session) {},
		ConsumerOptions: broker.ConsumerOptions{Deliver: func([]broker.Delivery) {}}})
	if err != nil {
		t.Fatal(err)
	}
	b.Sync(u)
	if u, err = q.SetSessionState(id, []byte("x"), func() {}); err != nil {
		t.Fatal(err)
	}
	b.Sync(u)
	b.Sync(c.Close())
}
