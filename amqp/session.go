package amqp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// Session is one session of a connection. Owners only compare it, to know which
// links belong together.
type Session struct {
	conn    *Conn
	channel uint16 // the peer's channel, which we use for our side as well
	ended   bool   // our end is out, or the connection is gone

	links   map[uint32]*Link // by the peer's handle, until its detach has come
	handles []*Link          // by our handle; nil is free

	// Session flow control (2.5.6), in transfer frames.
	nextIncoming   uint32
	incomingWindow uint32 // what the peer may still send
	nextOutgoing   uint32
	remoteWindow   uint32 // what we may still send
	peerHandleMax  uint32
	flowDue        bool // a flow that replenishes the peer's window is owed

	nextDelivery uint32
	sent         map[uint32]*Outgoing // unsettled, by delivery-id
	received     map[uint32]*Incoming // unsettled, by delivery-id

	queue   []*Outgoing // waiting for the window, oldest first; the first may be partly sent
	blocked bool        // in conn.blocked
}

// firstOutgoing is our initial next-outgoing-id.
const firstOutgoing = 1

func newSession(c *Conn, channel uint16, begin *frames.Begin) *Session {
	s := &Session{
		conn: c, channel: channel, links: map[uint32]*Link{},
		nextIncoming: begin.NextOutgoingID, incomingWindow: c.o.Window,
		nextOutgoing: firstOutgoing, remoteWindow: begin.IncomingWindow, peerHandleMax: begin.HandleMax,
		sent: map[uint32]*Outgoing{}, received: map[uint32]*Incoming{},
	}
	c.write(frames.TypeAMQP, channel, &frames.Begin{
		RemoteChannel:  frames.Some(channel),
		NextOutgoingID: firstOutgoing,
		IncomingWindow: c.o.Window,
		OutgoingWindow: c.o.Window,
		HandleMax:      c.o.HandleMax,
	})
	return s
}

// fail ends the session because the peer broke the protocol.
func (s *Session) fail(condition encoding.Symbol, format string, args ...any) {
	if s.ended {
		return
	}
	err := &frames.Error{Condition: condition, Description: fmt.Sprintf(format, args...)}
	s.conn.write(frames.TypeAMQP, s.channel, &frames.End{Error: err})
	s.release(err)
}

// release forgets everything in the session and detaches its links, in the order
// of the peer's handles.
func (s *Session) release(err *frames.Error) {
	s.ended = true
	if s.conn.ack.session == s {
		s.conn.ack.session = nil
	}
	for _, d := range s.queue {
		s.conn.queued -= d.size
	}
	s.queue = nil
	s.conn.unsettled -= len(s.sent)
	clear(s.sent)
	clear(s.received)
	for _, handle := range slices.Sorted(maps.Keys(s.links)) {
		s.links[handle].remove(err)
	}
	s.handles = nil
}

func (s *Session) endIn(f *encoding.Fields) error {
	var end frames.End
	if err := end.Read(f); err != nil {
		return err
	}
	s.conn.write(frames.TypeAMQP, s.channel, &frames.End{})
	s.release(end.Error)
	s.forget()
	return nil
}

// forget frees the channel.
func (s *Session) forget() {
	delete(s.conn.sessions, s.channel)
	s.conn.buffered -= sessionCost
}

// oweFlow notes that a flow of the session is to be sent with the next output.
func (s *Session) oweFlow() {
	if !s.flowDue {
		s.flowDue = true
		s.conn.windows = append(s.conn.windows, s)
	}
}

// sendFlow writes a flow for the session or, if l is not nil, for a link of it.
// Every flow replenishes the peer's window.
func (s *Session) sendFlow(l *Link, drain bool) {
	s.flowDue = false
	s.incomingWindow = s.conn.o.Window
	f := &s.conn.flowSent
	*f = frames.Flow{
		NextIncomingID: frames.Some(s.nextIncoming),
		IncomingWindow: s.incomingWindow,
		NextOutgoingID: s.nextOutgoing,
		OutgoingWindow: s.conn.o.Window,
	}
	if l != nil {
		l.flowDue = false
		f.Handle = frames.Some(l.handle)
		f.DeliveryCount = frames.Some(l.deliveryCount - uint32(l.queued))
		f.LinkCredit = frames.Some(l.credit + uint32(l.queued))
		f.Drain = drain
	}
	s.conn.write(frames.TypeAMQP, s.channel, f)
}

// flowIn takes the peer's view of the windows and, with a handle, of a link.
func (s *Session) flowIn(f *encoding.Fields) error {
	flow := &s.conn.flowRead
	if err := flow.Read(f); err != nil {
		return err
	}
	// What is in flight is not in the peer's window. Counting it, rather than
	// adding window and id, is right for windows up to 2^32-1 as well.
	seen := flow.NextIncomingID.Or(firstOutgoing)
	s.remoteWindow = remaining(flow.IncomingWindow, s.nextOutgoing-seen)
	s.nextIncoming = flow.NextOutgoingID
	s.pump()
	if s.ended {
		return nil
	}
	if !flow.Handle.Set {
		if flow.Echo {
			s.sendFlow(nil, false)
		}
		return nil
	}
	l := s.links[flow.Handle.Value]
	if l == nil {
		s.fail(frames.ErrUnattachedHandle, "flow for handle %d, which is not attached", flow.Handle.Value)
		return nil
	}
	l.flowIn(flow)
	return nil
}

