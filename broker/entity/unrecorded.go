package entity

import (
	"slices"
	"time"
)

// recordAfter is for how long a message may be locked before that is recorded. Most are
// settled long before: of these the store never hears that they were locked, and half of
// what a delivery would write is never written.
const recordAfter = 100 * time.Millisecond

// unrecorded are messages that a link has locked and of whose lock there is no record, the
// oldest first. A crash loses these locks, see [Decision] Durable. While reads of the queue fail
// they may have to wait longer.
type unrecorded struct {
	list []unrecordedLock
	head int // what is before has been dealt with
}

type unrecordedLock struct {
	it    *item
	token LockToken
	due   time.Time
}

// stale reports whether there is nothing to record any more.
func (l *unrecordedLock) stale() bool {
	return l.it.recorded || l.it.place != locked || l.it.status.LockToken != l.token
}

func (u *unrecorded) add(it *item, now time.Time) {
	if u.head > len(u.list)/2 {
		n := copy(u.list, u.list[u.head:])
		clear(u.list[n:])
		u.list, u.head = u.list[:n], 0
	}
	u.list = append(u.list, unrecordedLock{it, it.status.LockToken, now.Add(recordAfter)})
}

// first returns the oldest, nil if there is none.
func (u *unrecorded) first() *unrecordedLock {
	for u.head < len(u.list) {
		l := &u.list[u.head]
		if !l.stale() {
			return l
		}
		*l = unrecordedLock{}
		u.head++
	}
	*u = unrecorded{list: u.list[:0]}
	return nil
}

// due returns when the next lock is to be recorded, zero: there is none.
func (u *unrecorded) due() time.Time {
	if l := u.first(); l != nil {
		return l.due
	}
	return time.Time{}
}

// recordLocks records the locks that are due at a time.
func (s *sub) recordLocks(now time.Time, d *Decision) {
	for l := s.unrecorded.first(); l != nil && !l.due.After(now); l = s.unrecorded.first() {
		l.it.recordStatus(d)
	}
}

// recordStatus adds the record of the item's status.
func (it *item) recordStatus(d *Decision) {
	it.recorded = true
	d.Records = append(d.Records, Record{Kind: PutStatus, Sub: it.sub.id, SequenceNumber: it.seq, Status: &it.status})
}

// Unrecorded reports whether there are locks of which the store does not know.
func (q *Queue) Unrecorded() bool {
	return slices.ContainsFunc(q.subs[:], func(s *sub) bool { return s.unrecorded.first() != nil })
}

// RecordLocks records the locks that are not yet, for who reads the store.
type RecordLocks struct{}

func (o RecordLocks) check(q *Queue, c *checker) error { return nil }

func (o RecordLocks) apply(q *Queue, env Env, d *Decision) {
	for _, s := range q.subs {
		s.recordLocks(env.Now.Add(recordAfter), d)
	}
}
