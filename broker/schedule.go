package broker

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"switchyard/broker/entity"
	"switchyard/clock"
	"switchyard/commit"
)

// scheduledFor takes the times that senders give, by the wall clock as it is shown, to
// the broker's clock. How long a message waits is known when it comes: a wall clock
// that is set later moves nothing.
func (b *Broker) scheduledFor(msgs []*Message) {
	for _, m := range msgs {
		m.ScheduledFor = clock.LastShown(b.clock, m.ScheduledFor)
	}
}

func (q *Queue) schedule() *messageStore { return q.e }
func (t *Topic) schedule() *messageStore { return t.t.schedule }

// Schedule implements [Sender]: it is [Queue.Send], and those that are due already
// are sent.
func (q *Queue) Schedule(msgs []*Message, done func(numbers []int64)) (*commit.Unit, error) {
	return q.Send(msgs, func(error) { done(numbers(msgs)) })
}

// CancelScheduled implements [Sender].
func (q *Queue) CancelScheduled(numbers []int64, done func()) (*commit.Unit, error) {
	if err := q.canSend(); err != nil {
		return nil, err
	}
	return q.e.cancelScheduled(numbers, done)
}

// Schedule implements [Sender]. What is due already is sent when it was written.
func (t *Topic) Schedule(msgs []*Message, done func(numbers []int64)) (*commit.Unit, error) {
	b := t.t.b
	b.scheduledFor(msgs)
	now := b.Now()
	for _, m := range msgs {
		if m.ScheduledFor.Before(now) {
			m.ScheduledFor = now
		}
	}
	if err := b.log.Admit(b.ctx, sendSize(msgs)); err != nil {
		return nil, fmt.Errorf("schedule on topic %q: %w", t.t.path, err)
	}
	return t.t.schedule.plan(entity.Send{Messages: msgs}).submit(func() { done(numbers(msgs)) })
}

// CancelScheduled implements [Sender].
func (t *Topic) CancelScheduled(numbers []int64, done func()) (*commit.Unit, error) {
	return t.t.schedule.cancelScheduled(numbers, done)
}

// PeekScheduled is [Queue.Peek] of what waits at the topic until it is due.
func (t *Topic) PeekScheduled(from int64, limit int) ([]*Message, error) {
	q := Queue{e: t.t.schedule, sub: ScheduledMessages}
	return q.Peek(from, limit)
}

func (e *messageStore) cancelScheduled(numbers []int64, done func()) (*commit.Unit, error) {
	if len(numbers) == 0 {
		return nil, fmt.Errorf("cancel in %q: %w: no sequence number", e.path, ErrInvalidArgument)
	}
	if err := e.b.Writable(); err != nil {
		return nil, err
	}
	return e.plan(entity.CancelScheduled{SequenceNumbers: numbers}).submit(done)
}

func numbers(msgs []*Message) []int64 {
	n := make([]int64, len(msgs))
	for i, m := range msgs {
		n[i] = m.SequenceNumber
	}
	return n
}

// later separates messages that are not due yet from the others.
func (t *topic) later(msgs []*Message) (now, later []*Message) {
	at := t.b.Now()
	if !slices.ContainsFunc(msgs, func(m *Message) bool { return m.ScheduledFor.After(at) }) {
		return msgs, nil
	}
	for _, m := range msgs {
		if m.ScheduledFor.After(at) {
			later = append(later, m)
		} else {
			now = append(now, m)
		}
	}
	return now, later
}

// send adds what a topic publishes now to a plan, and the rest to its schedule.
func (t *topic) send(p *plan, op *entity.Publish, later []*Message) {
	if len(later) > 0 {
		p.add(t.schedule, entity.Send{Messages: later})
	}
	if len(op.Messages) > 0 || len(later) == 0 {
		p.addTopic(t, op)
	}
}

// sendPlan returns the plan of a send.
func (t *topic) sendPlan(op *entity.Publish, later []*Message) *plan {
	if len(later) == 0 {
		return t.plan(op)
	}
	p := &plan{b: t.b}
	t.send(p, op, later)
	return p
}

// workPlan returns the plan of a piece of work. What a topic's schedule holds no longer
// is published by the same plan.
func (e *messageStore) workPlan(op entity.Op) *plan {
	sweep, ok := op.(entity.Sweep)
	if !ok || e.scheduleOf == nil || sweep.Sub != ScheduledMessages {
		return e.plan(op)
	}
	sweep.Publish = &entity.Publish{Due: true, Keep: e.b.keeps()}
	for _, m := range sweep.Messages {
		m.Encoding = e.b.encoding
	}
	p := &plan{b: e.b}
	p.add(e, sweep)
	p.addTopic(e.scheduleOf, sweep.Publish)
	return p
}

// peekScheduled adds to a peek what is scheduled, in the order of numbers. What is
// behind the end of one list that is not whole is left for the next peek.
func (e *messageStore) peekScheduled(rows []Scanned, session *string, from int64, limit int, whole bool) ([]Scanned, error) {
	q := Queue{e: e, sub: ScheduledMessages}
	waiting, all, err := q.page(session, from, limit)
	if err != nil && len(waiting) == 0 {
		return nil, err
	}
	end := int64(math.MaxInt64)
	if !whole && len(rows) > 0 {
		end = rows[len(rows)-1].SequenceNumber
	}
	if !all && len(waiting) > 0 {
		end = min(end, waiting[len(waiting)-1].SequenceNumber)
	}
	for i := range waiting {
		waiting[i].Message = e.waits(waiting[i].Message)
	}
	rows = append(rows, waiting...)
	slices.SortFunc(rows, func(a, b Scanned) int { return cmp.Compare(a.SequenceNumber, b.SequenceNumber) })
	rows = slices.DeleteFunc(rows, func(r Scanned) bool { return r.SequenceNumber > end })
	return rows[:min(len(rows), limit)], nil
}

// waits returns a message of the schedule as it is shown.
func (e *messageStore) waits(m *Message) *Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.q.Waits(m)
}
