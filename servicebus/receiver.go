package servicebus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"switchyard/amqp"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// A receiver is a link on which a client receives messages of a queue.
//
// The link's credit belongs to the client; the consumer's credit is the part of it that the
// broker may use. Both are brought together whenever the client's flow changes.
// The broker can be given more at any time, but takes it back only as a whole
// (Drain), so a smaller credit is a drain followed by a new grant. It is given the
// client's credit in steps of about stepBytes, so that a client with much credit that
// does not read has few of its messages in memory.
type receiver struct {
	link
	queue    *broker.Queue
	consumer *broker.Consumer
	mode     broker.ReceiveMode
	session  *sessionHold // nil: the link is for no session

	granted     uint32 // credit the broker may still use
	typical     int    // bytes of a message lately
	withdrawing bool   // the broker's credit is being taken back
	drain       bool   // the client waits for the answer to its drain
	over        bool

	first   *amqp.Outgoing   // of the link
	waiting []*amqp.Outgoing // no frame of them was out when they were last looked at

	mu     sync.Mutex
	inbox  []broker.Delivery // guarded by mu; from the broker, not yet sent
	posted bool              // guarded by mu; a call of send is on its way
}

// deliver takes messages from the broker, on any goroutine.
func (r *receiver) deliver(ds []broker.Delivery) {
	r.mu.Lock()
	r.inbox = append(r.inbox, ds...)
	first := !r.posted
	r.posted = true
	r.mu.Unlock()
	if first && !r.c.post(r.send) {
		r.giveBack(r.take())
	}
}

func (r *receiver) take() []broker.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	ds := r.inbox
	r.inbox, r.posted = nil, false
	return ds
}

// send sends what the broker has delivered. What can't leave goes back.
func (r *receiver) send() {
	ds := r.take()
	if r.over {
		r.giveBack(ds)
		return
	}
	r.granted -= min(r.granted, uint32(len(ds)))
	r.used()
	for i, d := range ds {
		out, err := r.outgoing(d)
		if err != nil {
			// It stays locked and comes back when the lock expires, so that a
			// message nobody can read ends in the dead-letter queue.
			r.c.h.log.Error("message can't be encoded",
				"queue", r.addr.queue(), "sequenceNumber", d.SequenceNumber, "error", err)
			continue
		}
		r.measure(out)
		if err := r.l.Send(out); err != nil {
			r.giveBack(ds[i:])
			if errors.Is(err, amqp.ErrUnsettled) {
				r.crowded()
			}
			return
		}
		r.sent(out)
	}
	r.reconcile()
}

// crowded detaches a link whose client takes messages and settles none.
func (r *receiver) crowded() {
	s := r.c.h.shared
	s.refusedUnsettled.Add(1)
	r.fail(&fault{frames.ErrResourceLimitExceeded, 403, fmt.Sprintf(
		"The connection has %d deliveries that are not settled; at most %d are allowed (max-unsettled).",
		r.c.nc.AMQP().Unsettled(), s.limits.Unsettled)})
}

// sent notes a delivery that may still wait for the client's session window, or
// for a slow socket: if the link ends first it has never left. Such a delivery
// has the id 0. So has a session's first one when it has left; the first of a
// link therefore counts as left.
func (r *receiver) sent(out *amqp.Outgoing) {
	if r.first == nil {
		r.first = out
		return
	}
	if len(r.waiting) > 0 {
		r.waiting = slices.DeleteFunc(r.waiting, func(o *amqp.Outgoing) bool { return o.ID() != 0 })
	}
	if out.ID() == 0 {
		r.waiting = append(r.waiting, out)
	}
}

// A delivery is what one message on its way to a client takes, allocated at once: the
// transfer, which leads back to it, and what that refers to.
type delivery struct {
	amqp.Outgoing
	token  broker.LockToken
	tag    [16]byte
	pieces [5][]byte
}

func (r *receiver) outgoing(d broker.Delivery) (*amqp.Outgoing, error) {
	x := &delivery{token: d.LockToken}
	v := viewPeekLock
	if r.mode == broker.ReceiveAndDelete {
		v = viewReceiveAndDelete
		binary.BigEndian.PutUint64(x.tag[8:], uint64(d.SequenceNumber))
	} else {
		x.tag = lockTag(d.LockToken)
	}
	payload, err := appendDelivery(x.pieces[:0], r.c.h.broker.Shown(d.Message), v)
	if err != nil {
		return nil, err
	}
	x.Tag, x.Payload, x.Settled, x.Data = x.tag[:], payload, r.mode == broker.ReceiveAndDelete, x
	return &x.Outgoing, nil
}

// giveBack returns deliveries that never left, on any goroutine. Those of
// receive-and-delete are gone, as they are in Azure [SB-AMQP 7.3].
func (r *receiver) giveBack(ds []broker.Delivery) {
	if len(ds) == 0 || r.mode == broker.ReceiveAndDelete {
		return
	}
	tokens := make([]broker.LockToken, len(ds))
	for i, d := range ds {
		tokens[i] = d.LockToken
	}
	r.consumer.Return(tokens)
}

// withdraw gives back what was handed to the link and never left.
func (r *receiver) withdraw() {
	var tokens []broker.LockToken
	for _, out := range r.waiting {
		if out.ID() == 0 {
			tokens = append(tokens, out.Data.(*delivery).token)
		}
	}
	r.waiting = nil
	if len(tokens) > 0 && r.mode == broker.PeekLock {
		r.consumer.Return(tokens)
	}
}

