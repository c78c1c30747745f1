package entity

import (
	"slices"
	"time"
)

// refill is a read of headers behind the cursor that is under way.
type refill struct {
	from int64
	// overlay holds what changed at or behind the cursor since the read began: the
	// ready item, or nil for a message that is gone.
	overlay map[int64]*item
	// cut is the first message sent since that is not in the overlay, because
	// that may not grow without bound; 0: none.
	cut int64
}

// StartRefill begins a refill of the window: the shell reads up to limit headers
// from the given number on, and applies a [Refill]. It reports false if there is
// nothing to read or a refill is under way.
func (q *Queue) StartRefill(id SubQueue) (from int64, limit int, ok bool) {
	return q.subs[id].startRefill()
}

// Refill brings the headers that were read after [Queue.StartRefill].
type Refill struct {
	Sub SubQueue
	// Session is that of the [Work]; nil: none.
	Session *Session
	Rows    []Scanned // the first ones with their content
	// More is set if the read stopped at its limit.
	More bool
}

func (o Refill) check(q *Queue, c *checker) error { return nil }

func (o Refill) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	l := s.lineFor(o.Session)
	r := l.refill
	l.refill = nil
	s.sessions.touch(l.session)
	if r == nil || r.from != l.cursor {
		return // the window overflowed in between: what was read is not next
	}
	next := int64(beyond)
	switch {
	case o.More && len(o.Rows) > 0:
		next = o.Rows[len(o.Rows)-1].SequenceNumber + 1
	case r.cut != 0:
		next = r.cut
	}
	var items []*item
	for seq, it := range r.overlay {
		if it != nil && seq < next && s.lineOf(it) == l {
			items = append(items, it)
		}
	}
	for _, row := range o.Rows {
		if _, changed := r.overlay[row.SequenceNumber]; changed || row.SequenceNumber >= next {
			continue
		}
		if s.known[row.SequenceNumber] != nil || row.State != Active || row.Owner != NoOwner {
			continue
		}
		if it := s.item(row.Message, row.Size); s.lineOf(it) == l {
			if row.Sections != nil {
				s.setContent(it, &row.Content)
			}
			items = append(items, it)
		}
	}
	slices.SortFunc(items, func(a, b *item) int { return int(min(max(a.seq-b.seq, -1), 1)) })
	l.cursor = next
	for _, it := range items {
		l.makeReady(it, d)
	}
}

// Work is something to read for the queue, outside the shell's lock.
type Work struct {
	Kind WorkKind
	Sub  SubQueue
	// Session says that only its messages are to be read (Refill, Load); nil: all.
	Session *Session
	// From is the first sequence number and Limit the most rows to read (Refill,
	// Load).
	From  int64
	Limit int
	// After is where in the expiry index to read on (Sweep).
	After Expiry
}

// WorkKind says which operation a [Work] leads to.
type WorkKind uint8

// The kinds of work.
const (
	NoWork     WorkKind = iota
	RefillWork          // read headers, apply Refill
	LoadWork            // read messages with content, apply Load
	SweepWork           // read the expiry index and its messages, apply Sweep
	TickWork            // nothing to read now: Tick says what it needs
)

// HasWork reports whether [Queue.Work] would return something.
func (q *Queue) HasWork(now time.Time) bool {
	if q.history.dueAt(now) {
		return true
	}
	for _, s := range q.subs {
		if s.dueAt(now) || s.wantsRefill() || s.wantsLoad(now) || s.wantsSweep(now) || s.sessions.want(now) != nil {
			return true
		}
	}
	return false
}

// Work names what should be read next and marks a refill or sweep as begun: the
// shell must apply its operation. One worker at a time may call it.
func (q *Queue) Work(now time.Time) (w Work) {
	if q.history.dueAt(now) {
		return Work{Kind: TickWork}
	}
	for id, s := range q.subs {
		w.Sub = SubQueue(id)
		switch {
		case s.dueAt(now):
			w.Kind = TickWork
		case s.wantsLoad(now):
			w.Kind = LoadWork
			w.From, w.Limit = s.load()
		case s.wantsRefill():
			w.Kind = RefillWork
			w.From, w.Limit, _ = q.StartRefill(w.Sub)
		case s.wantsSweep(now):
			w.Kind = SweepWork
			w.After, w.Limit = s.startSweep(), sweepBatch
		default:
			if w.Session = s.sessions.want(now); w.Session == nil {
				continue
			}
			w.Session.work(&w, now)
		}
		return w
	}
	return Work{}
}

// Failed gives up a [Work] whose read failed, so that it can be tried again: a sweep
// not before Again, because nobody waits for it and others must not wait behind it.
type Failed struct {
	Work  Work
	Again time.Time
	// Damaged: what is at the place can't be read, now or later.
	Damaged bool
}

func (o Failed) check(q *Queue, c *checker) error { return nil }

func (o Failed) apply(q *Queue, env Env, d *Decision) {
	switch s := q.subs[o.Work.Sub]; o.Work.Kind {
	case RefillWork:
		l := s.lineFor(o.Work.Session)
		if l.refill != nil && o.Damaged {
			l.stuck = l.refill.from
		}
		l.refill = nil
		s.sessions.touch(l.session)
	case SweepWork:
		sw := s.sweep
		s.sweep, s.sweepAgain = nil, o.Again
		s.expiryDue = Earlier(s.expiryDue, sw.due)
		if sw.rewound != nil && sw.rewound.before(s.swept) {
			s.swept = *sw.rewound
		}
	}
}
