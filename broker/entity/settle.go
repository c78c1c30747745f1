package entity

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Settle settles messages locked by links. Tokens that no longer hold are no
// obstacle to the others: Check fills Errs, one per token, and Apply settles
// those whose error is nil. If more messages are to be moved to the dead-letter queue
// than one operation moves, Errs is shorter than Tokens: the rest is for the next one.
type Settle struct {
	Sub     SubQueue
	Tokens  []LockToken
	Outcome Outcome
	Errs    []error
}

func (o *Settle) check(q *Queue, c *checker) error {
	s := q.subs[o.Sub]
	o.Errs = make([]error, 0, len(o.Tokens))
	var m moving
	for _, t := range o.Tokens {
		it, err := s.settleable(t, c)
		if err == nil {
			err = s.allows(o.Outcome)
		}
		if err == nil && s.moves(it, o.Outcome) {
			if m.full() || !m.admits(it) {
				break
			}
			err = c.content(it)
		}
		o.Errs = append(o.Errs, err)
	}
	return nil
}

func (o *Settle) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	for i, err := range o.Errs {
		if err == nil {
			s.settle(s.tokens[o.Tokens[i]], o.Outcome, env, d)
		}
	}
}

// lockedBy returns the message that the token locks now.
func (s *sub) lockedBy(t LockToken, now time.Time) (*item, error) {
	it := s.tokens[t]
	switch {
	case it == nil:
		return nil, ErrMessageLockLost
	case it.held != nil && it.held.lapsed(now):
		return nil, ErrSessionLockLost
	case it.held == nil && !it.status.LockedUntil.After(now):
		return nil, ErrMessageLockLost
	}
	return it, nil
}

// allows reports whether messages of the sub-queue may be settled like that.
func (s *sub) allows(o Outcome) error {
	switch {
	case o.Kind > DeadLetter:
		return fmt.Errorf("settle: %w: outcome %d", ErrInvalidArgument, o.Kind)
	case o.Kind == DeadLetter && s.id.IsDeadLetters():
		return fmt.Errorf("settle: %w: a message can't be dead-lettered from a dead-letter queue", ErrNotAllowed)
	}
	return nil
}

// exhausts reports whether one more failed delivery ends the message's time in
// the queue ([SB-AMQP 7.4]; the dead-letter queue knows no limit).
func (s *sub) exhausts(it *item) bool {
	return s.id == MainQueue && it.status.DeliveryCount+1 >= s.q.config.MaxDeliveryCount
}

// need asks for the content of the message if the outcome moves it to the
// dead-letter queue.
func (s *sub) need(c *checker, it *item, o Outcome) error {
	if s.moves(it, o) {
		return c.content(it)
	}
	return nil
}

// moves reports whether the outcome moves the message to the dead-letter queue.
func (s *sub) moves(it *item, o Outcome) bool {
	return o.Kind == DeadLetter || (o.Kind == Abandon || o.Kind == Defer) && s.exhausts(it)
}

// settle applies an outcome to a message that is locked or reserved.
func (s *sub) settle(it *item, o Outcome, env Env, d *Decision) {
	inSession := it.held != nil
	received := inSession || it.status.Owner != NoOwner
	s.letGo(it)
	switch o.Kind {
	case Release:
		if inSession {
			s.asBefore(it, d)
			return
		}
	case Complete:
		s.remove(it, d)
		return
	case DeadLetter:
		s.deadLetter(it, DeadLetterInfo{o.Reason, o.Description, o.Properties, o.Shown}, env.content(it), received, d)
		return
	}
	it.status.Properties = merge(it.status.Properties, o.Properties, false)
	if o.Kind != Release && s.id == MainQueue {
		if s.exhausts(it) && !env.unreadable(it) {
			it.status.DeliveryCount++
			s.deadLetter(it, exhausted(it, o.Exhausted), env.content(it), received, d)
			return
		}
		it.status.DeliveryCount++
	}
	if o.Kind == Defer {
		s.deferMessage(it, d)
		return
	}
	if o.Kind == Abandon {
		it.status.NotBefore = o.Backoff.after(env.Now, it.status.DeliveryCount)
		if env.unreadable(it) {
			it.status.NotBefore = env.Now.Add(unreadableRetry).UTC().Truncate(time.Millisecond)
		}
	}
	s.unlocked(it, env, d)
}

