package broker

import (
	"fmt"
	"slices"
	"time"

	"switchyard/broker/entity"
	"switchyard/clock"
	"switchyard/commit"
)

// What one [Queue.Take] takes at most: it is one unit, and all of it is in memory.
const (
	maxTake      = 4000
	maxTakeBytes = 4 << 20 // one message is always taken
	takePage     = 250     // headers that are read at once
)

// TakeOptions say what [Queue.Take] takes.
type TakeOptions struct {
	// Back moves dead letters to where they were, a main queue or a transfer queue; else
	// messages are deleted.
	Back bool
	// Numbers are the messages to take; none: the oldest that nobody holds.
	Numbers []int64
	// Max is how many at most without Numbers, from 1.
	Max int
	// Before leaves what was enqueued then or later, by the wall clock as it is shown,
	// without Numbers; zero: nothing. So a caller that takes until there is nothing comes
	// to an end although messages come back.
	Before time.Time
	// Session takes only messages of it, without Numbers; nil: of all.
	Session *string
}

// Take takes messages that nobody holds, without receiving them, in one unit, which
// the caller must sync before it tells anybody; at most 4,000, and fewer if they are
// large. It returns how many; the unit is nil if there are none. Errors:
// [ErrInvalidArgument], [ErrNotAllowed] if they are no dead letters to move,
// [ErrEntityDisabled], [ErrEntityDeleted].
func (q *Queue) Take(o TakeOptions) (n int, u *commit.Unit, err error) {
	e := q.e
	if o.Back && !q.sub.IsDeadLetters() {
		return 0, nil, fmt.Errorf("resubmit from %q: %w: it is not a dead-letter queue", e.path, ErrNotAllowed)
	}
	if len(o.Numbers) == 0 && o.Max < 1 {
		return 0, nil, fmt.Errorf("take from queue %q: %w: %d messages", e.path, ErrInvalidArgument, o.Max)
	}
	if err := e.b.Writable(); err != nil {
		return 0, nil, err
	}
	numbers, err := q.toTake(o)
	if err != nil {
		return 0, nil, fmt.Errorf("take from queue %q: %w", e.path, err)
	}
	op := &entity.Take{Sub: q.sub, Numbers: numbers, Back: o.Back}
	u, err = e.plan(op).submit(nil)
	return op.Taken, u, err
}

// toTake names the messages that a Take takes, by what the store has: as many as one
// unit may hold. The state machine has the last word.
func (q *Queue) toTake(o TakeOptions) (numbers []int64, err error) {
	e := q.e
	e.mu.Lock()
	err = e.alive()
	from, last := e.q.Counters(q.sub).LowWater, e.last
	requires := e.options.RequiresSession && q.sub == DeadLetterQueue
	e.mu.Unlock()
	if err == nil {
		err = e.b.Wait(last)
	}
	if err != nil {
		return nil, err
	}
	room := maxTakeBytes
	add := func(r Scanned) (full bool) {
		if len(numbers) > 0 && r.Size > room {
			return true
		}
		room -= r.Size
		numbers = append(numbers, r.SequenceNumber)
		return len(numbers) == maxTake
	}
	if len(o.Numbers) > 0 {
		return numbers, q.named(o.Numbers, func(r Scanned) bool { return !add(r) })
	}
	bound := clock.LastShown(e.b.clock, o.Before)
	return numbers, q.scan(o.Session, from, func(r Scanned) bool {
		switch {
		case !o.Before.IsZero() && r.EnqueuedAt.After(bound):
			return false
		case !o.Before.IsZero() && !e.b.ShownTime(r.EnqueuedAt).Before(o.Before):
			return true // the wall clock was set back since
		case r.State != Active || r.Owner != NoOwner:
			return true
		case o.Back && requires && !r.HasSession:
			return true // it stays, and is not in the way of the others
		}
		return !add(r) && len(numbers) < o.Max
	})
}

// named calls f for the headers of messages that are there, in the order of their
// numbers, until it returns false.
func (q *Queue) named(numbers []int64, f func(Scanned) bool) error {
	for _, n := range slices.Compact(slices.Sorted(slices.Values(numbers))) {
		rows, err := q.e.b.store.Scan(q.ID(), n, 1, 0)
		if err != nil {
			return q.e.readFailed(fmt.Sprintf("message %d", n), err)
		}
		if len(rows) > 0 && rows[0].SequenceNumber == n && !f(rows[0]) {
			return nil
		}
	}
	return nil
}

// scan calls f for the headers of messages, of one session or all, from a number on,
// until it returns false.
func (q *Queue) scan(session *string, from int64, f func(Scanned) bool) error {
	for {
		rows, err := q.scanOf(session, from, takePage, 0)
		if err != nil && len(rows) == 0 {
			return q.e.readFailed(fmt.Sprintf("messages from number %d on", from), err)
		}
		for _, r := range rows {
			if !f(r) {
				return nil
			}
			from = r.SequenceNumber + 1
		}
		if len(rows) < takePage && err == nil {
			return nil
		}
	}
}

// scanOf reads messages of one session or all.
func (q *Queue) scanOf(session *string, from int64, limit, contents int) ([]Scanned, error) {
	if session != nil {
		return q.e.b.store.ScanSession(q.ID(), *session, from, limit, contents)
	}
	return q.e.b.store.Scan(q.ID(), from, limit, contents)
}
