package entity

import (
	"cmp"
	"fmt"
	"time"
)

// A Reservation holds ready messages in memory only: they are invisible to
// consumers, nothing is written, and a restart frees them.
type Reservation struct {
	// Messages are in order. Their LockToken is the one that a run's lock on them
	// will have.
	Messages []*Message

	// Full says that the next message is there and would have made it too large.
	Full bool

	sub        *sub
	items      []*item
	configured uint64 // Queue.configured when it began
	forward    bool   // of who moves messages on, which is nobody's access
}

// Reserve takes up to Max ready messages of up to Bytes together, of one session if the
// entity requires sessions, which is held from then on; but for the first,
// which may be larger, or as many as there are in a window that is at least half full.
// If that is more than Granted, nothing is read or taken, and Wants is how much it is.
// Result is nil if the window has none, because all in
// it have expired. More is set if there may be others behind it: the next Reserve
// asks for them.
type Reserve struct {
	Sub            SubQueue
	Max            int
	Bytes, Granted int64
	// Forward: to move the messages on. Then they are none that can be received, and those
	// that can't be read are left behind, as by [LeaveReserved]: Damaged are their numbers.
	Forward bool
	Wants   int64
	Result  *Reservation
	Damaged []int64
	More    bool
}

// next returns the messages that o takes, those that have expired left out, how many
// bytes they have, and whether it ends because of their bytes.
func (o *Reserve) next(s *sub, now time.Time) (items []*item, bytes int64, full bool) {
	for _, it := range s.window {
		if len(items) == o.Max {
			break
		}
		if it.expiredAt(now) || len(items) > 0 && it.session != items[0].session {
			continue
		}
		if len(items) > 0 && bytes+int64(it.size) > o.Bytes {
			return items, bytes, true
		}
		items, bytes = append(items, it), bytes+int64(it.size)
	}
	return items, bytes, false
}

func (o *Reserve) check(q *Queue, c *checker) error {
	can := q.CanReceive
	if o.Forward {
		can = q.canForward
	}
	if err := can(o.Sub); err != nil {
		return err
	}
	s := q.subs[o.Sub]
	if n := min(o.Max, max(q.size/2, 1)); s.lacks(n) {
		c.need.Headers = append(c.need.Headers, HeaderNeed{o.Sub, n})
		return nil
	}
	items, bytes, _ := o.next(s, c.env.Now)
	if bytes > o.Granted {
		return nil
	}
	for i, it := range items {
		if err := c.content(it); err != nil {
			if o.Forward && c.env.damaged(it) {
				continue
			}
			if i > 0 {
				break // those before it first
			}
			return err
		}
	}
	return nil
}

// lacks reports whether the window holds less than n messages while there may be
// more in the store. What can't be read is asked for when there is nothing else.
func (s *sub) lacks(n int) bool {
	return len(s.window) < n && s.cursor != beyond && (s.cursor != s.stuck || len(s.window) == 0)
}

func (o *Reserve) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	items, bytes, full := o.next(s, env.Now)
	if bytes > o.Granted {
		o.Wants = bytes
		return
	}
	r := &Reservation{sub: s, Full: full, configured: q.configured, forward: o.Forward}
	for len(s.window) > 0 && s.window[0].expiredAt(env.Now) {
		s.passExpired(s.window[0], d)
	}
	for _, it := range items {
		if o.Forward && env.damaged(it) {
			s.lineOf(it).unwindow(it)
			s.leave(it)
			o.Damaged = append(o.Damaged, it.seq)
			continue
		}
		content := env.content(it)
		if content == nil {
			break // it can't be read
		}
		s.lineOf(it).unwindow(it)
		s.own(it)
		s.hold(it, reserved)
		it.token = env.Token()
		m := it.message(content)
		m.LockToken = it.token
		s.dropContent(it)
		r.items = append(r.items, it)
		r.Messages = append(r.Messages, m)
	}
	if len(r.items) > 0 {
		o.Result = r
	}
	o.More = s.cursor != beyond
}

// Lacks reports whether a need of headers is not met.
func (q *Queue) Lacks(n HeaderNeed) bool { return q.subs[n.Sub].lacks(n.Messages) }

// ReleaseReserved puts reserved messages back. It does nothing if the
// reservation is spent.
type ReleaseReserved struct{ Reservation *Reservation }

func (o ReleaseReserved) check(q *Queue, c *checker) error { return nil }

func (o ReleaseReserved) apply(q *Queue, env Env, d *Decision) {
	r := o.Reservation
	for _, it := range r.items {
		r.sub.rewind(it)
		r.sub.disown(it)
		r.sub.makeReady(it, d)
	}
	r.items = nil
}

// take claims the reservation for an operation.
func (r *Reservation) take(c *checker) error {
	if r.items == nil || !c.claim(r.items[0]) {
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
	d.Accessed = true
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
	// First is how many, from the first on; the others stay reserved. 0: all.
	First   int
	Outcome Outcome
}

func (o SettleReserved) check(q *Queue, c *checker) error {
	if err := o.Reservation.take(c); err != nil {
		return err
	}
	s := o.Reservation.sub
	for _, it := range o.Reservation.first(o.First) {
		if err := s.need(c, it, o.Outcome); err != nil {
			return err
		}
	}
	return s.allows(o.Outcome)
}

func (o SettleReserved) apply(q *Queue, env Env, d *Decision) {
	r := o.Reservation
	d.Accessed = d.Accessed || !r.forward
	for _, it := range r.first(o.First) {
		r.sub.settle(it, o.Outcome, env, d)
	}
	r.drop(o.First)
}

// first returns the first n messages; 0: all.
func (r *Reservation) first(n int) []*item { return r.items[:cmp.Or(n, len(r.items))] }

// drop ends the reservation of the first n messages; 0: all.
func (r *Reservation) drop(n int) {
	if r.items = r.items[cmp.Or(n, len(r.items)):]; len(r.items) == 0 {
		r.items = nil
	}
}
