package entity

import (
	"fmt"
	"slices"
	"time"
)

// Messages that are scheduled [SB-SEM 2.6] wait in a sub-queue of their own, in the
// store only: its expiry index, with the times at which they are due, is the
// schedule, and what sweeps it puts them into the main queue. They have numbers of
// the entity; when it is their time they get new ones, at the end.

// scheduled puts a message that has its number into the schedule.
func (q *Queue) scheduled(m *Message, now time.Time, d *Decision) {
	m.EnqueuedAt = now
	m.ExpiresAt = m.ScheduledFor.Add(time.Millisecond - 1).UTC().Truncate(time.Millisecond) // not before it
	m.Status = Status{}
	d.count[MainQueue] = true
	s := q.subs[ScheduledMessages]
	s.counters.Messages++
	s.counters.Bytes += int64(len(m.Sections))
	s.cursor = min(s.cursor, m.SequenceNumber) // a transaction's have had their numbers before
	d.count[s.id], d.Put = true, true
	d.Records = append(d.Records, Record{Kind: PutMessage, Sub: s.id, SequenceNumber: m.SequenceNumber, Message: m})
	s.sessionEntry(PutSessionEntry, m.SessionID, m.SequenceNumber, d)
	s.expiresBy(m.ExpiresAt)
	s.rewindTo(m.SequenceNumber, m.ExpiresAt) // it may be due since before the last that was
	q.unlikeStored(s.id, m.SequenceNumber)
}

// Number takes numbers for messages that a transaction schedules: their sender is told
// before the commit. Those of one that is rolled back are of nobody.
type Number struct {
	N     int
	First int64 // set by Apply
}

func (o *Number) check(q *Queue, c *checker) error { return nil }

func (o *Number) apply(q *Queue, env Env, d *Decision) {
	c := &q.main().counters
	o.First = c.NextSequence
	c.NextSequence += int64(o.N)
	d.count[MainQueue] = true
}

// number gives a message the next number of the entity.
func (q *Queue) number(m *Message) {
	c := &q.main().counters
	m.SequenceNumber = c.NextSequence
	c.NextSequence++
}

// activate takes a message whose time has come out of the schedule. In a queue it is a
// message like any other from now on; those of a topic are published.
func (s *sub) activate(it *item, c *Content, env Env, d *Decision) {
	s.remove(it, d)
	if s.q.topic != nil {
		return
	}
	main := s.q.main()
	m := activated(it, c)
	s.q.number(m)
	m.EnqueuedAt = env.Now.UTC().Truncate(time.Millisecond)
	m.ExpiresAt = s.q.expiry(m.EnqueuedAt, m.TimeToLive)
	main.accept(m, len(main.consumers) > 0, d)
}

// activated returns the message that one of the schedule becomes.
func activated(it *item, c *Content) *Message {
	m := &Message{Content: *c}
	m.EnqueueSequence = it.seq
	return m
}

// Waits returns a message of the schedule as it is shown: when it ends is known, if
// it will be at hand when it is due.
func (q *Queue) Waits(m *Message) *Message {
	w := *m
	w.State = Scheduled
	w.ExpiresAt = q.expiry(m.ExpiresAt, m.TimeToLive)
	return &w
}

// CancelScheduled takes messages out of the schedule, all or none.
type CancelScheduled struct{ SequenceNumbers []int64 }

func (o CancelScheduled) check(q *Queue, c *checker) error {
	if !q.config.Status.CanSend() {
		return fmt.Errorf("cancel: %w", &DisabledError{q.config.Status, true})
	}
	var missing []int64
	for i, seq := range o.SequenceNumbers {
		k := MessageKey{ScheduledMessages, seq}
		switch m, asked := c.env.Supply.storedMessage(k); {
		case slices.Contains(o.SequenceNumbers[:i], seq):
		case !asked:
			c.need.Bare = append(c.need.Bare, k)
		case m == nil:
			missing = append(missing, seq)
		}
	}
	if len(missing) > 0 && len(c.need.Bare) == 0 {
		return &MissingError{missing}
	}
	return nil
}

func (o CancelScheduled) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[ScheduledMessages]
	d.Accessed = true
	for i, seq := range o.SequenceNumbers {
		if slices.Contains(o.SequenceNumbers[:i], seq) {
			continue
		}
		k := MessageKey{s.id, seq}
		m, _ := env.Supply.storedMessage(k)
		s.remove(s.item(m, env.Supply.sizes[k]), d)
	}
}
