package entity

import "time"

// sweepBatch is how many entries of the expiry index are read at once.
const sweepBatch = 256

// sweep is a read of the expiry index that is under way, with what was learned
// since it began.
type sweep struct {
	due     time.Time // the earliest expiry of what was sent since
	rewound *Expiry
	// changed are the messages with an expiry that left memory since: what was
	// read of them may be out of date.
	changed map[int64]bool
}

func (w *sweep) rewindTo(at Expiry) {
	if w.rewound == nil || at.before(*w.rewound) {
		w.rewound = &at
	}
}

// before orders expiry entries as the index does.
func (e Expiry) before(f Expiry) bool {
	if e.ExpiresAt.Equal(f.ExpiresAt) {
		return e.SequenceNumber < f.SequenceNumber
	}
	return e.ExpiresAt.Before(f.ExpiresAt)
}

// expiresBy notes that something expires at t.
func (s *sub) expiresBy(t time.Time) {
	if s.sweep != nil {
		s.sweep.due = Earlier(s.sweep.due, t)
	} else {
		s.expiryDue = Earlier(s.expiryDue, t)
	}
}

// rewind makes the sweep look again at a message that it passed over because it
// was held: it is free now.
func (s *sub) rewind(it *item) { s.rewindTo(it.seq, it.expires) }

// rewindTo makes the sweep look at a message that may stand before what it has passed.
func (s *sub) rewindTo(seq int64, expires time.Time) {
	if expires.IsZero() {
		return
	}
	at := Expiry{seq - 1, expires}
	switch {
	case s.sweep != nil:
		s.sweep.rewindTo(at)
	case at.before(s.swept):
		s.swept = at
		s.expiryDue = Earlier(s.expiryDue, expires)
	}
}

func (s *sub) wantsSweep(now time.Time) bool {
	due := s.sweepDue()
	return s.sweep == nil && !due.IsZero() && !due.After(now)
}

// sweepDue is when the next sweep is due; zero: there is nothing to sweep. While a
// topic can't be sent to, what is scheduled waits [SB-SEM 2.6].
func (s *sub) sweepDue() time.Time {
	if s.q.topic != nil && s.id == ScheduledMessages && !s.q.config.Status.CanSend() {
		return time.Time{}
	}
	if !s.expiryDue.IsZero() && s.expiryDue.Before(s.sweepAgain) {
		return s.sweepAgain
	}
	return s.expiryDue
}

func (s *sub) startSweep() Expiry {
	s.sweep = &sweep{changed: map[int64]bool{}}
	return s.swept
}

// Sweep takes away messages whose time to live has ended [SB-SEM 2.3], or out of the
// schedule those whose time has come: Rows are
// the entries of the expiry index after what [Work] named, Messages what the
// store holds of those that were over at Until, when they were read. What has
// expired since is left to the next sweep.
type Sweep struct {
	Sub      SubQueue
	Until    time.Time
	Rows     []Expiry
	Messages map[int64]*Message
	// More is set if the read stopped at its limit.
	More bool
	// Publish gets what a topic's schedule holds no longer.
	Publish *Publish
}

func (o Sweep) check(q *Queue, c *checker) error {
	if o.Publish == nil {
		return nil
	}
	s := q.subs[o.Sub]
	var due []*Message
	for _, row := range o.Rows {
		if m := o.Messages[row.SequenceNumber]; m != nil && !s.sweep.changed[row.SequenceNumber] {
			due = append(due, activated(s.item(m, len(m.Sections)), &m.Content))
		}
	}
	if len(due) != len(o.Publish.Messages) { // something was cancelled since
		o.Publish.Messages, o.Publish.FanOut = due, FanOut{}
	}
	return nil
}

func (o Sweep) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	sw := s.sweep
	s.sweep, s.expiryDue = nil, time.Time{}
	if o.More {
		s.expiryDue = o.Rows[len(o.Rows)-1].ExpiresAt
	}
	for _, row := range o.Rows {
		if row.ExpiresAt.After(o.Until) {
			s.expiryDue = row.ExpiresAt
			break
		}
		s.swept = row
		if sw.changed[row.SequenceNumber] && s.known[row.SequenceNumber] == nil {
			sw.rewindTo(Expiry{row.SequenceNumber - 1, row.ExpiresAt}) // to read it again
			continue
		}
		s.expire(row.SequenceNumber, o.Messages[row.SequenceNumber], env, d)
	}
	s.expiryDue = Earlier(s.expiryDue, sw.due)
	if r := sw.rewound; r != nil {
		s.expiryDue = Earlier(s.expiryDue, r.ExpiresAt)
		if r.before(s.swept) {
			s.swept = *r
		}
	}
}

// expire takes an expired message away, unless it is locked, reserved or
// deferred. m is what the store held of it before this decision: it is the truth
// only of what is not in memory.
func (s *sub) expire(seq int64, m *Message, env Env, d *Decision) {
	it := s.known[seq]
	switch {
	case m == nil:
		return
	case it == nil:
		if m.State != Active || m.Owner != NoOwner {
			return
		}
		it = s.item(m, len(m.Sections))
	case it.place == locked || it.place == reserved:
		return
	}
	if s.id == ScheduledMessages {
		s.activate(it, &m.Content, env, d)
		return
	}
	s.takeExpired(it, &m.Content, d)
}

// keepsExpired reports whether what has expired is dead-lettered.
func (s *sub) keepsExpired() bool {
	return s.q.config.DeadLetterOnExpiration && !s.id.IsDeadLetters()
}

func (s *sub) takeExpired(it *item, c *Content, d *Decision) {
	if s.keepsExpired() {
		s.deadLetter(it, DeadLetterInfo{Reason: ReasonExpired, Description: DescriptionExpired}, c, false, d)
		return
	}
	s.remove(it, d)
	d.Dropped = append(d.Dropped, it.seq)
}

// passExpired takes the expired head out of the window: it must not be
// delivered. It is dropped at once if nothing needs its content and no sweep is
// under way that may have read it; otherwise the sweep takes it.
func (s *sub) passExpired(it *item, d *Decision) {
	switch {
	case it.content != nil && s.sweep == nil:
		s.takeExpired(it, it.content, d)
	case !s.keepsExpired() && s.sweep == nil:
		s.takeExpired(it, nil, d)
	default:
		s.lineOf(it).unwindow(it)
		s.hold(it, expired)
		s.expiresBy(it.expires)
	}
}
