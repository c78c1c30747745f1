package amqp

import (
	"errors"
	"fmt"

	"switchyard/amqp/frames"
)

// Errors of [Link.Send]. Nothing was sent and no credit was used.
var (
	ErrNotAttached     = errors.New("amqp: link is not attached")
	ErrNoCredit        = errors.New("amqp: link has no credit")
	ErrUnsettled       = errors.New("amqp: too many deliveries of the connection are unsettled")
	ErrInvalidDelivery = errors.New("amqp: delivery can't be sent")
)

// Outgoing is a message that we send. It must not be changed, and Tag stays in use,
// until it is settled or its link is gone; a value is sent once. The payload is let go
// when it has left: an unsettled delivery takes little memory however large it was.
type Outgoing struct {
	Tag     []byte   // 1 to 32 bytes, unique among the unsettled of the link
	Format  uint32   // message-format
	Payload [][]byte // the encoded message, in pieces; nil when all of it has left
	Settled bool     // no settlement is expected
	Data    any      // belongs to the owner of the connection

	link    *Link
	size    uint64 // of the payload, while it is in the queue of its session
	id      uint32
	started bool // its first frame is out and it has an id
	done    bool // settled, or forgotten with its link
	piece   int  // how far it is sent
	offset  int
}

// ID returns the delivery-id, 0 as long as no frame of the delivery is out.
func (d *Outgoing) ID() uint32 { return d.id }

// Link returns the link it was sent on.
func (d *Outgoing) Link() *Link { return d.link }

// Settle tells the client an outcome, settled, and forgets the delivery. It does
// nothing if the delivery is settled already or its link is gone. A delivery
// that still waits for the client's session window is withdrawn instead, and
// its credit comes back.
func (d *Outgoing) Settle(state frames.State) {
	if d.done || d.link == nil {
		return
	}
	d.done = true
	s := d.link.session
	if !d.started {
		s.withdraw(d)
		return
	}
	s.forgetSent(d)
	s.settle(RoleSender, d.id, state)
}

// forgetSent ends a delivery that is unsettled.
func (s *Session) forgetSent(d *Outgoing) {
	delete(s.sent, d.id)
	s.conn.unsettled--
}

// Send sends a message on a sending link. It takes one credit; frames that the
// session window, or the amount of unwritten output, does not let out are sent
// later by themselves. The client's max-message-size does not bound it: Python announces
// 1 MiB without being asked and takes every message [SB-AMQP 3.4].
func (l *Link) Send(d *Outgoing) error {
	switch {
	case l.state != attached:
		return ErrNotAttached
	case l.role != RoleSender:
		return fmt.Errorf("%w: the client sends on link %q", ErrInvalidDelivery, l.name)
	case d.link != nil:
		return fmt.Errorf("%w: it was sent before", ErrInvalidDelivery)
	case len(d.Tag) == 0 || len(d.Tag) > 32:
		return fmt.Errorf("%w: tag of %d bytes", ErrInvalidDelivery, len(d.Tag))
	case l.credit == 0:
		return ErrNoCredit
	case !d.Settled && l.session.conn.unsettled >= l.session.conn.o.MaxUnsettled:
		return fmt.Errorf("%w: %d", ErrUnsettled, l.session.conn.unsettled)
	}
	var size uint64
	for _, p := range d.Payload {
		size += uint64(len(p))
	}
	l.credit--
	l.deliveryCount++
	l.queued++
	d.link, d.size = l, size
	l.session.conn.queued += size
	l.session.queue = append(l.session.queue, d)
	l.session.pump()
	return nil
}

// Drained consumes the credit that is left and tells the client, as an answer
// to a [Flowed] event with Drain [SB-AMQP 3.4]: after the deliveries that were
// sent before, also if those still wait.
func (l *Link) Drained() {
	if l.state != attached || l.role != RoleSender {
		return
	}
	l.drainCount += l.credit
	l.credit = 0
	if l.queued > 0 {
		l.drainDue = true
		return
	}
	l.sendDrained()
}

func (l *Link) sendDrained() {
	l.deliveryCount += l.drainCount
	l.drainCount, l.drainDue = 0, false
	l.session.sendFlow(l, true)
}

// flowIn takes the peer's flow for a link.
func (l *Link) flowIn(f *frames.Flow) {
	if l.state != pending && l.state != attached {
		return // sent before the client saw our detach
	}
	if l.role == RoleReceiver {
		l.senderFlowIn(f)
		return
	}
	// available = peer.delivery-count + link-credit - own.delivery-count
	l.credit = remaining(f.LinkCredit.Value, l.deliveryCount-f.DeliveryCount.Value)
	l.drain, l.flowed = f.Drain, true
	l.drainCount, l.drainDue = 0, false
	if l.state == pending {
		return
	}
	if f.Echo && !f.Drain { // Drained answers a drain
		l.session.sendFlow(l, false)
	}
	l.session.conn.emit(Flowed{Link: l, Credit: l.credit, Drain: l.drain})
}

