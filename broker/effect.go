package broker

import (
	"switchyard/broker/entity"
	"switchyard/commit"
)

// An Op is one part of an effect. The set is closed: [SendOp], [RunSettleOp].
type Op interface{ plan(p *plan) error }

// SendOp sends messages to a queue or a topic.
type SendOp struct {
	Queue    Sender
	Messages []*Message
}

// RunSettleOp settles messages that a run holds in a queue. With SequenceNumbers
// nil it settles all that the run still holds there, which may be none; otherwise
// the effect fails with [ErrMessageLockLost] if one is not held by the run.
type RunSettleOp struct {
	Queue           *Queue
	Run             RunID
	SequenceNumbers []int64
	Outcome         Outcome
}

func (o SendOp) plan(p *plan) error {
	p.b.scheduledFor(o.Messages)
	return o.Queue.plan(p, o.Messages, false)
}

func (o RunSettleOp) plan(p *plan) error {
	p.add(o.Queue.e, entity.RunSettle{Sub: o.Queue.sub, Run: o.Run, Seqs: o.SequenceNumbers, Outcome: o.Outcome})
	return nil
}

// Effect returns the effect that applies the operations atomically, over as many
// queues as they name. It reads now what it can be known to need then, so it
// must not be called under a lock.
//
// A unit may hold one effect of the broker only: it holds locks until it is
// released.
func (b *Broker) Effect(ops ...Op) commit.Effect {
	p := &plan{b: b}
	for _, op := range ops {
		if p.err = op.plan(p); p.err != nil {
			return p
		}
	}
	p.prepare()
	return p
}
