package entity

import (
	"cmp"
	"slices"
	"time"
)

// sessions are those of a sub-queue.
type sessions struct {
	held    map[string]*Session
	due     deadlines[*Session]
	waiting []*Consumer // for the next session
	touched []*Session  // something of their lines has changed
	wanting map[*Session]struct{}
	ending  []*Session // of runs that have none of its messages any more
	floor   int64      // what low returns the next so many times
	again   int
}

// hasSessions reports whether messages of the sub-queue belong to sessions: those of a
// dead-letter queue do not [SB-SEM 3].
func (s *sub) hasSessions() bool { return s.id == MainQueue && s.q.config.RequiresSession }

// indexed reports whether there is an index of the sub-queue's messages by session: for
// receivers, and of what is scheduled for who peeks.
func (s *sub) indexed() bool {
	return s.q.config.RequiresSession && (s.id == MainQueue || s.id == ScheduledMessages)
}

// sessionEntry adds a record of the index of messages by session.
func (s *sub) sessionEntry(kind RecordKind, session string, seq int64, d *Decision) {
	if s.indexed() {
		d.Records = append(d.Records, Record{Kind: kind, Sub: s.id, SequenceNumber: seq, Session: session})
	}
}

// touch notes that there may be something to hand out, or to read, of a session.
func (x *sessions) touch(h *Session) {
	if h != nil && !h.touched {
		h.touched = true
		x.touched = append(x.touched, h)
	}
}

// pump hands out the messages of sessions of which something has changed.
func (x *sessions) pump(env Env, d *Decision) {
	for i := 0; i < len(x.touched); i++ { // passing an expired message may touch another
		h := x.touched[i]
		h.touched = false
		if h.over || h.shedding {
			continue
		}
		h.line.pump(env, d)
		if h.wantsRefill() || h.wantsLoad(env.Now) {
			if x.wanting == nil {
				x.wanting = map[*Session]struct{}{}
			}
			x.wanting[h] = struct{}{}
		} else {
			delete(x.wanting, h)
		}
	}
	x.touched = x.touched[:0]
}

// want returns a session of which something must be read; nil: there is none.
func (x *sessions) want(now time.Time) *Session {
	for h := range x.wanting {
		if h.wantsLoad(now) || h.wantsRefill() {
			return h
		}
	}
	return nil
}

// low returns a number below which the sessions have no message. Where many are held it is
// looked for now and then only, because each record of the counters has it, and is a lower
// bound in between.
func (x *sessions) low() int64 {
	if x.again > 0 {
		x.again--
		return x.floor
	}
	low := int64(beyond)
	for _, h := range x.held {
		low = min(low, h.cursor)
		if len(h.window) > 0 {
			low = min(low, h.window[0].seq)
		}
	}
	x.floor, x.again = low, len(x.held)/16
	return low
}

// lower notes that a session may have a message of that number.
func (x *sessions) lower(seq int64) { x.floor = min(x.floor, seq) }

// unwait takes a consumer off those that wait for a session.
func (x *sessions) unwait(c *Consumer) {
	if i := slices.Index(x.waiting, c); i >= 0 {
		x.waiting = slices.Delete(x.waiting, i, i+1)
	}
}

// grant gives sessions to those that wait for one.
func (s *sub) grant(env Env, d *Decision) {
	for len(s.sessions.waiting) > 0 && len(s.window) > 0 {
		it := s.window[0]
		if it.expiredAt(env.Now) {
			s.passExpired(it, d)
			continue
		}
		c := s.sessions.waiting[0]
		s.sessions.waiting = slices.Delete(s.sessions.waiting, 0, 1)
		s.begin(it.session, c, env, d)
	}
}

// endOwned ends the sessions of runs that have none of their messages any more.
func (s *sub) endOwned(env Env, d *Decision) {
	for _, h := range s.sessions.ending {
		if h.owned == 0 && !h.over {
			s.endSession(h, false, env, d)
		}
	}
	s.sessions.ending = s.sessions.ending[:0]
}

// lapsed names the sessions whose lock has run out by now.
func (s *sub) lapsed(now time.Time) (over []*Session) {
	s.sessions.due.overdue(now, func(h *Session) bool {
		over = append(over, h)
		return true
	})
	slices.SortFunc(over, func(a, b *Session) int { return cmp.Compare(a.id, b.id) })
	return over
}

// lapse ends the sessions whose lock has run out. One that has more messages whose last
// delivery has ended than one Tick moves ends with the last of them.
func (s *sub) lapse(env Env, d *Decision) {
	if !s.sessions.due.dueAt(env.Now) {
		return
	}
	for _, h := range s.lapsed(env.Now) {
		if !s.shed(h, env, d) {
			continue
		}
		c := h.consumer
		s.endSession(h, true, env, d)
		d.Lost = append(d.Lost, c)
	}
}

// needLapsed asks for the contents that lapse needs, as many as one Tick moves.
func (s *sub) needLapsed(c *checker, m *moving) {
	s.sessions.due.overdue(c.env.Now, func(h *Session) bool {
		for _, it := range h.exhausted() {
			if m.full() || !m.admits(it) {
				return false
			}
			_ = c.content(it) // what can't be read stays
		}
		return true
	})
}
