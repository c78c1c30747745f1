package entity

import (
	"cmp"
	"container/heap"
	"fmt"
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
	id       string
	until    time.Time // the end of the lock; zero: it has none
	consumer *Consumer // nil: a pipeline run
	locked   map[int64]*item
	owned    int // messages that are reserved for runs, are theirs, or wait after them
	index    int // in sessions.due, -1 if not
	touched  bool
	over     bool
}

// ID returns the session's id.
func (h *Session) ID() string { return h.id }

// Until returns when the lock of the session ends.
func (h *Session) Until() time.Time { return h.until }

// Session returns the session that the consumer holds; nil: none.
func (c *Consumer) Session() *Session { return c.session }

// sessions are those of a sub-queue.
type sessions struct {
	held    map[string]*Session
	due     sessionHeap
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

// sessionEntry adds a record of the index of messages by session.
func (s *sub) sessionEntry(kind RecordKind, session string, seq int64, d *Decision) {
	if s.hasSessions() {
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
		if h.over {
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

// AcceptSession lets a consumer hold a session: that of the id, or the next that nobody
// holds and that has messages to hand out, the oldest message first. It may wait for
// that one, until [CloseConsumer]. The decision that gives it, this one or a later one,
// names the consumer in Accepted.
type AcceptSession struct {
	Consumer *Consumer
	ID       string
	Next     bool
}

func (o AcceptSession) check(q *Queue, c *checker) error {
	s := q.subs[o.Consumer.Sub]
	if err := q.CanReceive(s.id); err != nil {
		return err
	}
	if !s.hasSessions() {
		return fmt.Errorf("accept a session: %w", ErrNoSessions)
	}
	if h := s.sessions.held[o.ID]; h != nil && !o.Next {
		return fmt.Errorf("accept session %q: %w", o.ID, ErrSessionHeld)
	}
	return nil
}

func (o AcceptSession) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Consumer.Sub]
	switch {
	case o.Consumer.closed:
	case o.Next:
		o.Consumer.waits = true
		s.sessions.waiting = append(s.sessions.waiting, o.Consumer)
	default:
		s.begin(o.ID, o.Consumer, env, d)
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

// begin lets a consumer hold a session that nobody holds.
func (s *sub) begin(id string, c *Consumer, env Env, d *Decision) {
	h := s.holds(id)
	h.consumer, h.until = c, s.q.lockEnd(env.Now)
	heap.Push(&s.sessions.due, h)
	c.session, c.waits = h, false
	d.Accepted = append(d.Accepted, c)
	d.Accessed = true
}

// holds begins a session. What the window has of it goes into a line of its own; behind
// the cursor it has to be read.
func (s *sub) holds(id string) *Session {
	h := &Session{id: id, locked: map[int64]*item{}, index: -1}
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

// endOwned ends the sessions of runs that have none of their messages any more.
func (s *sub) endOwned(env Env, d *Decision) {
	for _, h := range s.sessions.ending {
		if h.owned == 0 && !h.over {
			s.endSession(h, false, env, d)
		}
	}
	s.sessions.ending = s.sessions.ending[:0]
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
	if h.index >= 0 {
		heap.Remove(&s.sessions.due, h.index)
	}
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
		s.deadLetter(it, exhausted(it, nil), env.content(it), d)
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

// lapsed names the sessions whose lock has run out by now. Those whose messages need
// content that is not at hand have to wait.
func (s *sub) lapsed(env Env) (over []*Session) {
	s.sessions.overdue(env.Now, func(h *Session) bool {
		for _, it := range h.locked {
			if s.exhausts(it) && env.content(it) == nil && !env.unreadable(it) {
				return true
			}
		}
		over = append(over, h)
		return true
	})
	slices.SortFunc(over, func(a, b *Session) int { return cmp.Compare(a.id, b.id) })
	return over
}

func (h *Session) lapsed(now time.Time) bool { return !h.until.IsZero() && !h.until.After(now) }

// lapse ends the sessions whose lock has run out.
func (s *sub) lapse(env Env, d *Decision) {
	if !s.sessions.dueAt(env.Now) {
		return
	}
	for _, h := range s.lapsed(env) {
		c := h.consumer
		s.endSession(h, true, env, d)
		d.Lost = append(d.Lost, c)
	}
}

// needLapsed asks for the contents that lapse needs, for one session at least: those of
// the sessions beyond tickBatch stay for the next Tick.
func (s *sub) needLapsed(c *checker) {
	moved := 0
	s.sessions.overdue(c.env.Now, func(h *Session) bool {
		for _, it := range h.locked {
			if s.exhausts(it) {
				_ = c.content(it) // what can't be read stays
				moved++
			}
		}
		return moved < tickBatch
	})
}

// overdue calls f for the sessions whose lock has run out, until f returns false.
func (x *sessions) overdue(now time.Time, f func(*Session) bool) {
	var walk func(i int) bool
	walk = func(i int) bool {
		if i >= len(x.due) || !x.due[i].lapsed(now) {
			return true
		}
		return f(x.due[i]) && walk(2*i+1) && walk(2*i+2)
	}
	walk(0)
}

func (x *sessions) dueAt(now time.Time) bool { return len(x.due) > 0 && x.due[0].lapsed(now) }

// HeldSession returns a session that a consumer holds.
func (q *Queue) HeldSession(id string, now time.Time) (*Session, error) {
	h := q.main().sessions.held[id]
	if h == nil || h.consumer == nil || h.lapsed(now) {
		return nil, fmt.Errorf("session %q: %w", id, ErrSessionLockLost)
	}
	return h, nil
}

// RenewSession prolongs the lock of a session that is held. Until is when it ends now.
type RenewSession struct {
	ID    string
	Until time.Time
}

func (o *RenewSession) check(q *Queue, c *checker) error {
	_, err := q.HeldSession(o.ID, c.env.Now)
	return err
}

func (o *RenewSession) apply(q *Queue, env Env, d *Decision) {
	s := q.main()
	h := s.sessions.held[o.ID]
	h.until = q.lockEnd(env.Now)
	heap.Fix(&s.sessions.due, h.index)
	o.Until = h.until
}

// A SessionState is what clients keep with a session.
type SessionState struct {
	State   []byte
	Updated time.Time
}

// SetSessionState replaces the state of a session that is held; nil removes it.
type SetSessionState struct {
	ID    string
	State []byte
}

func (o SetSessionState) check(q *Queue, c *checker) error {
	if max := q.config.MaxSessionState; len(o.State) > max {
		return fmt.Errorf("session state: %w: %d bytes, the limit is %d", ErrMessageTooLarge, len(o.State), max)
	}
	_, err := q.HeldSession(o.ID, c.env.Now)
	return err
}

func (o SetSessionState) apply(q *Queue, env Env, d *Decision) {
	r := Record{Kind: PutSessionState, Sub: MainQueue, Session: o.ID}
	if o.State != nil {
		r.State = &SessionState{State: o.State, Updated: env.Now.UTC().Truncate(time.Millisecond)}
	}
	d.Records = append(d.Records, r)
	d.Durable = true
}

// sessionHeap orders sessions by the end of their lock.
type sessionHeap []*Session

func (h sessionHeap) Len() int           { return len(h) }
func (h sessionHeap) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h sessionHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *sessionHeap) Push(x any) {
	s := x.(*Session)
	s.index = len(*h)
	*h = append(*h, s)
}

func (h *sessionHeap) Pop() any {
	old := *h
	n := len(old) - 1
	s := old[n]
	old[n] = nil
	*h, s.index = old[:n], -1
	return s
}
