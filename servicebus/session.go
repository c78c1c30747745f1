package servicebus

import (
	"errors"
	"fmt"
	"math"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

const (
	sessionFilterCode = 0x137000000C // descriptor of the filter, as Go sends it
	anySessionCode    = 0x137000000E // of non-exclusive sessions
	anySessionName    = "com.microsoft:non-exclusive-session-filter:list"
	lockedUntilUTC    = "com.microsoft:locked-until-utc"
	timeoutProperty   = "com.microsoft:timeout"
	// acceptTimeout is how long a client waits for the next session that does not say
	// how long it will [SB-AMQP 6.1].
	acceptTimeout = 65 * time.Second
)

// A wantedSession is what a session filter asks for [SB-AMQP 6.2].
type wantedSession struct {
	id         *string // nil: the next
	descriptor any     // nil: the value was bare
}

// readSessionFilter reads the value of a session filter.
func readSessionFilter(v any) (wantedSession, *fault) {
	var w wantedSession
	if d, ok := v.(encoding.Described); ok {
		if d.Descriptor == uint64(anySessionCode) || d.Descriptor == encoding.Symbol(anySessionName) {
			// Only a library that knows such sessions asks for one, and it expects this condition.
			return w, notSupported(frames.ErrNotImplemented, "A receiver of non-exclusive sessions is")
		}
		w.descriptor, v = d.Descriptor, d.Value
	}
	switch v := v.(type) {
	case nil:
	case string:
		w.id = &v
	default:
		return w, &fault{frames.ErrNotAllowed, 400, "The value of " + sessionFilter + " must be a string or null."}
	}
	return w, nil
}

// answer is the source with the session that was given, in the client's style.
func (w wantedSession) answer(source *frames.Source, id string) *frames.Source {
	s := *source
	var v any = id
	if w.descriptor != nil {
		v = encoding.Described{Descriptor: w.descriptor, Value: id}
	}
	s.Filter = &encoding.Map{Pairs: []encoding.Pair{{Key: encoding.Symbol(sessionFilter), Value: v}}}
	return &s
}

// A sessionHold is what a receiver knows of the session that it holds or waits for. The
// attach is not answered before.
type sessionHold struct {
	wanted   wantedSession
	id       string
	held     bool
	patience alarm // until the attach is refused
}

// attachSession lets a receiver hold a session. A link that has to wait is one that the
// client can detach.
func (c *conn) attachSession(r *receiver, w wantedSession) *fault {
	r.session = &sessionHold{wanted: w}
	consumer, unit, err := r.queue.AcceptSession(broker.SessionOptions{ID: w.id,
		ConsumerOptions: broker.ConsumerOptions{Mode: r.mode, Deliver: r.deliver, Closed: r.entityClosed},
		Accepted:        func(s broker.Session) { c.post(func() { r.accepted(s) }) }})
	if errors.Is(err, broker.ErrSessionHeld) {
		return &fault{condSessionHeld, 410, fmt.Sprintf(
			"The requested session '%s' cannot be accepted. It may be locked by another receiver.", *w.id)}
	}
	if err != nil {
		return faultOf(err)
	}
	r.consumer = consumer
	c.submitted(unit)
	c.add(r.l, r)
	if w.id == nil {
		limit := acceptLimit(r.l)
		r.session.patience.set(c.h.clock.Now().Add(limit), c.h.clock, func() { c.post(func() { r.notAccepted(limit) }) })
	}
	return nil
}

// acceptLimit is how long a client wants to wait for the next session.
func acceptLimit(l *amqp.Link) time.Duration {
	v, _ := l.Properties().Get(timeoutProperty)
	ms, ok := integer(v)
	if !ok || ms <= 0 {
		return acceptTimeout
	}
	return time.Duration(min(ms, math.MaxUint32)) * time.Millisecond // it is a uint [SB-AMQP 6.1]
}

// accepted answers the attach: the receiver holds a session.
func (r *receiver) accepted(s broker.Session) {
	r.session.patience.stop()
	if r.over {
		return // its consumer was closed, which frees the session
	}
	r.session.id, r.session.held = s.ID, true
	properties := answered(r.l)
	properties.Set(encoding.Symbol(lockedUntilUTC), epochTicks+s.Until.UnixMicro()*10)
	r.l.Accept(amqp.AcceptOptions{Source: r.session.wanted.answer(sourceOf(r.l), s.ID), Target: targetOf(r.l),
		Properties: properties})
}

// notAccepted refuses the attach: there was no session in time.
func (r *receiver) notAccepted(limit time.Duration) {
	if r.over || r.session.held {
		return
	}
	s := int(limit.Round(time.Second).Seconds())
	r.fail(&fault{condTimeout, 408, fmt.Sprintf("The operation did not complete within the allotted timeout of %02d:%02d:%02d. "+
		"The time allotted to this operation may have been a portion of a longer timeout. For more information on "+
		"exception types and proper exception handling, please refer to https://aka.ms/ServiceBusExceptions .",
		s/3600, s/60%60, s%60)})
}

// sessionOf returns the session that the named link holds, nil if it holds none. Go's
// library names the link instead of the session.
func (c *conn) sessionOf(name string) *string {
	for l, p := range c.links {
		if r, ok := p.(*receiver); ok && l.Name() == name && r.session != nil && r.session.held {
			return &r.session.id
		}
	}
	return nil
}

// holds fails unless a link of the connection holds the session that a request names.
func (m *managementRequest) holds() error {
	for _, p := range m.c.links {
		r, ok := p.(*receiver)
		if ok && r.session != nil && r.session.held && r.session.id == *m.session && r.queue.ID() == m.queue.ID() {
			r.used() // also if the request does not name the link
			return nil
		}
	}
	return broker.ErrSessionLockLost
}

// inSession fails if a request is about a session and it is not held, or about none and it
// has to be.
func (m *managementRequest) inSession() error {
	if m.session == nil {
		return badArgument("The argument 'session-id' must be a string.")
	}
	return m.holds()
}

func (m *managementRequest) renewSessionLock() error {
	if err := m.inSession(); err != nil {
		return err
	}
	until, unit, err := m.queue.RenewSession(*m.session)
	if err != nil {
		return err
	}
	m.c.submitted(unit)
	m.c.whenDurable(func() {
		m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "expiration", Value: until}}})
	})
	return nil
}

