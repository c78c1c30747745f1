package entity

import (
	"fmt"
	"time"
)

// A Reservation holds ready messages in memory only: they are invisible to
// consumers, nothing is written, and a restart frees them.
type Reservation struct {
	// Messages are in order. Their LockToken is the one that a run's lock on them
	// will have. Content is missing where Missing says so.
	Messages []*Message
	// Missing are the sequence numbers whose content the shell must read.
	Missing []int64

	sub   *sub
	items []*item
}

// Spent reports whether the messages are no longer held by the reservation.
func (r *Reservation) Spent() bool { return r.items == nil }

// Reserve takes up to Max ready messages out of the window. Result is nil if
// there are none.
type Reserve struct {
	Sub    SubQueue
	Max    int
	Result *Reservation
}

func (o *Reserve) check(q *Queue, c *checker) error { return q.CanReceive(o.Sub) }

func (o *Reserve) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	r := &Reservation{sub: s}
	for len(r.items) < o.Max && len(s.window) > 0 {
		it := s.window[0]
		if it.expiredAt(env.Now) {
			s.passExpired(it, d)
			continue
		}
		s.unwindow(it)
		s.hold(it, reserved)
		it.token = env.Token()
		m := it.message(it.content)
		m.LockToken = it.token
		if it.content == nil {
			r.Missing = append(r.Missing, it.seq)
		}
		s.dropContent(it)
		r.items = append(r.items, it)
		r.Messages = append(r.Messages, m)
	}
	if len(r.items) > 0 {
		o.Result = r
	}
}

// WindowFill returns how many ready messages are in memory, and whether more
// may be in the store.
func (q *Queue) WindowFill(id SubQueue) (n int, more bool) {
	return len(q.subs[id].window), q.subs[id].cursor != beyond
}

// ReleaseReserved puts reserved messages back. It does nothing if the
// reservation is spent.
type ReleaseReserved struct{ Reservation *Reservation }

func (o ReleaseReserved) check(q *Queue, c *checker) error { return nil }

func (o ReleaseReserved) apply(q *Queue, env Env, d *Decision) {
	r := o.Reservation
	for _, it := range r.items {
		r.sub.rewind(it)
		r.sub.makeReady(it, d)
	}
	r.items = nil
}

// take claims the reservation for an operation.
func (r *Reservation) take(c *checker) error {
	if r.items == nil || !c.take(r.items[0]) {
		return fmt.Errorf("reservation: %w", ErrMessageLockLost)
	}
	return nil
}

// LockRun makes a run the owner of reserved messages. The lock has no deadline:
// it ends by a [RunSettle].
type LockRun struct {
	Reservation *Reservation
	Run         RunID
}

func (o LockRun) check(q *Queue, c *checker) error {
	if o.Run == "" {
		return fmt.Errorf("lock for a run: %w: no run", ErrInvalidArgument)
	}
	return o.Reservation.take(c)
}

func (o LockRun) apply(q *Queue, env Env, d *Decision) {
	r := o.Reservation
	for _, it := range r.items {
		it.status.Owner, it.status.Run, it.status.LockToken = RunOwner, o.Run, it.token
		it.status.NotBefore = time.Time{}
		r.sub.hold(it, locked)
		r.sub.ownedBy(o.Run)[it.seq] = it
		d.touch(it)
	}
	d.Durable = true
	r.items = nil
}

// SettleReserved settles reserved messages without locking them first.
type SettleReserved struct {
	Reservation *Reservation
	Outcome     Outcome
	Contents    map[int64]*Content
}

func (o SettleReserved) check(q *Queue, c *checker) error {
	if err := o.Reservation.take(c); err != nil {
		return err
	}
	s := o.Reservation.sub
	for _, it := range o.Reservation.items {
		s.need(c, it, o.Outcome, o.Contents)
	}
	return s.allows(o.Outcome)
}

func (o SettleReserved) apply(q *Queue, env Env, d *Decision) {
	r := o.Reservation
	for _, it := range r.items {
		r.sub.settle(it, o.Outcome, o.Contents, env, d)
	}
	r.items = nil
}