func (r *receiver) flowed(_ uint32, drain bool) {
	r.drain = r.drain || drain
	r.reconcile()
}

// reconcile gives the broker the credit that the client has given us.
func (r *receiver) reconcile() {
	if r.over || r.withdrawing {
		return
	}
	credit := r.l.Credit()
	if step := r.step(); credit > r.granted && r.granted <= step/2 {
		if r.c.nc.AMQP().Unsent() > maxUnsent {
			r.c.held[r] = struct{}{} // flush comes back to it
			if r.granted == 0 {
				return
			}
		} else if n := min(credit, step) - r.granted; n > 0 {
			r.granted += n
			r.c.submitted(r.consumer.AddCredit(int(n)))
		}
	}
	if r.drain || credit < r.granted {
		r.withdrawing = true
		r.c.submitted(r.consumer.Drain(func() { r.c.post(r.withdrawn) }))
	}
}

const (
	// stepBytes is about how many bytes of messages the broker may deliver ahead of
	// what it is asked for, and maxUnsent how many may wait for the client.
	stepBytes = 1 << 20
	maxUnsent = 1 << 20
	// firstTypical is taken for the size of a message before there was one.
	firstTypical = 64 << 10
)

// step is how many messages the broker is asked for at most.
func (r *receiver) step() uint32 {
	if r.typical == 0 {
		return stepBytes / firstTypical
	}
	return uint32(max(stepBytes/r.typical, 1))
}

// measure follows the size of messages: up at once, down slowly.
func (r *receiver) measure(out *amqp.Outgoing) {
	size := 256 // what a message takes beside its payload
	for _, p := range out.Payload {
		size += len(p)
	}
	r.typical = max(size, r.typical-r.typical/8)
}

// withdrawn runs when the broker has given its credit back and everything that
// it delivered before has been sent.
func (r *receiver) withdrawn() {
	all := r.granted == 0 // the broker has used the step: there may be more
	r.withdrawing, r.granted = false, 0
	if r.over {
		return
	}
	if all && r.drain && r.l.Credit() > 0 {
		r.reconcile()
		return
	}
	if r.drain {
		r.drain = false
		r.l.Drained()
	}
	r.reconcile()
}

// settled settles deliveries as the client says [SB-AMQP 7].
func (r *receiver) settled(ev amqp.Settled) {
	state := ev.State
	in, transactional := state.(frames.TransactionalState)
	if transactional {
		state = in.Outcome
	}
	out, reply, err := settlement(state)
	switch {
	case err != nil:
		if transactional {
			r.c.doom(in.TxnID, err)
		}
		f := faultOf(err)
		r.acknowledge(ev, nil, func(int) *fault { return f })
		return
	case reply == nil && ev.Settled:
		// The client has forgotten deliveries without saying what became of
		// them: they are as good as released.
		out = broker.Outcome{Kind: broker.Release}
	case reply == nil:
		return
	}
	tokens := make([]broker.LockToken, 0, len(ev.Deliveries))
	for _, d := range ev.Deliveries {
		tokens = append(tokens, d.Data.(*delivery).token)
	}
	if transactional {
		r.settledIn(in.TxnID, ev, tokens, out, reply)
		return
	}
	var done func(errs []error)
	if !ev.Settled { // else the client waits for no answer
		done = func(errs []error) { r.c.post(func() { r.acknowledge(ev, reply, faultsOf(errs)) }) }
	}
	r.c.submitted(r.queue.Settle(tokens, out, done))
}

// settledIn is settled in a transaction: the locks stay until its end, and the client
// hears at once whether it may settle them.
func (r *receiver) settledIn(id []byte, ev amqp.Settled, tokens []broker.LockToken, out broker.Outcome, reply frames.State) {
	errs := r.c.settle(id, r.queue, tokens, out)
	if reply != nil {
		reply = frames.TransactionalState{TxnID: id, Outcome: reply}
	}
	r.acknowledge(ev, reply, faultsOf(errs))
}

// faultsOf returns what became of each settlement.
func faultsOf(errs []error) func(i int) *fault {
	return func(i int) *fault {
		if i >= len(errs) || errs[i] == nil {
			return nil
		}
		return faultOf(errs[i])
	}
}

// acknowledge answers dispositions that the client has not settled itself.
func (r *receiver) acknowledge(ev amqp.Settled, reply frames.State, failed func(i int) *fault) {
	if ev.Settled {
		return
	}
	for i, d := range ev.Deliveries {
		if f := failed(i); f != nil {
			d.Settle(frames.Rejected{Error: r.c.amqpError(f, r.addr, trackingID(r.l.Properties()))})
			continue
		}
		d.Settle(reply)
	}
}

// entityClosed is told that the entity was deleted or disabled, on any
// goroutine.
func (r *receiver) entityClosed(err error) {
	r.c.post(func() {
		if r.over {
			return
		}
		r.fail(r.c.addressFault(r.addr, err))
	})
}

// gone stops deliveries. Locks stay [SB-AMQP 7.3]; what was delivered and never
// sent goes back once the last delivery must have arrived.
func (r *receiver) gone() {
	r.over = true
	if r.session != nil {
		r.session.patience.stop()
	}
	delete(r.c.held, r)
	r.withdraw()
	r.c.submitted(r.consumer.Close())
	r.c.whenDurable(func() { r.giveBack(r.take()) })
}
