package broker

import (
	"fmt"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// A session as [Queue.AcceptSession] gives it.
type Session struct {
	ID    string
	Until time.Time // the end of its lock, by the wall clock
}

// SessionOptions is what [Queue.AcceptSession] needs.
type SessionOptions struct {
	ConsumerOptions
	// ID names the session; nil: the next that nobody holds and that has messages.
	ID *string
	// Accepted is called once the consumer holds the session, which for the next one may
	// be later. It must not block or call the broker.
	Accepted func(Session)
}

// AcceptSession opens a consumer without credit that holds a session until it is closed
// or the lock runs out: then Closed learns [ErrSessionLockLost]. A consumer that waits for
// the next session waits until it is closed. The caller must sync the unit, which may be
// nil. Errors: [ErrSessionHeld], [ErrNoSessions], [ErrEntityDisabled], [ErrEntityDeleted],
// [ErrTooManyConsumers].
func (q *Queue) AcceptSession(o SessionOptions) (*Consumer, *commit.Unit, error) {
	c, err := q.consumer(o.ConsumerOptions)
	if err != nil {
		return nil, nil, err
	}
	c.accepted = o.Accepted
	op := entity.AcceptSession{Consumer: c.c, Next: o.ID == nil}
	if o.ID != nil {
		op.ID = *o.ID
	}
	e := q.e
	e.mu.Lock()
	err = e.join(c)
	e.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	u, err := e.plan(op).submit(nil)
	if err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.forget(c)
		return nil, nil, err
	}
	return c, u, nil
}

// tellSessions adds to u what becomes of consumers that hold sessions. It is called with
// mu held.
func (e *messageStore) tellSessions(u *commit.Unit, d *entity.Decision) {
	for _, x := range d.Accepted {
		c, h := x.Data.(*Consumer), x.Session()
		if h == nil {
			continue // lost or closed by the same decision
		}
		s := Session{ID: h.ID(), Until: e.b.ShownTime(h.Until())}
		u.Then(func() { c.accepted(s) })
	}
	for _, x := range d.Lost {
		c := x.Data.(*Consumer)
		e.forget(c)
		u.Then(func() {
			if !c.closed.Swap(true) && c.o.Closed != nil {
				c.o.Closed(ErrSessionLockLost)
			}
		})
	}
}

// RenewSession prolongs the lock of a session that is held and returns when it ends, by
// the wall clock. The caller must sync the unit, which may be nil. Error:
// [ErrSessionLockLost].
func (q *Queue) RenewSession(id string) (time.Time, *commit.Unit, error) {
	op := &entity.RenewSession{ID: id}
	u, err := q.e.plan(op).submit(nil)
	return q.e.b.ShownTime(op.Until), u, err
}

// SetSessionState replaces the state of a session that is held; nil removes it. done runs
// when that is durable: the caller must sync the unit. Errors: [ErrSessionLockLost],
// [ErrMessageTooLarge], [ErrQuotaExceeded] if it is larger than the one before.
func (q *Queue) SetSessionState(id string, state []byte, done func()) (*commit.Unit, error) {
	size := commit.Frees
	if state != nil {
		size = len(state) + messageOverhead
	}
	if err := q.e.b.log.Admit(q.e.b.ctx, size); err != nil {
		return nil, fmt.Errorf("session state in queue %q: %w", q.e.path, err)
	}
	return q.e.plan(entity.SetSessionState{ID: id, State: state}).submit(done)
}

// SessionState returns the state of a session that is held; nil if it has none. Error:
// [ErrSessionLockLost].
func (q *Queue) SessionState(id string) ([]byte, error) {
	e := q.e
	e.mu.Lock()
	err := e.alive()
	if err == nil {
		_, err = e.q.HeldSession(id, e.b.Now())
	}
	last := e.last
	e.touch()
	e.mu.Unlock()
	if err == nil {
		err = e.b.Wait(last)
	}
	if err != nil {
		return nil, fmt.Errorf("session state in queue %q: %w", e.path, err)
	}
	s, err := e.b.store.SessionState(q.ID(), id)
	if err != nil {
		return nil, e.readFailed(fmt.Sprintf("the state of session %q", id), err)
	}
	if s == nil {
		return nil, nil
	}
	return s.State, nil
}

// RequiresSession reports whether messages of the entity belong to sessions.
func (q *Queue) RequiresSession() bool {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	return q.e.options.RequiresSession
}

// PeekSession is [Queue.Peek] of the messages of one session.
func (q *Queue) PeekSession(id string, from int64, limit int) ([]*Message, error) {
	return q.peek(&id, from, limit)
}
