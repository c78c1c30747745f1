package entity

import (
	"fmt"
	"time"
)

// unreadableRetry is how long a message whose last delivery has ended stays locked if
// it can't be read to be moved, until it is tried again. Others are served meanwhile.
const unreadableRetry = time.Minute

// lock gives an item to a link.
func (s *sub) lock(it *item, env Env, d *Decision) {
	it.status.Owner = LinkOwner
	it.status.LockToken = env.Token()
	it.status.LockedUntil = s.q.lockEnd(env.Now)
	it.status.NotBefore = time.Time{}
	s.hold(it, locked)
	s.lockedWith(it)
	s.due.set(it, it.status.LockedUntil)
	it.fresh = true
	d.touch(it)
}

func (q *Queue) lockEnd(now time.Time) time.Time {
	return now.Add(q.config.LockDuration).UTC().Truncate(time.Millisecond)
}

// Renew prolongs locks of links, all or none. Until is when they end now.
type Renew struct {
	Sub    SubQueue
	Tokens []LockToken
	Until  time.Time
}

func (o *Renew) check(q *Queue, c *checker) error {
	for _, t := range o.Tokens {
		it, err := q.subs[o.Sub].lockedBy(t, c.env.Now)
		if err != nil {
			return err
		}
		if it.held != nil {
			return fmt.Errorf("renew: %w: the lock of the session is that of its messages", ErrNotAllowed)
		}
	}
	return nil
}

func (o *Renew) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	o.Until = q.lockEnd(env.Now)
	for _, t := range o.Tokens {
		it := s.tokens[t]
		it.status.LockedUntil = o.Until
		s.due.set(it, o.Until)
		d.touch(it)
	}
}

// dueAt reports whether a lock or a backoff has ended.
func (s *sub) dueAt(now time.Time) bool {
	return s.due.dueAt(now) || s.sessions.due.dueAt(now) || isDue(s.unrecorded.due(), now)
}

func isDue(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// Tick ends the locks, of messages and of sessions, and the backoffs whose time has come,
// and forgets message ids. A message whose last delivery ended needs its content, for the
// dead-letter queue; what is more than one operation moves stays for the next Tick, and one
// that can't be read stays locked for a while.
type Tick struct{}

func (o Tick) check(q *Queue, c *checker) error {
	var m moving
	for _, s := range q.subs {
		s.due.overdue(c.env.Now, func(it *item) bool {
			if it.place == locked && s.exhausts(it) && m.admits(it) {
				_ = c.content(it) // what can't be read stays
			}
			return !m.full()
		})
		s.needLapsed(c, &m)
	}
	return nil
}

func (o Tick) apply(q *Queue, env Env, d *Decision) {
	q.history.tick(env.Now, &d.History)
	for _, s := range q.subs {
		s.lapse(env, d)
		var items []*item
		s.due.overdue(env.Now, func(it *item) bool {
			items = append(items, it)
			return true
		})
		for _, it := range items {
			if it.place == waiting {
				s.due.remove(it)
				s.disown(it)
				s.makeReady(it, d)
				continue
			}
			last := s.exhausts(it)
			content := env.content(it)
			if last && content == nil {
				if env.unreadable(it) {
					s.due.set(it, env.Now.Add(unreadableRetry))
				}
				continue
			}
			s.letGo(it)
			if s.id == MainQueue {
				it.status.DeliveryCount++
			}
			if last {
				s.deadLetter(it, exhausted(it, nil), content, true, d)
				continue
			}
			s.unlocked(it, env, d)
		}
	}
}
