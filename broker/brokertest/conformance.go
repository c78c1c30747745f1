package brokertest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/commit"
)

// A Harness is a store to be tested.
type Harness struct {
	Store broker.Store
	Log   commit.Log
	// Reopen closes the store and opens it again with what was synced; nil for a
	// store that keeps nothing.
	Reopen func(t *testing.T) Harness
}

// TestStore runs the conformance suite. open returns a new, empty store for each
// test and closes it when that ends.
func TestStore(t *testing.T, open func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, h *Harness)
	}{
		{"Catalogue", testCatalogue},
		{"MessageRoundTrip", testMessageRoundTrip},
		{"StatusRoundTrip", testStatusRoundTrip},
		{"DeleteMessage", testDeleteMessage},
		{"Scan", testScan},
		{"Statuses", testStatuses},
		{"Expired", testExpired},
		{"Sessions", testSessions},
		{"Counters", testCounters},
		{"DeleteEntity", testDeleteEntity},
		{"OrderWithinUnit", testOrderWithinUnit},
		{"CallbackOrder", testCallbackOrder},
		{"Relaxed", testRelaxed},
		{"Topics", testTopics},
		{"RememberedIDs", testRememberedIDs},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			c.test(t, &h)
		})
	}
}

// commit runs f on a unit and syncs it.
func (h *Harness) commit(f func(u *commit.Unit)) {
	u := &commit.Unit{}
	f(u)
	h.Log.Submit(u)
	h.Log.Sync(u)
}

// eachLife runs check on the store as it is, and again after it was reopened.
func (h *Harness) eachLife(t *testing.T, check func(t *testing.T)) {
	t.Helper()
	check(t)
	if h.Reopen != nil {
		*h = h.Reopen(t)
		t.Run("reopened", check)
	}
}

var (
	epoch = time.Date(2031, 5, 6, 7, 8, 9, 10_000_000, time.UTC)
	main  = broker.QueueID{Entity: 7, Sub: broker.MainQueue}
	dead  = broker.QueueID{Entity: 7, Sub: broker.DeadLetterQueue}
	other = broker.QueueID{Entity: 8, Sub: broker.MainQueue}

	transfer     = broker.QueueID{Entity: 7, Sub: broker.TransferQueue}
	transferDead = broker.QueueID{Entity: 7, Sub: broker.TransferDeadLetterQueue}
	states       = broker.QueueID{Entity: 7, Sub: broker.SessionStates}
)

// fullMessage has every member of the immutable record set.
func fullMessage(seq int64) *broker.Message {
	m := &broker.Message{SequenceNumber: seq, EnqueuedAt: epoch,
		ExpiresAt: epoch.Add(time.Duration(seq) * time.Hour)}
	m.Content = broker.Content{
		Sections: []byte(fmt.Sprintf("sections of %d \x00\xff", seq)), MessageID: fmt.Sprint("id-", seq),
		SessionID: "session", PartitionKey: "key", TimeToLive: 3 * time.Hour,
		HasSession: true, ScheduledFor: epoch.Add(-time.Minute), EnqueueSequence: seq + 100, Hops: 3,
		Destination: "other/queue",
	}
	return m
}

func plainMessage(seq int64) *broker.Message {
	m := &broker.Message{SequenceNumber: seq, EnqueuedAt: epoch}
	m.Sections = []byte{byte(seq)}
	return m
}

