package entity_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"switchyard/broker/entity"
)

// modelHistory is what a queue remembers: all of it, and what of it the store shows. That
// is as little as it may be: what is still in the queue's memory is not committed yet.
type modelHistory struct {
	until      map[string]time.Time
	stored     []entity.RememberedID
	young, old []entity.RememberedID
}

// commit takes over what a decision remembers and forgets.
func (h *modelHistory) commit(d *entity.HistoryDecision) {
	h.young = append(h.young, d.Remember...)
	if !d.Forget.IsZero() { // that is committed after all that was remembered before
		for _, list := range []*[]entity.RememberedID{&h.stored, &h.old, &h.young} {
			*list = slices.DeleteFunc(*list, func(r entity.RememberedID) bool { return !r.Bucket.After(d.Forget) })
		}
	}
	if d.Turned {
		h.stored = append(h.stored, h.old...)
		h.old, h.young = h.young, nil
	}
}

// open commits all, as a stop does, and returns what a start finds.
func (h *modelHistory) open() entity.History {
	h.stored = slices.Concat(h.stored, h.old, h.young)
	h.old, h.young = nil, nil
	buckets := map[int64]time.Time{}
	for _, r := range h.stored {
		buckets[r.Bucket.UnixNano()] = r.Bucket
	}
	return entity.NewHistory(slices.SortedFunc(maps.Values(buckets), time.Time.Compare), nil)
}

// read is a read of the store.
func (h *modelHistory) read(n *entity.Need) []time.Time {
	until := make([]time.Time, len(n.IDs))
	for i, id := range n.IDs {
		for _, r := range h.stored {
			if r.ID == id && slices.ContainsFunc(n.Buckets, r.Bucket.Equal) && r.Until.After(until[i]) {
				until[i] = r.Until
			}
		}
	}
	return until
}

// checkHistory: little is in memory, and each id is in a bucket that is kept long enough,
// but not for ever.
func (m *machine) checkHistory(t *rapid.T) {
	ids, buckets := m.q.Remembered()
	if most := 2 * (m.generation + 4); ids > most || buckets > 20 {
		t.Fatalf("%d ids and %d buckets are in memory, want at most %d and 20", ids, buckets, most)
	}
	for _, r := range m.history.young {
		if r.Bucket.Before(r.Until) || r.Bucket.Sub(r.Until) > 2*time.Minute {
			t.Fatalf("bucket of %+v", r)
		}
	}
}

// setWindow changes for how long ids are remembered.
func (m *machine) setWindow(t *rapid.T) {
	if m.config.HistoryWindow == 0 {
		t.Skip("no duplicate detection")
	}
	m.config.HistoryWindow = time.Duration(rapid.IntRange(2, 60).Draw(t, "window")) * time.Second
	m.q.SetConfig(m.config)
}

type sending struct {
	op     entity.Send
	supply *entity.Supply
}

// drawSend makes messages, of which several may have the same id.
func (m *machine) drawSend(t *rapid.T) entity.Send {
	op := entity.Send{Keep: rapid.Bool().Draw(t, "keep")}
	for range rapid.IntRange(1, 5).Draw(t, "messages") {
		msg := &entity.Message{}
		m.bodies++
		msg.MessageID = rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f"}).Draw(t, "id")
		msg.Sections = []byte(fmt.Sprint("body ", m.bodies))
		msg.TimeToLive = time.Duration(rapid.SampledFrom([]int{0, 0, 3, 12}).Draw(t, "ttl")) * time.Second
		if due := rapid.IntRange(-3, 9).Draw(t, "due"); due > 0 {
			msg.ScheduledFor = m.now.Add(time.Duration(due) * time.Second)
		}
		op.Messages = append(op.Messages, msg)
	}
	return op
}

// sent does to the model what a send does to the queue.
func (m *machine) sent(op entity.Send) {
	for _, msg := range op.Messages {
		later := msg.ScheduledFor.After(m.now)
		if m.history.until[msg.MessageID].After(m.now) {
			if later {
				m.nextSeq++ // a number of no message
			}
			continue
		}
		if m.config.HistoryWindow > 0 && msg.MessageID != "" {
			m.history.until[msg.MessageID] = m.now.Add(m.config.HistoryWindow)
		}
		x := &modelMessage{seq: m.nextSeq}
		fmt.Sscanf(string(msg.Sections), "body %d", &x.body)
		switch {
		case later:
			x.sub, x.expires = entity.ScheduledMessages, msg.ScheduledFor
		case msg.TimeToLive > 0:
			x.expires = m.now.Add(msg.TimeToLive)
		}
		m.model[m.nextSeq] = x
		m.nextSeq++
	}
}

func (m *machine) send(t *rapid.T) {
	op := m.drawSend(t)
	supply := m.mustCheck(t, op)
	m.sent(op)
	m.applyWith(t, supply, op)
}

// beginSend reads what a send needs.
func (m *machine) beginSend(t *rapid.T) {
	if m.sending != nil {
		t.Skip("one is under way")
	}
	m.sending = &sending{m.drawSend(t), &entity.Supply{}}
	need, err := m.q.Check(m.env(), m.sending.op)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	m.q.Watch(m.sending.supply, need)
	m.load(m.sending.supply, need)
}

// endSend decides it, after whatever has been sent and forgotten since.
func (m *machine) endSend(t *rapid.T) {
	if m.sending == nil {
		t.Skip("none is under way")
	}
	s := m.sending
	m.sending = nil
	if err := m.supply(t, s.supply, s.op); err != nil {
		t.Fatalf("send: %v", err)
	}
	m.sent(s.op)
	m.applyWith(t, s.supply, s.op)
}
