package entity

import "time"

// sub is one sub-queue.
type sub struct {
	q          *Queue
	id         SubQueue
	counters   Counters        // LowWater is computed when written
	known      map[int64]*item // this and the other maps are made when something is put in
	line                       // what is ready, but for what sessions hold
	sessions   sessions        // of the main queue of an entity that requires sessions
	tokens     map[LockToken]*item
	runs       map[RunID]map[int64]*item
	due        deadlines[*item]
	unrecorded unrecorded
	out        seqHeap

	// deferredLow is not above the lowest deferred message, leftLow not above the lowest
	// that was left behind: see [LeaveReserved].
	deferredLow, leftLow int64
	// expiryDue is not after the first expiry that the sweep has not handled;
	// zero: none.
	expiryDue time.Time
	swept     Expiry
	sweep     *sweep
	// sweepAgain: no sweep before, because one has failed.
	sweepAgain time.Time
}

func newSub(q *Queue, id SubQueue, c Counters) *sub {
	s := &sub{q: q, id: id, counters: c, deferredLow: beyond, leftLow: beyond}
	s.line = line{s: s, cursor: beyond}
	if c.Messages > 0 {
		s.cursor = max(c.LowWater, 1)
	}
	return s
}

// adopt takes over a message that the store says is locked or waiting.
func (s *sub) adopt(m Scanned) {
	it := s.item(m.Message, m.Size)
	switch {
	case it.status.Owner == LinkOwner:
		s.hold(it, locked)
		s.lockedWith(it)
		s.due.set(it, it.status.LockedUntil)
	case it.status.Owner == RunOwner:
		s.own(it)
		s.hold(it, locked)
		s.ownedBy(it.status.Run)[it.seq] = it
	case it.status.State == Active && !it.status.NotBefore.IsZero():
		s.own(it)
		s.hold(it, waiting)
		s.due.set(it, it.status.NotBefore)
	}
}

// remember notes that something of the message is in memory.
func (s *sub) remember(it *item) {
	if s.known == nil {
		s.known = map[int64]*item{}
	}
	s.known[it.seq] = it
}

// lockedWith notes the token of a message that a link has locked.
func (s *sub) lockedWith(it *item) {
	if s.tokens == nil {
		s.tokens = map[LockToken]*item{}
	}
	s.tokens[it.status.LockToken] = it
}

// ownedBy returns the messages that a run holds, by number.
func (s *sub) ownedBy(r RunID) map[int64]*item {
	held := s.runs[r]
	if held == nil {
		held = map[int64]*item{}
		if s.runs == nil {
			s.runs = map[RunID]map[int64]*item{}
		}
		s.runs[r] = held
	}
	return held
}

// hold puts an item that is not in the window into memory.
func (s *sub) hold(it *item, p place) {
	it.place = p
	s.remember(it)
	if !it.inOut {
		it.inOut = true
		s.out.push(it)
	}
}

// letGo takes a locked item out of the structures of its lock.
func (s *sub) letGo(it *item) {
	s.due.remove(it)
	it.claimant = nil
	if it.held != nil {
		s.letGoInSession(it)
		return
	}
	if it.place == reserved || it.status.Owner == RunOwner {
		s.disown(it)
	}
	switch it.status.Owner {
	case LinkOwner:
		delete(s.tokens, it.status.LockToken)
	case RunOwner:
		held := s.runs[it.status.Run]
		delete(held, it.seq)
		if len(held) == 0 {
			delete(s.runs, it.status.Run)
		}
	}
	it.status.unlock()
}

// forget drops an item from memory; the store keeps the message. Who reads it at the
// moment may not see what became of it here.
func (s *sub) forget(it *item) {
	it.place = absent
	s.q.unlikeStored(s.id, it.seq)
	if s.sweep != nil && !it.expires.IsZero() {
		s.sweep.changed[it.seq] = true
	}
	s.dropContent(it)
	delete(s.known, it.seq)
}

// remove takes a message away for good.
func (s *sub) remove(it *item, d *Decision) {
	if it.place == ready {
		l := s.lineOf(it)
		l.unwindow(it)
		s.sessions.touch(l.session) // a drain may have waited for it
	}
	if it.place == waiting {
		s.disown(it)
	}
	s.due.remove(it)
	s.forget(it)
	it.removed = true
	s.counters.Messages--
	s.counters.Bytes -= int64(it.size)
	if it.status.State == Deferred {
		s.counters.Deferred--
		if s.counters.Deferred == 0 {
			s.deferredLow = beyond
		}
	}
	if s.counters.Messages == 0 {
		s.leftLow = beyond
		if s.id == ScheduledMessages {
			s.cursor = beyond
		}
	}
	s.gone(it)
	d.count[s.id] = true
	d.Durable = true
	r := Record{Kind: DeleteMessage, Sub: s.id, SequenceNumber: it.seq, ExpiresAt: it.expires, Size: it.size, Bare: !it.recorded}
	d.Records = append(d.Records, r)
	s.sessionEntry(DeleteSessionEntry, it.session, it.seq, d)
}

func (s *sub) setContent(it *item, c *Content) {
	if it.content == nil {
		it.content = c
		s.q.held += int64(it.size)
	}
}

func (s *sub) dropContent(it *item) {
	if it.content != nil {
		it.content = nil
		s.q.held -= int64(it.size)
	}
}

// lowWater returns a number below which there is no message. It is exact but for
// deferred messages and what is only in the store, of which a lower bound is
// known.
func (s *sub) lowWater() int64 {
	low := s.cursor
	if low == beyond {
		low = s.q.end()
	}
	if len(s.window) > 0 {
		low = min(low, s.window[0].seq)
	}
	if s.counters.Deferred > 0 {
		low = min(low, s.deferredLow)
	}
	low = min(low, s.leftLow)
	low = min(low, s.sessions.low())
	// Items that are no longer out may hide below a long-held one: rebuild
	// before they outnumber the others.
	if outside := len(s.known) - len(s.window); len(s.out) > 2*outside+64 {
		old := s.out
		s.out = make(seqHeap, 0, outside)
		for _, it := range old {
			if it.place == absent || it.place == ready {
				it.inOut = false
			} else {
				s.out.push(it)
			}
		}
	}
	for len(s.out) > 0 {
		it := s.out[0]
		if it.place != absent && it.place != ready {
			return min(low, it.seq)
		}
		it.inOut = false
		s.out.pop()
	}
	return low
}
