package entity

import (
	"fmt"
	"time"
)

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
	o.Until = q.lockEnd(env.Now)
	s.sessions.due.set(h, o.Until)
}

// A SessionState is what clients keep with a session.
type SessionState struct {
	State   []byte
	Updated time.Time
}

// SetSessionState replaces the state of a session that is held; nil removes it. It counts
// towards the size of the entity, and an entity that is full takes none that is larger than
// the one before [SB-SEM 11].
type SetSessionState struct {
	ID    string
	State []byte
}

func (o SetSessionState) check(q *Queue, c *checker) error {
	if max := q.config.MaxSessionState; len(o.State) > max {
		return fmt.Errorf("session state: %w: %d bytes, the limit is %d", ErrMessageTooLarge, len(o.State), max)
	}
	h, err := q.HeldSession(o.ID, c.env.Now)
	if err != nil {
		return err
	}
	old, known := h.stateSize(c.env.Supply)
	if !known {
		c.need.States = append(c.need.States, o.ID)
		return nil
	}
	more := int64(len(o.State) - max(old, 0))
	if more > 0 {
		if err := q.top().full(q.used() + c.bytes); err != nil {
			return fmt.Errorf("session state: %w", err)
		}
	}
	c.bytes += more
	return nil
}

// top returns the configuration that the size of the entity keeps to.
func (q *Queue) top() *Config {
	if q.parent != nil {
		return &q.parent.config
	}
	return &q.config
}

// stateSize returns how many bytes the state of the session has, or noState, by what is
// known or was read.
func (h *Session) stateSize(s *Supply) (size int, known bool) {
	switch {
	case h.state != nil:
		return *h.state, true
	case s == nil:
		return 0, false
	}
	size, known = s.states[h.id]
	return size, known
}

func (o SetSessionState) apply(q *Queue, env Env, d *Decision) {
	h := q.main().sessions.held[o.ID]
	old, _ := h.stateSize(env.Supply)
	size := noState
	if o.State != nil {
		size = len(o.State)
	}
	h.state = &size
	q.countState(old, -1)
	q.countState(size, 1)
	for s := range q.watches {
		s.stale = true // another session of the id may ask
	}
	d.Records = append(d.Records, Record{Kind: PutCounters, Sub: SessionStates, Counters: q.states})
	r := Record{Kind: PutSessionState, Sub: MainQueue, Session: o.ID}
	if o.State != nil {
		r.State = &SessionState{State: o.State, Updated: env.Now.UTC().Truncate(time.Millisecond)}
	}
	d.Records = append(d.Records, r)
	d.Durable = true
}

// countState notes that there is one more state of that size, or one less.
func (q *Queue) countState(size int, n int64) {
	if size == noState {
		return
	}
	q.states.Messages += n
	q.states.Bytes += n * int64(size)
}
