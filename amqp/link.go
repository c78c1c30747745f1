package amqp

import (
	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// Role is our role on a link.
type Role = frames.Role

const (
	// RoleSender is ours if the client receives from us.
	RoleSender = frames.RoleSender
	// RoleReceiver is ours if the client sends to us.
	RoleReceiver = frames.RoleReceiver
)

// A linkState is where a link stands. Without resumption it only moves forward.
type linkState uint8

const (
	pending   linkState = iota // the owner has not answered the attach
	attached                   //
	detaching                  // our detach is out, the peer's is awaited
	gone                       //
)

// Link is one link.
type Link struct {
	// Data belongs to the owner of the connection.
	Data any

	session *Session
	state   linkState
	handle  uint32 // ours
	attach  *frames.Attach
	cost    uint64 // what the attach adds to conn.buffered
	name    string
	role    Role

	deliveryCount uint32 // of deliveries sent, or taken over to be sent; or received
	credit        uint32 // what may still be sent, or what the peer may still send
	flowDue       bool   // receiving: credit was added and a flow is owed

	// sending
	queued     int    // deliveries that wait in the session's queue
	drain      bool   // the peer's last flow asked to drain
	flowed     bool   // pending: a flow came before the answer to the attach
	drainDue   bool   // Drained was called with deliveries in the queue
	drainCount uint32 // the credit it consumed

	// receiving
	maxMessage uint64
	current    *Incoming // unfinished
	partial    partial   // its payload so far
}

func newLink(s *Session, a *frames.Attach) *Link {
	l := &Link{session: s, attach: a, name: a.Name, role: !a.Role}
	if l.role == RoleReceiver {
		l.deliveryCount = a.InitialDeliveryCount.Value
	}
	return l
}

// key is what no other link of the connection has.
func (l *Link) key() linkName {
	key := linkName{name: l.name, role: l.role}
	if _, ok := l.attach.Target.(*frames.Coordinator); ok {
		key.session = l.session
	}
	return key
}

// Name returns the name that the client gave the link.
func (l *Link) Name() string { return l.name }

// Role returns our role.
func (l *Link) Role() Role { return l.role }

// Source returns the source of the client's attach; nil if it had none.
func (l *Link) Source() *frames.Source { return l.attach.Source }

// Target returns the target of the client's attach; nil if it had none.
func (l *Link) Target() frames.TargetLike { return l.attach.Target }

// Properties returns the properties of the client's attach.
func (l *Link) Properties() *encoding.Map { return l.attach.Properties }

// DesiredCapabilities returns the desired-capabilities of the client's attach.
func (l *Link) DesiredCapabilities() []encoding.Symbol { return l.attach.DesiredCapabilities }

// SndSettleMode returns what the client asked for, which is what we answer.
func (l *Link) SndSettleMode() frames.SenderSettleMode { return l.attach.SndSettleMode }

// RcvSettleMode returns what the client asked for, which is what we answer.
func (l *Link) RcvSettleMode() frames.ReceiverSettleMode { return l.attach.RcvSettleMode }

// Session returns the session of the link.
func (l *Link) Session() *Session { return l.session }

// Conn returns the connection of the link.
func (l *Link) Conn() *Conn { return l.session.conn }

// Attached reports whether the link was accepted and is not gone.
func (l *Link) Attached() bool { return l.state == attached }

// Credit returns what may be sent on a sending link as of now, or what the
// client may still send on a receiving one.
func (l *Link) Credit() uint32 { return l.credit }

// AcceptOptions say how to answer an attach.
type AcceptOptions struct {
	Source         *frames.Source    // nil: the client's, echoed
	Target         frames.TargetLike // nil: the client's, echoed
	MaxMessageSize uint64            // receiving links: announced and enforced; 0: that of [Options]
	Properties     *encoding.Map
	// OfferedCapabilities of the answer.
	OfferedCapabilities []encoding.Symbol
	Credit              uint32 // receiving links: the first credit
}

// Accept answers the attach of a pending link; the settle modes are the
// client's. If the client's credit has come already, a [Flowed] event follows.
func (l *Link) Accept(o AcceptOptions) {
	if l.state != pending {
		return
	}
	c := l.session.conn
	answer := &frames.Attach{
		Name: l.name, Handle: l.handle, Role: l.role,
		SndSettleMode: l.attach.SndSettleMode, RcvSettleMode: l.attach.RcvSettleMode,
		Source: o.Source, Target: o.Target,
		OfferedCapabilities: o.OfferedCapabilities, Properties: o.Properties,
	}
	if answer.Source == nil {
		if answer.Source = l.attach.Source; answer.Source == nil {
			answer.Source = &frames.Source{} // null would be a refusal
		}
	}
	if answer.Target == nil {
		if answer.Target = l.attach.Target; answer.Target == nil {
			answer.Target = &frames.Target{}
		}
	}
	if l.role == RoleSender {
		answer.InitialDeliveryCount = frames.Some(uint32(0))
	} else {
		if l.maxMessage = o.MaxMessageSize; l.maxMessage == 0 {
			l.maxMessage = c.o.MaxMessageSize
		}
		c.largest = max(c.largest, l.maxMessage)
		answer.MaxMessageSize = l.maxMessage
	}
	l.state = attached
	c.write(frames.TypeAMQP, l.session.channel, answer)
	if l.role == RoleReceiver && o.Credit > 0 {
		l.AddCredit(o.Credit)
	}
	if l.flowed && l.state == attached {
		c.emit(Flowed{Link: l, Credit: l.credit, Drain: l.drain})
	}
}

// Refuse answers the attach of a pending link with no: an attach without
// terminus and a detach with err [SB-AMQP 3.5]. No [Detached] event follows.
func (l *Link) Refuse(err *frames.Error) {
	if l.state != pending {
		return
	}
	if err == nil {
		err = &frames.Error{Condition: frames.ErrInternalError, Description: "the link was refused"}
	}
	l.refuse(err)
}

// refuse writes the attach and the detach of a link that never was.
func (l *Link) refuse(err *frames.Error) {
	answer := &frames.Attach{
		Name: l.name, Handle: l.handle, Role: l.role,
		SndSettleMode: l.attach.SndSettleMode, RcvSettleMode: l.attach.RcvSettleMode,
	}
	if l.role == RoleSender {
		answer.InitialDeliveryCount = frames.Some(uint32(0))
	}
	l.session.conn.write(frames.TypeAMQP, l.session.channel, answer)
	l.sendDetach(true, err)
}

// sendDetach writes a detach and forgets all but the handles, which belong to
// the link until the peer's detach comes.
func (l *Link) sendDetach(closed bool, err *frames.Error) {
	l.forget()
	if l.state == gone {
		return // the attach before it did not fit the peer's frames
	}
	l.session.conn.write(frames.TypeAMQP, l.session.channel,
		&frames.Detach{Handle: l.handle, Closed: closed, Error: err})
	if l.state != gone {
		l.state = detaching
	}
}

// Detach detaches the link with err, which may be nil. A pending link is refused.
// A [Detached] event follows.
func (l *Link) Detach(err *frames.Error) {
	switch l.state {
	case pending:
		l.refuse(err)
	case attached:
		l.sendDetach(true, err)
	default:
		return
	}
	if l.state == detaching { // else the connection failed and has told
		l.session.conn.emit(Detached{Link: l, Err: err})
	}
}

// steal detaches a link because the client attached another of its name.
func (l *Link) steal() {
	l.Detach(&frames.Error{Condition: frames.ErrLinkStolen,
		Description: "a link with the same name was attached"})
}

// detachIn answers the peer's detach, which ends the link: links are not
// resumed.
func (l *Link) detachIn(in *frames.Detach) {
	c := l.session.conn
	switch l.state {
	case pending:
		l.refuse(nil)
	case attached:
		l.sendDetach(in.Closed, nil)
	case detaching:
		l.release()
		return
	}
	if l.state == detaching {
		l.release()
		c.emit(Detached{Link: l, Err: in.Error})
	}
}

// remove ends the link with its session or connection.
func (l *Link) remove(err *frames.Error) {
	told := l.state == detaching
	l.forget()
	l.release()
	if !told {
		l.session.conn.emit(Detached{Link: l, Err: err})
	}
}

// release frees the handles: the link is gone.
func (l *Link) release() {
	s := l.session
	l.state = gone
	delete(s.links, l.attach.Handle)
	if int(l.handle) < len(s.handles) {
		s.handles[l.handle] = nil
	}
	s.conn.links--
	s.conn.buffered -= l.cost
}

// forget drops the deliveries of the link and its name.
func (l *Link) forget() {
	s := l.session
	if s.conn.names[l.key()] == l {
		delete(s.conn.names, l.key())
	}
	s.conn.buffered -= l.partial.bytes()
	l.current, l.partial = nil, partial{}
	l.credit = 0
	s.dropQueued(l)
	for _, d := range s.sent {
		if d.link == l {
			d.done = true
			s.forgetSent(d)
		}
	}
	for id, d := range s.received {
		if d.link == l {
			d.settled = true
			delete(s.received, id)
		}
	}
}
