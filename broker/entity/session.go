package entity

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Message sessions [SB-SEM 3]: of an entity that requires them, a session is held by one
// consumer at a time. Its messages are then in a line of their own. Who holds it is known
// in memory only: a restart ends all links, which frees their sessions. For the same
// reason the locks of messages inside a held session are not written; the store learns of
// a message when it is settled, or when the lock of the session has run out.

// A Session is one that is held.
type Session struct {
	line
	deadline // the end of the lock; zero: it has none
	id       string
	consumer *Consumer // nil: a pipeline run
	locked   map[int64]*item
	owned    int // messages that are reserved for runs, are theirs, or wait after them
	touched  bool
	state    *int // how many bytes its state has, or noState; nil: not known
	shedding bool // the lock has run out, and not everything has been put back yet
	over     bool
}

// ID returns the session's id.
func (h *Session) ID() string { return h.id }

// Until returns when the lock of the session ends.
func (h *Session) Until() time.Time { return h.due }

// Session returns the session that the consumer holds; nil: none.
func (c *Consumer) Session() *Session { return c.session }

// work names what is to be read for the session.
func (h *Session) work(w *Work, now time.Time) {
	if h.wantsLoad(now) {
		w.Kind = LoadWork
		w.From, w.Limit = h.load()
		return
	}
	w.Kind = RefillWork
	w.From, w.Limit, _ = h.startRefill()
}

// begin lets a consumer hold a session that nobody holds.
func (s *sub) begin(id string, c *Consumer, env Env, d *Decision) {
	h := s.holds(id)
	h.consumer = c
	s.sessions.due.set(h, s.q.lockEnd(env.Now))
	c.session, c.waits = h, false
	if c.credit > 0 { // it was given while it waited
		h.consumers = append(h.consumers, c)
	}
	d.Accepted = append(d.Accepted, c)
	d.Accessed = true
}

// holds begins a session. What the window has of it goes into a line of its own; behind
// the cursor it has to be read.
func (s *sub) holds(id string) *Session {
	h := &Session{id: id, locked: map[int64]*item{}, deadline: deadline{index: -1}}
	h.line = line{s: s, session: h, cursor: s.cursor, stuck: s.stuck}
	others := make([]*item, 0, len(s.window))
	for _, it := range s.window {
		if it.session == id {
			h.window = append(h.window, it)
		} else {
			others = append(others, it)
		}
	}
	s.window = others
	if s.sessions.held == nil {
		s.sessions.held = map[string]*Session{}
	}
	s.sessions.held[id] = h
	s.sessions.lower(h.cursor)
	if len(h.window) > 0 {
		s.sessions.lower(h.window[0].seq)
	}
	s.sessions.touch(h)
	return h
}

// own lets runs hold the session of a message: one at a time, because nobody else gets
// messages of it meanwhile. It lasts until the last message is disowned.
func (s *sub) own(it *item) {
	if !s.hasSessions() {
		return
	}
	h := s.sessions.held[it.session]
	if h == nil {
		h = s.holds(it.session)
	}
	h.owned++
	it.owner = h
}

// disown ends own. A message that a link's failure lets wait may outlive the session in
// which that began.
func (s *sub) disown(it *item) {
	h := it.owner
	it.owner = nil
	if h == nil || h.over {
		return
	}
	if h.owned--; h.owned == 0 && h.consumer == nil {
		s.sessions.ending = append(s.sessions.ending, h)
	}
}

// lock gives an item to the session.
func (h *Session) lock(it *item, env Env) {
	it.token = env.Token()
	it.held = h
	it.status.NotBefore = time.Time{}
	h.s.hold(it, locked)
	if h.s.tokens == nil {
		h.s.tokens = map[LockToken]*item{}
	}
	h.s.tokens[it.token] = it
	h.locked[it.seq] = it
}

// letGoInSession takes an item out of the structures of its lock.
func (s *sub) letGoInSession(it *item) {
	delete(s.tokens, it.token)
	delete(it.held.locked, it.seq)
	it.held, it.token, it.claimant = nil, LockToken{}, nil
}

// endSession frees a session. What was not settled is free too: with one more delivery if
// the lock has run out, else as if it had never been delivered [SB-SEM 3].
func (s *sub) endSession(h *Session, lost bool, env Env, d *Decision) {
	h.over = true
	delete(s.sessions.held, h.id)
	delete(s.sessions.wanting, h)
	s.sessions.due.remove(h)
	if c := h.consumer; c != nil {
		if c.credit > 0 {
			h.unlist(c)
		}
		c.drained(d)
		c.session, c.closed = nil, true // credit of who has not heard yet is for no other messages
	}
	if h.cursor < s.cursor {
		s.cut(h.cursor)
		d.moved[s.id] = true
	}
	for _, it := range h.window {
		s.line.makeReady(it, d)
	}
	h.window = nil
	for _, seq := range slices.Sorted(maps.Keys(h.locked)) {
		s.freed(h.locked[seq], lost, env, d)
	}
}

// freed puts back a message whose session has ended.
func (s *sub) freed(it *item, lost bool, env Env, d *Decision) {
	last := lost && s.exhausts(it) && !env.unreadable(it)
	s.letGoInSession(it)
	if lost {
		it.status.DeliveryCount++
	}
	switch {
	case last:
		s.deadLetter(it, exhausted(it, nil), env.content(it), true, d)
	case lost:
		s.unlocked(it, env, d)
	default:
		s.asBefore(it, d)
	}
}

// asBefore puts back a message of which nothing has changed.
func (s *sub) asBefore(it *item, d *Decision) {
	if it.status.State == Deferred {
		s.forget(it)
		return
	}
	s.rewind(it)
	s.makeReady(it, d)
}

// exhausted are the messages that the session has locked whose last delivery this is, in
// order.
func (h *Session) exhausted() (last []*item) {
	for _, it := range h.locked {
		if h.s.exhausts(it) {
			last = append(last, it)
		}
	}
	slices.SortFunc(last, func(a, b *item) int { return cmp.Compare(a.seq, b.seq) })
	return last
}

// shed moves messages of a session that has lapsed whose last delivery has ended, as far
// as their content is at hand, and reports whether those are all. Its consumer gets
// nothing more.
func (s *sub) shed(h *Session, env Env, d *Decision) bool {
	for _, it := range h.exhausted() {
		if env.content(it) == nil && !env.unreadable(it) {
			return false
		}
		h.shedding = true
		delete(s.sessions.wanting, h)
		s.freed(it, true, env, d)
	}
	return true
}

func (h *Session) lapsed(now time.Time) bool { return !h.due.IsZero() && !h.due.After(now) }