func (m *managementRequest) getSessionState() error {
	if err := m.inSession(); err != nil {
		return err
	}
	state, err := m.queue.SessionState(*m.session)
	if err != nil {
		return err
	}
	var v any
	if state != nil {
		v = state
	}
	m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "session-state", Value: v}}})
	return nil
}

func (m *managementRequest) setSessionState() error {
	if err := m.inSession(); err != nil {
		return err
	}
	var state []byte
	switch v, _ := m.args.Get("session-state"); v := v.(type) {
	case nil:
	case []byte:
		state = append([]byte{}, v...) // empty is a state, nil is none
	default:
		return badArgument("The argument 'session-state' must be binary or null.")
	}
	unit, err := m.queue.SetSessionState(*m.session, state, func() { m.c.post(func() { m.succeed(nil) }) })
	m.c.submitted(unit)
	return err
}

// everySession is what clients send as the time for all sessions: the year 10000, or what
// a library makes of it.
var everySession = time.UnixMilli(253402300799000)

func (m *managementRequest) getMessageSessions() error {
	skip, err := m.args.number("skip")
	if err != nil {
		return err
	}
	top, err := m.args.number("top")
	if err != nil {
		return err
	}
	if skip < 0 || top < 1 {
		return &fault{condArgumentOutOfRange, 400, fmt.Sprintf("skip must not be negative and top must be positive, not %d and %d.", skip, top)}
	}
	v, _ := m.args.Get("last-updated-time")
	since, ok := v.(time.Time)
	if !ok {
		return badArgument("The argument 'last-updated-time' must be a timestamp.")
	}
	if !since.Before(everySession) {
		since = time.Time{}
	}
	ids, err := m.queue.Sessions(since, int(min(skip, 1<<31)), int(min(top, maxItems)))
	if err != nil && !errors.Is(err, broker.ErrNoSessions) {
		return err
	}
	if len(ids) == 0 {
		m.respond(response{status: 204, description: "NoContent", condition: condSessionNotFound})
		return nil
	}
	m.succeed(&encoding.Map{Pairs: []encoding.Pair{
		{Key: "skip", Value: int32(min(skip+int64(len(ids)), 1<<31-1))}, {Key: "sessions-ids", Value: ids}}})
	return nil
}
