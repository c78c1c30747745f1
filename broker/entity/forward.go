package entity

import "fmt"

// Messages that are forwarded [SB-SEM 4] are moved by the shell: it reserves some
// ([Reserve] with Forward), and one decision takes them away here ([SettleReserved]) and
// gives them to where they go on. Nobody else receives from such a sub-queue.

// Forwardable reports whether there are, or may be, messages to be moved on now.
func (q *Queue) Forwardable(id SubQueue) bool {
	return q.config.Forwards[id] && q.subs[id].available() && q.CanBrowse(id) == nil
}

// canForward reports whether messages may be moved on from a sub-queue. Those of an entity
// that can't be received from wait.
func (q *Queue) canForward(id SubQueue) error {
	if !q.config.Forwards[id] {
		return fmt.Errorf("forward: %w: messages of this queue are not forwarded", ErrNotAllowed)
	}
	return q.CanBrowse(id)
}

// forwardedError is why nothing is received from a sub-queue whose messages are forwarded.
func forwardedError(id SubQueue) error {
	switch id {
	case MainQueue:
		return fmt.Errorf("%w: ForwardTo is set", ErrForwarded)
	case DeadLetterQueue:
		return fmt.Errorf("%w: ForwardDeadLetteredMessagesTo is set", ErrForwarded)
	default:
		return ErrForwarded
	}
}

// LeaveReserved puts reserved messages back that stay where they are although others go
// on. They are not ready any more, until the configuration is changed or the queue is
// opened again; nothing is written. If it was changed since they were reserved, they are
// ready.
type LeaveReserved struct {
	Reservation *Reservation
	First       int // how many, from the first on; 0: all
}

func (o LeaveReserved) check(q *Queue, c *checker) error { return o.Reservation.take(c) }

func (o LeaveReserved) apply(q *Queue, env Env, d *Decision) {
	r := o.Reservation
	for _, it := range r.first(o.First) {
		r.sub.rewind(it)
		r.sub.disown(it)
		if r.configured != q.configured {
			r.sub.makeReady(it, d)
			continue
		}
		r.sub.leave(it)
	}
	r.drop(o.First)
}

// leave leaves a message behind that was ready.
func (s *sub) leave(it *item) {
	s.leftLow = min(s.leftLow, it.seq)
	s.forget(it)
}

// Stuck returns the number from which on no message of a sub-queue can be read, by the last
// try; false: none is known that stands in the way.
func (q *Queue) Stuck(id SubQueue) (from int64, ok bool) {
	s := q.subs[id]
	return s.cursor, s.cursor == s.stuck && len(s.window) == 0 && s.refill == nil
}

// Skip leaves behind what can't be read where a sub-queue is stuck, From and up to To: what
// is behind it can go on.
type Skip struct {
	Sub      SubQueue
	From, To int64
}

func (o Skip) check(q *Queue, c *checker) error { return nil }

func (o Skip) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	if from, ok := q.Stuck(o.Sub); ok && from == o.From {
		s.leftLow = min(s.leftLow, o.From)
		s.cursor, s.stuck = o.To, 0
		d.moved[s.id] = true
	}
}

// Regain makes what was left behind in a sub-queue ready again.
func (q *Queue) Regain(id SubQueue) { q.subs[id].regain() }

func (s *sub) regain() {
	if s.leftLow != beyond {
		s.cut(s.leftLow)
		s.leftLow = beyond
	}
}
