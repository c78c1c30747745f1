package brokertest

import (
	"fmt"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/commit"
)

// testSessions: the index of messages by session, and their states. No id is the
// beginning of another, and "" is one. They stand in their order here.
func testSessions(t *testing.T, h *Harness) {
	ids := []string{"", "a", "ab", "b\x00", "ä/€"}
	seqs := map[string][]int64{}
	h.commit(func(u *commit.Unit) {
		for seq := int64(1); seq <= 20; seq++ {
			id := ids[seq%int64(len(ids))]
			m := plainMessage(seq)
			m.SessionID, m.HasSession = id, true
			h.Store.PutMessage(u, main, m)
			h.Store.PutSessionEntry(u, main, id, seq)
			seqs[id] = append(seqs[id], seq)
		}
		h.Store.PutStatus(u, main, 6, &broker.Status{State: broker.Deferred, DeliveryCount: 3})
		h.Store.PutMessage(u, other, plainMessage(1))
		h.Store.PutSessionEntry(u, other, "a", 1)
		for i, id := range ids[1:] {
			h.Store.PutSessionState(u, main, id, &broker.SessionState{State: []byte(id)[:i%2], Updated: epoch.Add(time.Duration(i))})
		}
		h.Store.PutSessionState(u, main, "ab", nil)
	})
	h.eachLife(t, func(t *testing.T) {
		var all []string
		for after := (*string)(nil); ; {
			page, err := h.Store.Sessions(main, after, 2)
			check(t, err)
			if len(page) == 0 {
				break
			}
			all = append(all, page...)
			after = &page[len(page)-1]
		}
		equal(t, "sessions, in order", all, ids)
		for _, id := range all {
			rows, err := h.Store.ScanSession(main, id, 0, 100, broker.AllContents)
			check(t, err)
			var got []int64
			for _, r := range rows {
				got = append(got, r.SequenceNumber)
				equal(t, "session of a message", fmt.Sprint(r.SessionID, r.HasSession, r.Size, len(r.Sections)), fmt.Sprint(id, true, 1, 1))
			}
			equal(t, "messages of "+id, got, seqs[id])
			rows, err = h.Store.ScanSession(main, id, got[1]+1, 1, 0)
			check(t, err)
			equal(t, "the third message of "+id, fmt.Sprint(rows[0].SequenceNumber, len(rows), rows[0].Size, len(rows[0].Sections)),
				fmt.Sprint(got[2], 1, 1, 0))
		}
		rows, err := h.Store.ScanSession(main, "a", 6, 1, 0)
		check(t, err)
		equal(t, "status", fmt.Sprint(rows[0].State, rows[0].DeliveryCount), fmt.Sprint(broker.Deferred, 3))
		none, err := h.Store.ScanSession(main, "aa", 0, 100, 0)
		check(t, err)
		equal(t, "a session that is not there", len(none), 0)

		for _, c := range []struct {
			since time.Time
			after string
			limit int
			want  []string
		}{
			{time.Time{}, "", 10, []string{"a", "b\x00", "ä/€"}},
			{time.Time{}, "", 2, []string{"a", "b\x00"}},
			{time.Time{}, "a", 10, []string{"b\x00", "ä/€"}},
			{time.Time{}, "ab", 1, []string{"b\x00"}}, // which has none itself
			{time.Time{}, "ä/€", 10, nil},
			{epoch, "", 10, []string{"b\x00", "ä/€"}},
			{epoch.Add(2), "a", 1, []string{"ä/€"}},
			{epoch.Add(3), "", 10, nil},
		} {
			got, err := h.Store.SessionsWithState(main, c.since, &c.after, c.limit)
			check(t, err)
			equal(t, fmt.Sprintf("sessions with a state since %v, after %q, limit %d", c.since, c.after, c.limit), got, c.want)
		}
		first, err := h.Store.SessionsWithState(main, time.Time{}, nil, 1)
		check(t, err)
		equal(t, "the first session with a state", first, []string{"a"})
		st, err := h.Store.SessionState(main, "ä/€")
		check(t, err)
		equal(t, "state", *st, broker.SessionState{State: []byte("ä/€")[:1], Updated: epoch.Add(3)})
		st, err = h.Store.SessionState(main, "ab")
		check(t, err)
		equal(t, "no state", st, (*broker.SessionState)(nil))
	})
	h.commit(func(u *commit.Unit) {
		h.Store.DeleteSessionEntry(u, main, "a", 1)
		h.Store.DeleteEntity(u, other.Entity)
	})
	rows, err := h.Store.ScanSession(main, "a", 0, 1, 0)
	check(t, err)
	equal(t, "after a deletion", rows[0].SequenceNumber, int64(6))
	gone, err := h.Store.Sessions(other, nil, 10)
	check(t, err)
	equal(t, "sessions of a deleted entity", len(gone), 0)
}
