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

// TestPeekSessionScheduled: a peek in a session sees what is scheduled for it, however
// much is for others, and reads none of that.
func TestPeekSessionScheduled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store)
		if _, err := b.PutQueue(context.Background(), "ns", "q", broker.QueueOptions{RequiresSession: true}); err != nil {
			t.Fatal(err)
		}
		q := queue(t, b, "q")
		msgs := messages(600, 8)
		for i, m := range msgs {
			m.HasSession, m.SessionID, m.ScheduledFor = true, "other", time.Now().Add(time.Hour)
			if i%300 < 2 {
				m.SessionID = "a"
			}
			if i%300 == 1 {
				m.ScheduledFor = time.Time{}
			}
		}
		send(t, b, q, msgs...)
		for limit, want := range map[int]string{10: "[1 2 301 302]", 3: "[1 2 301]", 1: "[1]"} {
			got, before := []int64{}, store.Reads.Load()
			peeked, err := q.PeekSession("a", 1, limit)
			for _, m := range peeked {
				got = append(got, m.SequenceNumber)
				if m.SessionID != "a" || len(m.Sections) != 8 {
					t.Errorf("peeked %+v in session a", m)
				}
			}
			if fmt.Sprint(got) != want || err != nil {
				t.Errorf("a peek of %d finds %v, error %v; want %s", limit, got, err, want)
			}
			if n := store.Reads.Load() - before; n > 4 {
				t.Errorf("a peek of %d reads %d messages", limit, n)
			}
		}
		if ids, err := q.Sessions(time.Time{}, 0, 10); fmt.Sprint(ids) != "[a]" || err != nil {
			t.Errorf("sessions with messages that are not scheduled: %q, %v; want a", ids, err)
		}
		u, err := q.CancelScheduled([]int64{1, 301}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(u)
		time.Sleep(2 * time.Hour)
		if peeked, err := q.PeekSession("a", 1, 10); len(peeked) != 2 || err != nil {
			t.Errorf("when all is due a peek finds %d messages, %v; want 2", len(peeked), err)
		}
		b.Close()
	})
}
