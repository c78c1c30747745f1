package amqp

import "switchyard/amqp/frames"

// Event is something that the peer did and that the owner of a [Conn] must know
// of. The set is closed: the types of this file, as values.
type Event interface{ isEvent() }

// Opened says that the peer's open has arrived and has been answered.
type Opened struct {
	Open *frames.Open
}

// Attached says that the peer wants to attach a link. The owner must answer
// with [Link.Accept] or [Link.Refuse], at once or later.
type Attached struct {
	Link *Link
}

// Delivered says that a whole message has arrived on a receiving link.
type Delivered struct {
	Link     *Link
	Delivery *Incoming
}

// Oversized says that a delivery which came with a state, so one of a transaction, was
// above the link's max-message-size and has been refused. Of others the owner hears nothing.
type Oversized struct {
	Link  *Link
	State frames.State
}

// Flowed says what the peer's flow means for a sending link: Credit is what may
// be sent as of now. If Drain is set the owner sends what it has at once and
// then calls [Link.Drained], even if Credit is 0.
type Flowed struct {
	Link   *Link
	Credit uint32
	Drain  bool
}

// Settled is the peer's disposition of deliveries that we sent on one link, or several
// dispositions with the same outcome that came one after the other. Those of one are in the
// order in which they were sent. State is nil if the peer gave none. If
// Settled is set the peer has forgotten the deliveries and so has the endpoint;
// else the owner answers with [Outgoing.Settle].
type Settled struct {
	Link       *Link
	Deliveries []*Outgoing
	State      frames.State
	Settled    bool
}

// Detached says that a link is gone: by detach, end, close or loss of the
// socket. It comes exactly once for every link that was [Attached], unless the
// owner refused it.
type Detached struct {
	Link *Link
	Err  *frames.Error // nil: without an error
}

// Closed says that the connection is over. It is the last event.
type Closed struct {
	Err *frames.Error // nil: without an error
}

func (Opened) isEvent()    {}
func (Attached) isEvent()  {}
func (Delivered) isEvent() {}
func (Oversized) isEvent() {}
func (Flowed) isEvent()    {}
func (Settled) isEvent()   {}
func (Detached) isEvent()  {}
func (Closed) isEvent()    {}