// senderFlowIn takes a flow of a client that sends: it may give up credit by
// advancing its delivery-count.
func (l *Link) senderFlowIn(f *frames.Flow) {
	if f.DeliveryCount.Set && l.current == nil {
		if skipped := f.DeliveryCount.Value - l.deliveryCount; int32(skipped) > 0 {
			l.credit -= min(skipped, l.credit)
			l.deliveryCount = f.DeliveryCount.Value
		}
	}
	if f.Echo && l.state == attached {
		l.session.sendFlow(l, false)
	}
}

// pump sends what the window lets out.
func (s *Session) pump() {
	c := s.conn
	sent := 0
	for sent < len(s.queue) && s.remoteWindow > 0 && !s.ended {
		if c.Backlog() >= outputGoal {
			if !s.blocked {
				s.blocked = true
				c.blocked = append(c.blocked, s)
			}
			break
		}
		d := s.queue[sent]
		if !s.sendFrame(d) {
			continue
		}
		sent++
		if !s.ended {
			c.queued, d.size = c.queued-d.size, 0
		}
		if l := d.link; !s.ended {
			if l.queued--; l.queued == 0 && l.drainDue {
				l.sendDrained()
			}
		}
	}
	if s.ended {
		return // the queue is gone
	}
	if sent > 0 {
		n := copy(s.queue, s.queue[sent:])
		clear(s.queue[n:])
		s.queue = s.queue[:n]
	}
}

// sendFrame writes the next frame of a delivery and reports whether it was the
// last.
func (s *Session) sendFrame(d *Outgoing) (last bool) {
	c := s.conn
	t := &c.transferSent
	*t = frames.Transfer{Handle: d.link.handle, Settled: d.Settled}
	if !d.started {
		d.started = true
		d.id = s.nextDelivery
		s.nextDelivery++
		if !d.Settled && !d.done {
			s.sent[d.id] = d
			c.unsettled++
		} else {
			d.done = true
		}
		// Continuations have neither id nor tag: Python takes the last frame that
		// has an id for the one that holds the tag.
		t.DeliveryID, t.DeliveryTag, t.MessageFormat = frames.Some(d.id), d.Tag, frames.Some(d.Format)
	}
	c.flushAck()
	b, mark := frames.BeginFrame(c.out, frames.TypeAMQP, s.channel)
	body := len(b)
	b, _ = t.Append(b) // there is no state in it that could fail
	room := int(min(uint64(c.peerMaxFrame), maxFrame)) - (len(b) - mark)
	if d.left(room) {
		t.More = true
		b, _ = t.Append(b[:body]) // the same length
	}
	for room > 0 && d.piece < len(d.Payload) {
		p := d.Payload[d.piece][d.offset:]
		if len(p) > room {
			b = append(b, p[:room]...)
			d.offset += room
			break
		}
		b = append(b, p...)
		room -= len(p)
		d.piece, d.offset = d.piece+1, 0
	}
	c.out = frames.EndFrame(b, mark)
	s.nextOutgoing++
	s.remoteWindow--
	if !t.More {
		clear(d.Payload) // its array may be part of what stays
		d.Payload = nil
	}
	return !t.More
}

// maxFrame bounds our frames if the peer takes larger ones: several deliveries
// can then share the output fairly.
const maxFrame = 1 << 20

// left reports whether more than room bytes of the payload are unsent.
func (d *Outgoing) left(room int) bool {
	room += d.offset
	for _, p := range d.Payload[d.piece:] {
		if room -= len(p); room < 0 {
			return true
		}
	}
	return false
}

// withdraw takes a delivery that has not started out of the queue.
func (s *Session) withdraw(d *Outgoing) {
	for i, q := range s.queue {
		if q == d {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			s.conn.queued -= d.size
			l := d.link
			l.queued--
			l.deliveryCount--
			if l.drainDue {
				l.drainCount++
				if l.queued == 0 {
					l.sendDrained()
				}
			} else {
				l.credit++
			}
			return
		}
	}
}

// dropQueued takes the deliveries of a link out of the queue.
func (s *Session) dropQueued(l *Link) {
	if l.queued == 0 {
		return
	}
	kept := s.queue[:0]
	for _, d := range s.queue {
		if d.link == l {
			d.done = true
			s.conn.queued -= d.size
		} else {
			kept = append(kept, d)
		}
	}
	clear(s.queue[len(kept):])
	s.queue = kept
	l.queued = 0
}