// unlocked puts a message back whose lock has ended: a deferred one stays
// deferred, an active one goes back to its place, at once or after its backoff.
func (s *sub) unlocked(it *item, env Env, d *Decision) {
	d.touch(it)
	d.Durable = true
	switch {
	case it.status.State == Deferred:
		s.forget(it)
	case it.status.NotBefore.After(env.Now):
		s.own(it)
		s.hold(it, waiting)
		s.due.set(it, it.status.NotBefore)
		s.rewind(it)
	default:
		s.rewind(it)
		s.makeReady(it, d)
	}
}

func (s *sub) deferMessage(it *item, d *Decision) {
	d.touch(it)
	if it.status.State != Deferred {
		it.status.State = Deferred
		s.counters.Deferred++
		s.deferredLow = min(s.deferredLow, it.seq)
		d.count[s.id] = true
	}
	d.Durable = true
	s.forget(it)
	s.gone(it) // what was read of it before does not say that it is deferred
}

// after returns until when a message waits after its n-th failed delivery: zero
// without a backoff.
func (b Backoff) after(now time.Time, n uint32) time.Time {
	if b.First <= 0 {
		return time.Time{}
	}
	delay := b.First
	for ; n > 1 && delay < b.Max; n-- {
		if delay > b.Max/2 {
			delay = b.Max
		} else {
			delay *= 2
		}
	}
	if b.Max > 0 {
		delay = min(delay, b.Max)
	}
	return now.Add(delay).UTC().Truncate(time.Millisecond)
}

// RunSettle settles messages that a run holds. With Seqs nil it settles all
// that the run holds when it is applied, which may be none, and one that should be
// dead-lettered for its last delivery and can't be read stays in the queue;
// otherwise each must be held by the run.
type RunSettle struct {
	Sub     SubQueue
	Run     RunID
	Seqs    []int64
	Outcome Outcome
}

func (o RunSettle) check(q *Queue, c *checker) error {
	s := q.subs[o.Sub]
	if err := s.allows(o.Outcome); err != nil {
		return err
	}
	if o.Seqs == nil {
		for _, seq := range q.HeldBy(o.Sub, o.Run) {
			if it := s.known[seq]; c.claim(it) {
				if err := s.need(c, it, o.Outcome); err != nil && o.Outcome.Kind == DeadLetter {
					return err
				}
			}
		}
		return nil
	}
	for _, seq := range o.Seqs {
		it := s.runs[o.Run][seq]
		if it == nil || !c.claim(it) {
			return fmt.Errorf("settle message %d: %w", seq, ErrMessageLockLost)
		}
		if err := s.need(c, it, o.Outcome); err != nil {
			return err
		}
	}
	return nil
}

func (o RunSettle) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	d.Accessed = true
	seqs := o.Seqs
	if seqs == nil {
		seqs = q.HeldBy(o.Sub, o.Run)
	}
	for _, seq := range seqs {
		s.settle(s.runs[o.Run][seq], o.Outcome, env, d)
	}
}

// HeldBy returns the sequence numbers of the messages that the run holds, in
// order.
func (q *Queue) HeldBy(id SubQueue, run RunID) []int64 {
	return slices.Sorted(maps.Keys(q.subs[id].runs[run]))
}

// RunLocks returns the messages held by runs, in the order of sub-queues and
// sequence numbers.
func (q *Queue) RunLocks(f func(run RunID, sub SubQueue, seq int64, token LockToken)) {
	for id, s := range q.subs {
		var held []*item
		for _, items := range s.runs {
			held = slices.AppendSeq(held, maps.Values(items))
		}
		slices.SortFunc(held, func(a, b *item) int { return int(min(max(a.seq-b.seq, -1), 1)) })
		for _, it := range held {
			f(it.status.Run, SubQueue(id), it.seq, it.status.LockToken)
		}
	}
}