func fullStatus() broker.Status {
	return broker.Status{
		State: broker.Deferred, DeliveryCount: 4_000_000_000, NotBefore: epoch.Add(time.Second),
		DeadLetterSource: "some/queue",
		Properties: []broker.Property{{Name: "nil", Value: nil}, {Name: "true", Value: true},
			{Name: "int", Value: int64(-5)}, {Name: "float", Value: 1.5}, {Name: "text", Value: "täxt"},
			{Name: "raw", Value: broker.Encoded{0x54, 0x01}}},
		Owner: broker.RunOwner, LockToken: broker.LockToken{1, 2, 3, 15: 16},
		LockedUntil: epoch.Add(time.Minute), Run: "run-1",
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testCatalogue(t *testing.T, h *Harness) {
	c, err := h.Store.Catalogue()
	check(t, err)
	if len(c.Namespaces) != 0 || len(c.Entities) != 0 || c.LastNamespace != 0 || c.LastEntity != 0 {
		t.Fatalf("new store: got %+v, want an empty catalogue", c)
	}
	ns := broker.NamespaceRecord{ID: 1, Name: "Orders", Definition: []byte(`{"sku":"Standard"}`)}
	queue := broker.EntityRecord{ID: 2, Namespace: 1, Path: "a/B", CreatedAt: epoch,
		UpdatedAt: epoch.Add(time.Hour), Definition: []byte(`{}`)}
	h.commit(func(u *commit.Unit) {
		h.Store.PutNamespace(u, ns)
		h.Store.PutNamespace(u, broker.NamespaceRecord{ID: 2, Name: "gone"})
		h.Store.PutEntity(u, queue)
		h.Store.PutEntity(u, broker.EntityRecord{ID: 300, Namespace: 1, Path: "gone"})
	})
	h.commit(func(u *commit.Unit) {
		h.Store.DeleteNamespace(u, 2)
		h.Store.DeleteEntity(u, 300)
		queue.Definition = []byte(`{"changed":true}`)
		h.Store.PutEntity(u, queue)
	})
	h.eachLife(t, func(t *testing.T) {
		c, err := h.Store.Catalogue()
		check(t, err)
		equal(t, "catalogue: numbers of what is gone are remembered", c, broker.Catalogue{
			Namespaces: []broker.NamespaceRecord{ns}, Entities: []broker.EntityRecord{queue}, LastNamespace: 2,
			LastEntity: 300})
	})
}

func testMessageRoundTrip(t *testing.T, h *Harness) {
	full, plain := fullMessage(1), plainMessage(2)
	full.Status = fullStatus()
	h.commit(func(u *commit.Unit) {
		h.Store.PutMessage(u, main, full) // its status is not written
		h.Store.PutMessage(u, main, plain)
		h.Store.PutMessage(u, dead, fullMessage(5))
	})
	h.eachLife(t, func(t *testing.T) {
		got, err := h.Store.Message(main, 1)
		check(t, err)
		equal(t, "full message", got, fullMessage(1))
		got, err = h.Store.Message(main, 2)
		check(t, err)
		equal(t, "plain message", got, plainMessage(2))
		for _, q := range []broker.QueueID{main, other} {
			if _, err := h.Store.Message(q, 5); !errors.Is(err, broker.ErrMessageNotFound) {
				t.Errorf("message 5 of %v: got error %v, want ErrMessageNotFound", q, err)
			}
		}
	})
}

func testStatusRoundTrip(t *testing.T, h *Harness) {
	s := fullStatus()
	s.LockedUntil = time.Time{}
	link := broker.Status{DeliveryCount: 1, Owner: broker.LinkOwner, LockToken: broker.LockToken{9},
		LockedUntil: epoch}
	h.commit(func(u *commit.Unit) {
		for seq := int64(1); seq <= 3; seq++ {
			h.Store.PutMessage(u, main, plainMessage(seq))
			h.Store.PutStatus(u, main, seq, &broker.Status{DeliveryCount: 99})
		}
		h.Store.PutStatus(u, main, 1, &s)
		h.Store.PutStatus(u, main, 2, &link)
		h.Store.DeleteStatus(u, main, 3)
		h.Store.DeleteStatus(u, main, 4) // absent: no error
	})
	h.eachLife(t, func(t *testing.T) {
		for seq, want := range map[int64]broker.Status{1: s, 2: link, 3: {}} {
			m, err := h.Store.Message(main, seq)
			check(t, err)
			equal(t, fmt.Sprint("status of ", seq), m.Status, want)
		}
	})
}

func testDeleteMessage(t *testing.T, h *Harness) {
	h.commit(func(u *commit.Unit) {
		h.Store.PutMessage(u, main, fullMessage(1))
		h.Store.PutStatus(u, main, 1, &broker.Status{DeliveryCount: 3})
		h.Store.PutMessage(u, main, fullMessage(2))
		h.Store.PutMessage(u, dead, fullMessage(1))
	})
	h.commit(func(u *commit.Unit) {
		m := fullMessage(1)
		h.Store.DeleteMessage(u, main, &broker.Message{SequenceNumber: m.SequenceNumber, ExpiresAt: m.ExpiresAt}, len(m.Sections), false)
		h.Store.DeleteMessage(u, main, &broker.Message{SequenceNumber: 2, ExpiresAt: fullMessage(2).ExpiresAt}, len(m.Sections), true)
	})
	h.eachLife(t, func(t *testing.T) {
		if _, err := h.Store.Message(main, 2); !errors.Is(err, broker.ErrMessageNotFound) {
			t.Errorf("deleted message without a status: got error %v, want ErrMessageNotFound", err)
		}
		if _, err := h.Store.Message(main, 1); !errors.Is(err, broker.ErrMessageNotFound) {
			t.Errorf("deleted message: got error %v, want ErrMessageNotFound", err)
		}
		rows, err := h.Store.Expired(main, broker.Expiry{}, 10)
		check(t, err)
		statuses := 0
		check(t, h.Store.Statuses(main, func(int64, *broker.Status) error { statuses++; return nil }))
		if len(rows) != 0 || statuses != 0 {
			t.Errorf("after the delete: %d expiry entries and %d statuses, want none", len(rows), statuses)
		}
		if _, err := h.Store.Message(dead, 1); err != nil {
			t.Errorf("the same number in the other sub-queue: %v", err)
		}
	})
}

func testScan(t *testing.T, h *Harness) {
	h.commit(func(u *commit.Unit) {
		for _, seq := range []int64{1, 2, 255, 256, 65536, 1 << 40} {
			h.Store.PutMessage(u, main, fullMessage(seq))
		}
		h.Store.PutStatus(u, main, 2, &broker.Status{DeliveryCount: 2})
		h.Store.PutMessage(u, dead, fullMessage(3))
		h.Store.PutMessage(u, other, fullMessage(4))
	})
	h.eachLife(t, func(t *testing.T) {
		for _, c := range []struct {
			from  int64
			limit int
			want  []int64
		}{
			{0, 10, []int64{1, 2, 255, 256, 65536, 1 << 40}},
			{1, 2, []int64{1, 2}},
			{3, 2, []int64{255, 256}},
			{65537, 10, []int64{1 << 40}},
			{1<<40 + 1, 10, nil},
		} {
			for _, contents := range []int{0, 1, 2 * len(fullMessage(1).Sections), broker.AllContents} {
				left := contents
				rows, err := h.Store.Scan(main, c.from, c.limit, contents)
				check(t, err)
				var got []int64
				for _, r := range rows {
					got = append(got, r.SequenceNumber)
					want := fullMessage(r.SequenceNumber)
					if r.Size != len(want.Sections) {
						t.Errorf("message %d: size %d, want %d", r.SequenceNumber, r.Size, len(want.Sections))
					}
					if left <= 0 {
						want.Sections = nil
					}
					left -= r.Size
					if r.SequenceNumber == 2 {
						want.DeliveryCount = 2
					}
					equal(t, fmt.Sprint("scanned message ", r.SequenceNumber), r.Message, want)
				}
				equal(t, fmt.Sprintf("scan from %d, limit %d", c.from, c.limit), got, c.want)
			}
		}
	})
}

func testStatuses(t *testing.T, h *Harness) {
	h.commit(func(u *commit.Unit) {
		for _, seq := range []int64{300, 1, 70000} {
			h.Store.PutMessage(u, main, plainMessage(seq))
			h.Store.PutStatus(u, main, seq, &broker.Status{DeliveryCount: uint32(seq)})
		}
		h.Store.PutStatus(u, dead, 2, &broker.Status{DeliveryCount: 2})
	})
	h.eachLife(t, func(t *testing.T) {
		var got []int64
		check(t, h.Store.Statuses(main, func(seq int64, s *broker.Status) error {
			if s.DeliveryCount != uint32(seq) {
				t.Errorf("status of %d: %+v", seq, s)
			}
			got = append(got, seq)
			return nil
		}))
		equal(t, "numbers", got, []int64{1, 300, 70000})
		stop := errors.New("stop")
		if err := h.Store.Statuses(main, func(int64, *broker.Status) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("error of f: got %v, want it to be returned", err)
		}
	})
}

func testExpired(t *testing.T, h *Harness) {
	at := func(seq int64, d time.Duration) *broker.Message {
		m := plainMessage(seq)
		m.ExpiresAt = epoch.Add(d)
		return m
	}
	h.commit(func(u *commit.Unit) {
		for _, m := range []*broker.Message{at(1, 3*time.Hour), at(2, time.Hour), at(3, 2*time.Hour),
			at(4, time.Hour), plainMessage(5)} {
			h.Store.PutMessage(u, main, m)
		}
		h.Store.PutMessage(u, dead, at(6, 0))
	})
	h.eachLife(t, func(t *testing.T) {
		for _, c := range []struct {
			after broker.Expiry
			limit int
			want  []int64
		}{
			{broker.Expiry{}, 10, []int64{2, 4, 3, 1}},
			{broker.Expiry{}, 1, []int64{2}},
			{broker.Expiry{SequenceNumber: 2, ExpiresAt: epoch.Add(time.Hour)}, 2, []int64{4, 3}},
			// not an entry itself
			{broker.Expiry{SequenceNumber: 3, ExpiresAt: epoch.Add(time.Hour)}, 10, []int64{4, 3, 1}},
			{broker.Expiry{SequenceNumber: 1, ExpiresAt: epoch.Add(3 * time.Hour)}, 10, nil},
		} {
			rows, err := h.Store.Expired(main, c.after, c.limit)
			check(t, err)
			var got []int64
			for _, r := range rows {
				got = append(got, r.SequenceNumber)
				m, err := h.Store.Message(main, r.SequenceNumber)
				check(t, err)
				equal(t, fmt.Sprint("expiry of ", r.SequenceNumber), r.ExpiresAt, m.ExpiresAt)
			}
			equal(t, fmt.Sprintf("expired after %+v, limit %d", c.after, c.limit), got, c.want)
		}
	})
}

func testCounters(t *testing.T, h *Harness) {
	want := broker.Counters{NextSequence: 1 << 41, LowWater: 1 << 40, Messages: 3, Deferred: 2, Bytes: 1 << 42}
	h.commit(func(u *commit.Unit) {
		h.Store.PutCounters(u, main, broker.Counters{NextSequence: 1})
		h.Store.PutCounters(u, main, want)
		h.Store.PutCounters(u, transfer, broker.Counters{Messages: 2})
		h.Store.PutCounters(u, transferDead, broker.Counters{Messages: 3})
		h.Store.PutCounters(u, states, broker.Counters{Messages: 4, Bytes: 5})
	})
	h.eachLife(t, func(t *testing.T) {
		for q, want := range map[broker.QueueID]broker.Counters{
			main: want, dead: {}, transfer: {Messages: 2}, transferDead: {Messages: 3}, other: {},
			states: {Messages: 4, Bytes: 5},
		} {
			got, err := h.Store.Counters(q)
			check(t, err)
			equal(t, fmt.Sprintf("counters of %v", q), got, want)
		}
	})
}

func testDeleteEntity(t *testing.T, h *Harness) {
	h.commit(func(u *commit.Unit) {
		for _, q := range []broker.QueueID{main, dead, transfer, transferDead, states, other, {Entity: 6}} {
			h.Store.PutMessage(u, q, fullMessage(1))
			h.Store.PutStatus(u, q, 1, &broker.Status{DeliveryCount: 1})
			h.Store.PutCounters(u, q, broker.Counters{Messages: 1})
		}
	})
	h.commit(func(u *commit.Unit) { h.Store.DeleteEntity(u, 7) })
	h.eachLife(t, func(t *testing.T) {
		for q, want := range map[broker.QueueID]int{main: 0, dead: 0, transfer: 0, transferDead: 0, states: 0, other: 1,
			{Entity: 6}: 1} {
			rows, err := h.Store.Scan(q, 0, 10, 0)
			check(t, err)
			due, err := h.Store.Expired(q, broker.Expiry{}, 10)
			check(t, err)
			c, err := h.Store.Counters(q)
			check(t, err)
			statuses := 0
			check(t, h.Store.Statuses(q, func(int64, *broker.Status) error { statuses++; return nil }))
			equal(t, fmt.Sprintf("messages, expiry entries, counted, statuses of %v", q),
				[]int{len(rows), len(due), int(c.Messages), statuses}, []int{want, want, want, want})
		}
	})
}

func testOrderWithinUnit(t *testing.T, h *Harness) {
	h.commit(func(u *commit.Unit) {
		h.Store.PutMessage(u, main, fullMessage(1))
		h.Store.DeleteMessage(u, main, fullMessage(1), len(fullMessage(1).Sections), false)
		h.Store.DeleteMessage(u, main, fullMessage(2), len(fullMessage(2).Sections), false)
		h.Store.PutMessage(u, main, fullMessage(2))
	})
	h.eachLife(t, func(t *testing.T) {
		rows, err := h.Store.Scan(main, 0, 10, 0)
		check(t, err)
		if len(rows) != 1 || rows[0].SequenceNumber != 2 {
			t.Errorf("got %d messages, want only number 2", len(rows))
		}
	})
}

func testCallbackOrder(t *testing.T, h *Harness) {
	var ran []int
	units := make([]*commit.Unit, 4)
	for i := range units {
		u := &commit.Unit{}
		units[i] = u
		if i != 2 { // a unit may hold nothing but callbacks
			h.Store.PutMessage(u, main, plainMessage(int64(i+1)))
		}
		u.Then(func() {
			if _, err := h.Store.Message(main, 1); err != nil {
				t.Errorf("callback %d does not see what was committed: %v", i, err)
			}
			ran = append(ran, 2*i)
		})
		u.Then(func() { ran = append(ran, 2*i+1) })
		h.Log.Submit(u)
	}
	h.Log.Sync(units[3])
	h.Log.Sync(units[0]) // long durable
	equal(t, "callbacks", ran, []int{0, 1, 2, 3, 4, 5, 6, 7})
}

func testRelaxed(t *testing.T, h *Harness) {
	called := false
	h.commit(func(u *commit.Unit) {
		h.Store.PutStatus(u, main, 1, &broker.Status{Owner: broker.LinkOwner, LockedUntil: epoch})
		u.Relax()
		u.Then(func() { called = true })
	})
	n := 0
	check(t, h.Store.Statuses(main, func(int64, *broker.Status) error { n++; return nil }))
	if n != 1 || !called {
		t.Errorf("relaxed unit after Sync: %d statuses visible, callback ran: %v; want 1, true", n, called)
	}
}
