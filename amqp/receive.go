package amqp

import (
	"fmt"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// Incoming is a message that the client sent.
type Incoming struct {
	Tag     []byte
	Format  uint32
	Payload []byte // belongs to the receiver of the event
	Settled bool   // the client wants no answer
	State   frames.State

	link    *Link
	size    uint64 // of the payload so far, kept or not
	id      uint32
	settled bool // by either end, or forgotten with the link
	tag     [32]byte
}

// ID returns the delivery-id.
func (d *Incoming) ID() uint32 { return d.id }

// Settle settles the delivery with an outcome. It does nothing if the delivery
// is settled already or its link is gone.
func (d *Incoming) Settle(state frames.State) {
	if d.settled {
		return
	}
	d.settled = true
	s := d.link.session
	delete(s.received, d.id)
	s.settle(RoleReceiver, d.id, state)
}

// settle writes a settled disposition.
func (s *Session) settle(role Role, id uint32, state frames.State) {
	if _, ok := state.(frames.Accepted); ok {
		s.conn.acknowledge(s, role, id)
		return
	}
	s.conn.flushAck() // it uses the same struct
	s.conn.dispositionSent = frames.Disposition{Role: role, First: id, Last: id, Settled: true, State: state}
	s.conn.write(frames.TypeAMQP, s.channel, &s.conn.dispositionSent)
}

// AddCredit lets the client send n more messages on a receiving link. The flow
// goes out with the next output, one for all calls before it.
func (l *Link) AddCredit(n uint32) {
	if l.state != attached || l.role != RoleReceiver || n == 0 {
		return
	}
	l.credit += n
	if !l.flowDue {
		l.flowDue = true
		l.session.conn.flows = append(l.session.conn.flows, l)
	}
}

// transferIn takes one frame of a delivery.
func (s *Session) transferIn(f *encoding.Fields, payload []byte) error {
	t := &s.conn.transferRead
	if err := t.Read(f); err != nil {
		return err
	}
	if s.incomingWindow == 0 {
		s.fail(frames.ErrWindowViolation, "transfer beyond the incoming-window")
		return nil
	}
	s.incomingWindow--
	s.nextIncoming++
	if s.incomingWindow <= s.conn.o.Window/2 {
		s.oweFlow()
	}
	l := s.links[t.Handle]
	switch {
	case l == nil:
		s.fail(frames.ErrUnattachedHandle, "transfer for handle %d, which is not attached", t.Handle)
	case l.role == RoleSender:
		s.fail(frames.ErrNotAllowed, "transfer on link %q, which the client receives from", l.name)
	case l.state == pending:
		l.fail(frames.ErrTransferLimitExceeded, "transfer before the attach was answered")
	case l.state == attached:
		l.transferIn(t, payload)
	}
	return nil // else it was sent before the client saw our detach
}

// fail detaches the link because the peer broke the protocol.
func (l *Link) fail(condition encoding.Symbol, format string, args ...any) {
	l.Detach(&frames.Error{Condition: condition, Description: fmt.Sprintf(format, args...)})
}

func (l *Link) transferIn(t *frames.Transfer, payload []byte) {
	if l.current == nil && !l.begin(t) {
		return
	}
	d := l.current
	c := l.session.conn
	if t.DeliveryID.Set && t.DeliveryID.Value != d.id {
		l.session.fail(frames.ErrNotAllowed,
			"delivery %d starts before delivery %d is complete", t.DeliveryID.Value, d.id)
		return
	}
	if t.Aborted {
		l.abort()
		return
	}
	d.Settled = d.Settled || t.Settled
	if t.State != nil {
		d.State = t.State
	}
	if d.size += uint64(len(payload)); d.size > l.maxMessage {
		l.tooLarge(t.More)
		return
	}
	if t.More {
		if l.partial.chunks == nil {
			l.partial, c.spare = c.spare, partial{}
			if !c.keep(l.partial.bytes()) {
				return
			}
		}
		before := l.partial.bytes()
		l.partial.append(payload)
		c.keep(l.partial.bytes() - before)
		return
	}
	l.complete(payload)
}

// tooLarge keeps nothing of a delivery that exceeds the link's maximum and, when its
// last frame has come, rejects it: the link lives on [SB-AMQP 3.3]. A client that wants no
// answer learns of it by a detach.
func (l *Link) tooLarge(more bool) {
	d := l.current
	l.session.conn.buffered -= l.partial.bytes()
	l.partial = partial{}
	if more && !d.Settled {
		return
	}
	err := &frames.Error{Condition: frames.ErrMessageSizeExceeded, Description: fmt.Sprintf(
		"The received message (delivery-id:%d, size:%d bytes) exceeds the limit (%d bytes) currently allowed on the link.",
		d.id, d.size, l.maxMessage)}
	if d.State != nil {
		l.session.conn.emit(Oversized{Link: l, State: d.State})
	}
	if d.Settled {
		l.Detach(err)
		return
	}
	l.current = nil
	l.session.settle(RoleReceiver, d.id, frames.Rejected{Error: err})
	l.AddCredit(1)
}

// begin starts a delivery with its first frame.
func (l *Link) begin(t *frames.Transfer) bool {
	s := l.session
	switch {
	case l.credit == 0:
		l.fail(frames.ErrTransferLimitExceeded, "transfer without credit")
		return false
	case !t.DeliveryID.Set:
		s.fail(frames.ErrInvalidField, "first transfer of a delivery without delivery-id")
		return false
	case t.DeliveryTag == nil:
		s.fail(frames.ErrInvalidField, "first transfer of a delivery without delivery-tag")
		return false
	case t.Resume:
		l.fail(frames.ErrNotAllowed, "deliveries are not resumed")
		return false
	}
	if s.received[t.DeliveryID.Value] != nil {
		s.fail(frames.ErrInvalidField, "delivery-id %d is in use", t.DeliveryID.Value)
		return false
	}
	l.credit--
	l.deliveryCount++
	d := &Incoming{link: l, id: t.DeliveryID.Value, Format: t.MessageFormat.Value}
	d.Tag = d.tag[:copy(d.tag[:], t.DeliveryTag)]
	l.current = d
	return true
}

// abort drops the unfinished delivery. Its owner never heard of it, so the
// credit it took is given back here.
func (l *Link) abort() {
	l.session.conn.buffered -= l.partial.bytes()
	l.current, l.partial = nil, partial{}
	l.AddCredit(1)
}

// complete hands the delivery to the owner.
func (l *Link) complete(payload []byte) {
	s := l.session
	d := l.current
	s.conn.buffered -= l.partial.bytes()
	d.Payload = l.partial.whole(payload)
	l.current = nil
	if l.partial.chunks != nil {
		if l.partial.bytes() <= keepPartial {
			s.conn.spare = l.partial.emptied()
		}
		l.partial = partial{}
	}
	if d.settled = d.Settled; !d.settled {
		s.received[d.id] = d
	}
	s.conn.emit(Delivered{Link: l, Delivery: d})
}
