package entity_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"switchyard/broker/entity"
)

// activatedNow does to the model what a sweep of the schedule did: a message that is
// due has a new number at the end, and those of one sweep are in the order of the times
// at which they were due.
func (m *machine) activatedNow(t *rapid.T) {
	var last *modelMessage
	for _, r := range m.d.Records {
		if r.Kind != entity.PutMessage || r.Sub != entity.MainQueue || r.Message.EnqueueSequence == 0 {
			continue
		}
		x := m.model[r.Message.EnqueueSequence]
		switch {
		case x == nil || x.sub != entity.ScheduledMessages || x.expires.After(m.now):
			t.Fatalf("at %v message %d is activated, of which the schedule has %+v", m.now, r.SequenceNumber, x)
		case m.store.messages[x.sub][x.seq] != nil:
			t.Fatalf("message %d is activated and still in the schedule", x.seq)
		case last != nil && (x.expires.Before(last.expires) || x.expires.Equal(last.expires) && x.seq < last.seq):
			t.Fatalf("message %d, due %v, comes after %d, due %v", x.seq, x.expires, last.seq, last.expires)
		}
		last = x
		delete(m.model, x.seq)
		now := &modelMessage{seq: m.nextSeq, body: x.body}
		if ttl := r.Message.TimeToLive; ttl > 0 {
			now.expires = m.now.Add(ttl)
		}
		m.model[now.seq] = now
		m.nextSeq++
	}
}

// number gives numbers to messages that a transaction schedules.
func (m *machine) number(t *rapid.T) {
	if m.numbered != nil {
		t.Skip("one is under way")
	}
	op := &entity.Number{N: rapid.IntRange(1, 2).Draw(t, "messages")}
	m.mustCheck(t, op)
	for i := range op.N {
		msg := &entity.Message{SequenceNumber: m.nextSeq + int64(i)}
		msg.Sections = []byte(fmt.Sprint("body ", msg.SequenceNumber))
		msg.ScheduledFor = m.now.Add(time.Duration(rapid.IntRange(-3, 9).Draw(t, "due")) * time.Second)
		m.numbered = append(m.numbered, msg)
	}
	first := m.nextSeq
	m.nextSeq += int64(op.N) // before what the decision activates
	m.apply(t, op)
	if op.First != first {
		t.Fatalf("numbers from %d on, want %d", op.First, first)
	}
}

// sendNumbered commits the transaction, some time later and perhaps when they are due, or
// rolls it back.
func (m *machine) sendNumbered(t *rapid.T) {
	if m.numbered == nil {
		t.Skip("none is under way")
	}
	op := entity.Send{Messages: m.numbered, Numbered: true}
	m.numbered = nil
	if rapid.IntRange(0, 3).Draw(t, "rollback") == 0 {
		return
	}
	m.mustCheck(t, op)
	for _, msg := range op.Messages {
		m.model[msg.SequenceNumber] = &modelMessage{seq: msg.SequenceNumber, body: msg.SequenceNumber, sub: entity.ScheduledMessages, expires: msg.ScheduledFor}
	}
	m.apply(t, op)
}

type cancelling struct {
	op     entity.CancelScheduled
	supply *entity.Supply
}

// beginCancel names messages, perhaps some that are not scheduled, and reads what the
// cancel needs.
func (m *machine) beginCancel(t *rapid.T) {
	if m.cancel != nil {
		t.Skip("one is under way")
	}
	var of []int64
	for _, x := range m.model {
		if x.sub == entity.ScheduledMessages {
			of = append(of, x.seq)
		}
	}
	slices.Sort(of)
	of = append(of, m.nextSeq, 1)
	op := entity.CancelScheduled{SequenceNumbers: rapid.SliceOfN(rapid.SampledFrom(of), 1, 3).Draw(t, "numbers")}
	m.cancel = &cancelling{op, &entity.Supply{}}
	need, err := m.q.Check(m.env(), op)
	if err != nil {
		t.Fatalf("cancel: %v", err)
	}
	m.q.Watch(m.cancel.supply, need)
	m.load(m.cancel.supply, need)
}

// endCancel takes all of them away, or says which are not scheduled by now.
func (m *machine) endCancel(t *rapid.T) {
	if m.cancel == nil {
		t.Skip("none is under way")
	}
	c := m.cancel
	m.cancel = nil
	var missing []int64
	for _, seq := range c.op.SequenceNumbers {
		if x := m.model[seq]; (x == nil || x.sub != entity.ScheduledMessages) && !slices.Contains(missing, seq) {
			missing = append(missing, seq)
		}
	}
	err := m.supply(t, c.supply, c.op)
	var got *entity.MissingError
	errors.As(err, &got)
	switch {
	case missing == nil && err != nil, missing != nil && (got == nil || !slices.Equal(got.SequenceNumbers, missing)):
		t.Fatalf("cancel %v: %v, want %v to be missing", c.op.SequenceNumbers, err, missing)
	case missing == nil:
		for _, seq := range c.op.SequenceNumbers {
			delete(m.model, seq)
		}
		m.applyWith(t, c.supply, c.op)
	}
}
