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
		r.sub.leftLow = min(r.sub.leftLow, it.seq)
		r.sub.forget(it)
	}
	r.drop(o.First)
}

// Regain makes what was left behind in a sub-queue ready again.
func (q *Queue) Regain(id SubQueue) { q.subs[id].regain() }

func (s *sub) regain() {
	if s.leftLow != beyond {
		s.cut(s.leftLow)
		s.leftLow = beyond
	}
}
