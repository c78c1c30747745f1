package entity

import (
	"slices"
	"sort"
	"time"
)

// WindowSize is how many ready messages of a line are in memory at most.
const WindowSize = 1024

// A line is messages that are handed out in the order of their numbers: those of a
// sub-queue, or those of a session that is held. While a session is held, its messages
// are in its line and not in that of the sub-queue.
type line struct {
	s       *sub
	session *Session // nil: that of the sub-queue
	window  []*item  // place ready, in the order of sequence numbers
	// cursor: ready messages from here on are only in the store; beyond if
	// there are none.
	cursor int64
	refill *refill
	served bool  // something was handed out since the last refill began
	stuck  int64 // a cursor at which nothing can be read; 0: none is known

	consumers []*Consumer // those with credit
	turn      int         // whose turn it is
}

// lineOf returns the line to which a message belongs now.
func (s *sub) lineOf(it *item) *line {
	if h := s.sessions.held[it.session]; h != nil {
		return &h.line
	}
	return &s.line
}

// lineFor returns the line of a session, or that of the sub-queue.
func (s *sub) lineFor(of *Session) *line {
	if of != nil {
		return &of.line
	}
	return &s.line
}

// makeReady puts an unlocked active message at its place in the order: into the
// window, or, from the cursor on, into the store alone.
func (s *sub) makeReady(it *item, d *Decision) {
	l := s.lineOf(it)
	l.makeReady(it, d)
	s.sessions.touch(l.session)
}

func (l *line) makeReady(it *item, d *Decision) {
	s := l.s
	d.moved[s.id] = true
	if it.seq >= l.cursor {
		s.forget(it)
		s.note(it)
		return
	}
	it.place = ready
	s.remember(it)
	if l.session != nil {
		s.sessions.lower(it.seq)
	}
	if n := len(l.window); n == 0 || l.window[n-1].seq < it.seq {
		l.window = append(l.window, it)
	} else {
		l.window = slices.Insert(l.window, l.position(it.seq), it)
	}
	if len(l.window) > s.q.size {
		l.cut(l.window[len(l.window)-1].seq)
	}
}

// cut leaves what is ready from a number on to the store.
func (l *line) cut(cursor int64) {
	i := l.position(cursor)
	for _, it := range l.window[i:] {
		l.s.forget(it)
	}
	clear(l.window[i:])
	l.window = l.window[:i]
	l.cursor = min(l.cursor, cursor)
}

func (l *line) position(seq int64) int {
	return sort.Search(len(l.window), func(i int) bool { return l.window[i].seq >= seq })
}

// unwindow takes an item out of the window.
func (l *line) unwindow(it *item) {
	if l.window[0] == it {
		l.window[0] = nil
		l.window = l.window[1:]
		return
	}
	i := l.position(it.seq)
	copy(l.window[i:], l.window[i+1:])
	l.window[len(l.window)-1] = nil
	l.window = l.window[:len(l.window)-1]
}

// available reports whether a ready message is, or may be, there to be taken.
func (l *line) available() bool { return len(l.window) > 0 || l.cursor != beyond }

// note tells the refills under way of a message that is ready behind the cursor.
func (s *sub) note(it *item) { s.noted(it, it) }

// gone tells the refills under way of a message that is gone.
func (s *sub) gone(it *item) { s.noted(it, nil) }

// noted tells both lines: a session may end, or begin, while they are refilled.
func (s *sub) noted(it, is *item) {
	s.line.note(it.seq, is)
	if h := s.sessions.held[it.session]; h != nil {
		h.line.note(it.seq, is)
	}
}

func (l *line) note(seq int64, it *item) {
	if l.refill != nil && seq >= l.refill.from {
		l.refill.overlay[seq] = it
	}
}

// noteSent tells the refills under way of a message that was sent behind the cursor.
func (s *sub) noteSent(it *item) {
	s.line.noteSent(it)
	if h := s.sessions.held[it.session]; h != nil {
		h.line.noteSent(it)
	}
}

func (l *line) noteSent(it *item) {
	r := l.refill
	if r == nil || r.cut != 0 {
		return
	}
	if len(r.overlay) >= l.s.q.size {
		r.cut = it.seq
		return
	}
	r.overlay[it.seq] = it
}

// wantsRefill reports whether consumers will soon want what the window lacks: it
// is read before they stand still for it. Who was served and has no credit left is
// about to grant more.
func (l *line) wantsRefill() bool {
	waiting := l.served || len(l.consumers) > 0 || l.session == nil && len(l.s.sessions.waiting) > 0
	return l.refill == nil && l.cursor != beyond && len(l.window) < max(l.s.q.size/2, 1) && waiting
}

func (l *line) startRefill() (from int64, limit int, ok bool) {
	if l.refill != nil || l.cursor == beyond || len(l.window) >= l.s.q.size {
		return 0, 0, false
	}
	l.refill = &refill{from: l.cursor, overlay: map[int64]*item{}}
	l.served = false
	return l.cursor, l.s.q.size - len(l.window), true
}

// wantsLoad reports whether a consumer waits for a message whose content is not
// in memory.
func (l *line) wantsLoad(now time.Time) bool {
	return len(l.consumers) > 0 && len(l.window) > 0 && l.window[0].content == nil && !l.window[0].expiredAt(now)
}

// load says what to read for the waiting consumers.
func (l *line) load() (from int64, limit int) {
	demand := 0
	for _, c := range l.consumers {
		demand += min(c.credit, loadMessages)
	}
	demand = min(demand, loadMessages, len(l.window))
	size := 0
	for _, it := range l.window[:demand] {
		if it.content != nil || limit > 0 && size+it.size > loadBytes {
			break
		}
		size += it.size
		limit++
	}
	return l.window[0].seq, limit
}

// unlist takes away a consumer's credit.
func (l *line) unlist(c *Consumer) {
	c.credit = 0
	i := slices.Index(l.consumers, c)
	l.consumers = slices.Delete(l.consumers, i, i+1)
	if l.turn > i {
		l.turn--
	}
}

// pump hands ready messages to consumers with credit, the oldest first, each in
// turn, until one or the other runs out or a content must be loaded first.
func (l *line) pump(env Env, d *Decision) {
	s := l.s
	for len(l.consumers) > 0 && len(l.window) > 0 {
		it := l.window[0]
		if it.expiredAt(env.Now) {
			s.passExpired(it, d)
			continue
		}
		if it.content == nil {
			break
		}
		if l.turn >= len(l.consumers) {
			l.turn = 0
		}
		c := l.consumers[l.turn]
		l.served = true
		content := it.content
		if c.Mode == ReceiveAndDelete {
			d.deliver(c, it.message(content))
			s.remove(it, d)
		} else {
			l.unwindow(it)
			l.lock(it, env, d)
			s.dropContent(it)
			d.deliver(c, it.message(content))
		}
		if c.credit == 1 {
			l.unlist(c)
			c.drained(d)
		} else {
			c.credit--
			l.turn++
		}
	}
	if l.available() {
		return
	}
	for i := 0; i < len(l.consumers); {
		if c := l.consumers[i]; len(c.drains) > 0 {
			l.unlist(c)
			c.drained(d)
		} else {
			i++
		}
	}
}

// lock gives an item to the consumer of the line.
func (l *line) lock(it *item, env Env, d *Decision) {
	if l.session != nil {
		l.session.lock(it, env)
		return
	}
	l.s.lock(it, env, d)
}
