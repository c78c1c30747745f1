package servicebus

import (
	"fmt"

	"switchyard/amqp"
	"switchyard/amqp/frames"
)

// A coordinator is a link on which a client declares transactions and discharges them
// [SB-AMQP 11]. Operations of a transaction may come on any link of the connection. A
// transaction that is not discharged ends with the coordinator on which it was declared.
type coordinator struct {
	link
	answered uint32 // since credit was last added
}

// attachCoordinator answers an attach whose target is a coordinator. It needs no right:
// each operation needs that of its link.
func (c *conn) attachCoordinator(l *amqp.Link) *fault {
	if c.basic() {
		return notSupported(frames.ErrNotAllowed,
			"The namespace is of the tier Basic, which has no transactions: they are")
	}
	k := &coordinator{link: link{c: c, l: l, addr: address{node: coordinatorNode}}}
	c.beginGroup(l)
	c.add(l, k)
	l.Accept(amqp.AcceptOptions{Source: sourceOf(l), MaxMessageSize: maxRequest, Credit: requestCredit})
	return nil
}

// delivered does what the client asks for. What declares or discharges must be answered
// and so can't be settled already.
func (k *coordinator) delivered(d *amqp.Incoming) {
	if d.Settled {
		k.fail(&fault{frames.ErrNotAllowed, 400, "What declares or discharges a transaction must not be settled by its sender."})
		return
	}
	var control frames.Control
	m, err := frames.ParseMessage(d.Payload)
	if err == nil {
		control, err = m.Control()
	}
	if err != nil {
		k.refuse(d, fmt.Errorf("%w: to a coordinator: %w", errMessage, err))
		return
	}
	switch control := control.(type) {
	case frames.Declare:
		k.declare(d, control)
	case frames.Discharge:
		k.discharge(d, control)
	}
}

func (k *coordinator) declare(d *amqp.Incoming, control frames.Declare) {
	if control.Global {
		k.refuse(d, notSupported(frames.ErrNotAllowed, "Distributed transactions (a declare with a global-id) are"))
		return
	}
	t, f := k.c.declare(k)
	if f != nil {
		k.refuse(d, f)
		return
	}
	k.settle(d, frames.Declared{TxnID: []byte(t.id)})
}

// discharge commits or rolls back. A commit is answered when it is durable.
func (k *coordinator) discharge(d *amqp.Incoming, control frames.Discharge) {
	c := k.c
	t := c.transactions.open[string(control.TxnID)]
	if t == nil {
		k.refuse(d, unknownTransaction)
		return
	}
	defer c.end(t)
	switch {
	case t.overdue:
		f := noTransaction(t.id)
		f.condition = frames.ErrTransactionTimeout
		k.refuse(d, f)
	case control.Fail:
		c.rollBack(t)
		k.settle(d, frames.Accepted{})
	case t.failed != nil:
		c.rollBack(t)
		k.refuse(d, k.rolledBack(t, t.failed))
	default:
		k.commit(d, t)
	}
}

func (k *coordinator) commit(d *amqp.Incoming, t *transaction) {
	held, moved := t.tx.Bytes()
	if !k.c.store(int(held + moved)) {
		t.tx.Rollback()
		return // the connection ends
	}
	unit, err := t.tx.Commit(func() { k.c.post(func() { k.settle(d, frames.Accepted{}) }) })
	if err != nil {
		k.refuse(d, k.rolledBack(t, err))
		return
	}
	k.c.submitted(unit)
}

// rolledBack is the fault of a commit that did nothing, and why.
func (k *coordinator) rolledBack(t *transaction, err error) *fault {
	return &fault{frames.ErrTransactionRollback, 400,
		"The transaction was rolled back: " + k.c.words(faultOf(err), address{entity: t.tx.Entity()})}
}

// settle answers, and gives credit back.
func (k *coordinator) settle(d *amqp.Incoming, state frames.State) {
	d.Settle(state)
	if k.answered++; k.answered >= requestCredit/2 {
		k.l.AddCredit(k.answered)
		k.answered = 0
	}
}

func (k *coordinator) refuse(d *amqp.Incoming, err error) {
	k.settle(d, frames.Rejected{Error: k.c.amqpError(faultOf(err), k.addr, trackingID(k.l.Properties()))})
}

// gone rolls back what was declared on the link and is not discharged.
func (k *coordinator) gone() {
	for _, t := range k.c.transactions.open {
		if t.coordinator == k {
			k.c.rollBack(t)
			k.c.end(t)
		}
	}
	k.c.schedule()
}

// inTransaction returns the id of the transaction of a delivery; ok is false if there is none.
func inTransaction(state frames.State) (id []byte, ok bool) {
	s, ok := state.(frames.TransactionalState)
	return s.TxnID, ok
}
