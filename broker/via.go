package broker

import (
	"errors"
	"fmt"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// via sends messages to one entity by way of another [SB-AMQP 11]: they are messages of
// that one's transfer queue first, in the same unit as everything else that a transaction
// does with it, and go on from there.
type via struct {
	by, to Sender
	e      *messageStore // whose transfer queue it is
}

// Via finds what sends messages to the queue or topic at an address by way of another one:
// a [Transaction] about that one can send so to any. If both are one entity, it is that.
// Errors: as [Broker.Sender] has them, of either.
func (b *Broker) Via(ns, by, to string) (Sender, error) {
	first, err := b.Sender(ns, by)
	if err != nil {
		return nil, err
	}
	second, err := b.Sender(ns, to)
	if err != nil {
		return nil, fmt.Errorf("send by way of %q: %w", first.Path(), err)
	}
	lock, _ := first.top()
	if other, _ := second.top(); other == lock {
		return second, nil
	}
	return &via{by: first, to: second, e: first.schedule()}, nil
}

// Namespace implements [Sender].
func (v *via) Namespace() string { return v.by.Namespace() }

// Path returns the path of the entity by way of which messages are sent.
func (v *via) Path() string { return v.by.Path() }

// Limits implements [Sender]. A message must fit in both entities; the status is that of
// the one by way of which it is sent. What the other one, disabled, does not take is
// dead-lettered on its way.
func (v *via) Limits() (SendLimits, error) {
	limits, err := v.by.Limits()
	if to, err := v.to.Limits(); err == nil {
		limits.MaxMessageSize = min(limits.MaxMessageSize, to.MaxMessageSize)
	}
	return limits, err
}

// Send implements [Sender]: done runs once the messages are durable where they wait to go
// on.
func (v *via) Send(msgs []*Message, done func(error)) (*commit.Unit, error) {
	b := v.e.b
	b.scheduledFor(msgs)
	v.address(msgs)
	if err := b.log.Admit(b.ctx, sendSize(msgs)); err != nil {
		return nil, fmt.Errorf("send to %q by way of %q: %w", v.to.Path(), v.e.path, err)
	}
	return v.e.plan(entity.Transfer{Messages: msgs, Keep: b.keeps()}).submit(sent(done))
}

// address says of messages where they are to go.
func (v *via) address(msgs []*Message) {
	for _, m := range msgs {
		m.Destination = v.to.Path()
	}
}

func (v *via) plan(p *plan, msgs []*Message, keep bool) error {
	v.address(msgs)
	p.add(v.e, entity.Transfer{Messages: msgs, Keep: keep})
	return nil
}

func (v *via) top() (*entityLock, string) { return v.by.top() }

func (v *via) admits(msgs []*Message, others int64) error {
	v.e.mu.Lock()
	defer v.e.mu.Unlock()
	return errors.Join(v.e.alive(), v.e.q.AdmitsTransfer(msgs, others))
}
