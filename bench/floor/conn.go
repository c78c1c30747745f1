package main

import (
	"encoding/binary"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
)

// senderCredit is how many messages a client may send ahead, as Switchyard has it.
const senderCredit = 1000

// A conn is a connection. Its loop owns it and its links.
type conn struct {
	*server
	nc      *amqpnet.Conn
	added   bool     // something to the log, since the last flush
	answers *answers // guarded by log.mu: its part of the newest batch that it has one in
}

// A sender is a link on which a client sends.
type sender struct {
	c        *conn
	link     *amqp.Link
	queue    *queue
	answered uint32 // since credit was last added
}

// A receiver is a link on which a client receives.
type receiver struct {
	c      *conn
	link   *amqp.Link
	queue  *queue
	out    []*delivery // from the oldest that is not settled
	hungry bool        // guarded by queue.mu: it is among those that wait for messages
}

// A delivery is a message on its way to a client.
type delivery struct {
	amqp.Outgoing
	message *message
	tag     [16]byte
	pieces  [1][]byte
	done    bool
}

func (c *conn) attach(l *amqp.Link) {
	source, target := l.Source(), l.Target()
	if l.Role() == amqp.RoleReceiver {
		if t, ok := target.(*frames.Target); ok && t != nil && t.Address.Set && !t.Dynamic {
			l.Data = &sender{c: c, link: l, queue: c.queue(t.Address.Value)}
			l.Accept(amqp.AcceptOptions{Credit: senderCredit})
			return
		}
	} else if source != nil && source.Address.Set && !source.Dynamic && source.Filter == nil {
		l.Data = &receiver{c: c, link: l, queue: c.queue(source.Address.Value)}
		l.Accept(amqp.AcceptOptions{})
		return
	}
	l.Refuse(&frames.Error{Condition: frames.ErrNotImplemented,
		Description: "The floor has links to and from the address of a queue, without filters."})
}

// accepted tells the client that a message is durable.
func (s *sender) accepted(d *amqp.Incoming) {
	d.Settle(frames.Accepted{})
	if s.answered++; s.answered >= senderCredit/2 {
		s.link.AddCredit(s.answered)
		s.answered = 0
	}
}

// pull sends what waits in the queue, as far as there is credit.
func (r *receiver) pull() {
	if !r.link.Attached() {
		return
	}
	ms := r.queue.take(r, int(r.link.Credit()))
	settled := r.link.SndSettleMode() == frames.SenderSettled
	for i, m := range ms {
		if err := r.send(m, settled); err != nil {
			r.queue.giveBack(ms[i:])
			r.link.Detach(&frames.Error{Condition: frames.ErrResourceLimitExceeded, Description: err.Error()})
			ms = ms[:i]
			break
		}
	}
	if settled {
		r.c.remove(ms, answer{})
	}
}

func (r *receiver) send(m *message, settled bool) error {
	d := &delivery{message: m, pieces: [1][]byte{m.payload}}
	binary.BigEndian.PutUint64(d.tag[8:], m.id)
	d.Tag, d.Format, d.Payload, d.Settled, d.Data = d.tag[:], m.format, d.pieces[:], settled, d
	err := r.link.Send(&d.Outgoing)
	if err == nil && !settled {
		r.out = append(r.out, d)
	}
	return err
}

// settled removes what a client has accepted or rejected, and takes back what it has released.
func (r *receiver) settled(ev amqp.Settled) {
	reply, removed := ev.State, false
	switch ev.State.(type) {
	case frames.Accepted:
		removed = true
	case frames.Rejected:
		reply, removed = frames.Rejected{}, true
	case frames.Released:
	case frames.Modified:
		reply = frames.Modified{}
	default:
		if !ev.Settled {
			return // it has no outcome yet
		}
	}
	ms := r.settle(ev.Deliveries)
	a := answer{deliveries: ev.Deliveries, state: reply}
	if ev.Settled {
		a = answer{}
	}
	if removed {
		r.c.remove(ms, a)
		return
	}
	a.give()
	r.queue.giveBack(ms)
}

// remove removes messages for good, and gives the answer when that is durable.
func (c *conn) remove(ms []*message, a answer) {
	c.added = true
	c.log.settle(c, ms, a)
}

// settle notes that deliveries are over and returns their messages.
func (r *receiver) settle(ds []*amqp.Outgoing) []*message {
	ms := make([]*message, len(ds))
	for i, o := range ds {
		d := o.Data.(*delivery)
		ms[i], d.done = d.message, true
	}
	n := 0
	for n < len(r.out) && r.out[n].done {
		r.out[n] = nil
		n++
	}
	r.out = r.out[n:]
	return ms
}

// gone gives back what the client has not settled.
func (r *receiver) gone() {
	r.queue.leave(r)
	var ms []*message
	for _, d := range r.out {
		if !d.done {
			ms = append(ms, d.message)
		}
	}
	r.out = nil
	r.queue.giveBack(ms)
}
