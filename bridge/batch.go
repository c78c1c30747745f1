package bridge

import (
	"encoding/binary"
	"encoding/json"

	"github.com/google/uuid"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/trigger"
	"switchyard/servicebus"
	"switchyard/value"
)

// A batch is messages that are reserved for a run, a [trigger.Batch].
type batch struct {
	r        *broker.Reservation
	bound    binding
	messages []trigger.Message
}

func newBatch(o Options, q *broker.Queue, r *broker.Reservation) *batch {
	b := &batch{r: r, bound: binding{Namespace: q.Namespace(), Queue: q.Path(), Messages: map[string]int64{}}}
	for _, m := range r.Messages() {
		m = o.Broker.Shown(m)
		p, err := servicebus.Decompose(m)
		if err != nil {
			// What can't be shown is shown without body: the pipeline can still
			// settle it, and no message stops those behind it.
			o.Logger.Warn("a message's content can't be shown to the pipeline",
				"queue", q.Path(), "sequenceNumber", m.SequenceNumber, "err", err)
			p = &servicebus.Parts{MessageID: m.MessageID, SessionID: m.SessionID}
		}
		token := lockToken(q.ID(), m.SequenceNumber)
		b.bound.Messages[token] = m.SequenceNumber
		b.messages = append(b.messages, message(m, p, token))
	}
	return b
}

// Message is a message of the broker as triggers see it, without a lock token. The
// error is of a content that can't be read.
func Message(m *broker.Message) (trigger.Message, error) {
	p, err := servicebus.Decompose(m)
	if err != nil {
		return trigger.Message{}, err
	}
	return message(m, p, ""), nil
}

func message(m *broker.Message, p *servicebus.Parts, token string) trigger.Message {
	app := &value.Object{}
	for _, x := range p.Properties {
		app.Set(x.Name, x.Value)
	}
	return trigger.Message{
		MessageID: p.MessageID, SessionID: p.SessionID, CorrelationID: p.CorrelationID,
		Subject: p.Subject, To: p.To, ReplyTo: p.ReplyTo, ContentType: p.ContentType,
		SequenceNumber: m.SequenceNumber, EnqueuedTimeUTC: m.EnqueuedAt, DeliveryCount: int(m.DeliveryCount),
		LockToken: token, ApplicationProperties: app, Body: p.Body,
	}
}

// lockToken is the name of a message within its run: a run's lock has no token of
// its own, so one is made of the queue and the number.
func lockToken(q broker.QueueID, seq int64) string {
	var t uuid.UUID
	binary.BigEndian.PutUint64(t[:8], uint64(q.Entity))
	binary.BigEndian.PutUint64(t[8:], uint64(seq))
	return t.String()
}

func (b *batch) Messages() []trigger.Message { return b.messages }
func (b *batch) Len() int                    { return len(b.messages) }
func (b *batch) Full() bool                  { return b.r.Full() }
func (b *batch) Release()                    { b.r.Release() }

func (b *batch) LockFor(run string) commit.Effect { return b.r.LockFor(broker.RunID(run)) }

func (b *batch) Abandon(reason, description string, back trigger.Backoff) commit.Effect {
	return b.r.Settle(abandon(reason, description, back))
}

func (b *batch) Binding() json.RawMessage {
	j, err := json.Marshal(b.bound)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return j
}