// remaining returns what is left of a window of which used is in flight; a
// negative use, in serial arithmetic, is none.
func remaining(window, used uint32) uint32 {
	if int32(used) < 0 {
		used = 0
	}
	if used > window {
		return 0
	}
	return window - used
}

func (s *Session) attachIn(f *encoding.Fields) error {
	attach := &frames.Attach{}
	if err := attach.Read(f); err != nil {
		return err
	}
	c := s.conn
	if attach.Handle > c.o.HandleMax {
		c.fail(&frames.Error{Condition: frames.ErrFramingError,
			Description: fmt.Sprintf("handle %d is above the handle-max %d", attach.Handle, c.o.HandleMax)})
		return nil
	}
	if s.links[attach.Handle] != nil {
		s.fail(frames.ErrHandleInUse, "handle %d has a link already", attach.Handle)
		return nil
	}
	l := newLink(s, attach)
	if old := c.names[l.key()]; old != nil {
		old.steal()
	}
	if s.ended {
		return nil // the answer to the old link did not fit the peer's frames
	}
	if !s.allocate(l) {
		s.fail(frames.ErrResourceLimitExceeded, "no handle is left below the peer's handle-max %d", s.peerHandleMax)
		return nil
	}
	l.cost = attachCost * uint64(c.frameSize)
	if !c.keep(l.cost) {
		c.buffered -= l.cost
		return nil
	}
	s.links[attach.Handle] = l
	c.links++
	if c.links > c.maxLinks() {
		c.crowded++
		l.refuse(&frames.Error{Condition: frames.ErrResourceLimitExceeded,
			Description: fmt.Sprintf("a connection may have %d links", c.maxLinks())})
		return nil
	}
	c.names[l.key()] = l
	c.emit(Attached{Link: l})
	return nil
}

// sessionCost is how much memory, about, a session takes.
const sessionCost = 1 << 10

// attachCost is how much memory, about, a link takes for each byte of its attach.
const attachCost = 8

// allocate gives a link the lowest free handle of ours.
func (s *Session) allocate(l *Link) bool {
	i := slices.Index(s.handles, nil)
	if i < 0 {
		i = len(s.handles)
		s.handles = append(s.handles, nil)
	}
	if uint64(i) > uint64(s.peerHandleMax) {
		return false
	}
	s.handles[i], l.handle = l, uint32(i)
	return true
}

func (s *Session) detachIn(f *encoding.Fields) error {
	var detach frames.Detach
	if err := detach.Read(f); err != nil {
		return err
	}
	if l := s.links[detach.Handle]; l != nil {
		l.detachIn(&detach)
	}
	return nil
}

// A settlement is one delivery of a peer's disposition.
type settlement struct {
	id uint32
	d  *Outgoing
}

// dispositionIn takes the peer's word on deliveries: of ours if it is the
// receiver, of its own if it is the sender.
func (s *Session) dispositionIn(f *encoding.Fields) error {
	d := &s.conn.dispositionRead
	if err := d.Read(f); err != nil {
		return err
	}
	if int32(d.Last-d.First) < 0 {
		s.fail(frames.ErrInvalidField, "disposition from %d to %d", d.First, d.Last)
		return nil
	}
	if d.Role == frames.RoleSender {
		if d.Settled {
			forEach(s.received, d.First, d.Last, func(id uint32, in *Incoming) {
				in.settled = true
				delete(s.received, id)
			})
		}
		return nil
	}
	if _, progress := d.State.(frames.Received); !d.Settled && (progress || d.State == nil) {
		return nil // no outcome yet
	}
	found := s.conn.found[:0]
	forEach(s.sent, d.First, d.Last, func(id uint32, out *Outgoing) {
		found = append(found, settlement{id, out})
		if d.Settled {
			s.forgetSent(out)
			out.done = true
		}
	})
	if !d.Settled {
		s.rejectUnknown(d.First, d.Last, found)
	}
	s.conn.beginSettled(d.State, d.Settled)
	for _, f := range found {
		s.conn.emitSettled(f.d)
	}
	clear(found)
	s.conn.found = found[:0]
	return nil
}

// forEach calls f for the entries of m whose key is in the serial range, in
// order. f may delete the entry it is called for.
func forEach[T any](m map[uint32]T, first, last uint32, f func(uint32, T)) {
	if n := last - first; n <= 2*uint32(len(m)) {
		for id := first; ; id++ {
			if v, ok := m[id]; ok {
				f(id, v)
			}
			if id == last {
				return
			}
		}
	}
	var ids []uint32
	for id := range m {
		if id-first <= last-first {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(a-first, b-first) })
	for _, id := range ids {
		f(id, m[id])
	}
}

// rejectUnknown settles the parts of a range that are no delivery of ours with
// amqp:not-found, because a client waits for the settlement [SB-AMQP 7.3].
// found are the known ones, in order.
func (s *Session) rejectUnknown(first, last uint32, found []settlement) {
	reject := func(from, to uint32) {
		s.conn.dispositionSent = frames.Disposition{Role: frames.RoleSender, First: from, Last: to, Settled: true,
			State: frames.Rejected{Error: &frames.Error{Condition: frames.ErrNotFound,
				Description: fmt.Sprintf("there is no unsettled delivery %d", from)}}}
		s.conn.write(frames.TypeAMQP, s.channel, &s.conn.dispositionSent)
	}
	from := first
	for _, f := range found {
		if f.id != from {
			reject(from, f.id-1)
		}
		from = f.id + 1
	}
	if len(found) == 0 || found[len(found)-1].id != last {
		reject(from, last)
	}
}
