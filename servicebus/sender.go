package servicebus

import (
	"errors"
	"fmt"

	"switchyard/amqp"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// senderCredit is how many messages a client may send ahead. It is replenished
// when half is used.
const senderCredit = 1000

// batchFormat is the message format of a batch [SB-AMQP 8.1].
const batchFormat = 0x80013700

// A sender is a link on which a client sends messages to a queue or a topic.
type sender struct {
	link
	to       broker.Sender
	limits   broker.SendLimits // of when it was attached
	answered uint32            // since credit was last added
}

func (s *sender) gone() {}

// delivered sends a message or a batch. The client hears "accepted" once it is
// durable; in a transaction, which keeps it until its end, at once.
func (s *sender) delivered(d *amqp.Incoming) {
	if id, ok := inTransaction(d.State); ok {
		s.deliveredIn(id, d)
		return
	}
	if !s.c.store(len(d.Payload)) {
		return
	}
	msgs, err := s.messages(d)
	switch {
	case errors.Is(err, errEmptyBatch):
		s.fail(faultOf(err))
		return
	case err == nil && d.Format != batchFormat:
		s.c.gather(s, d, msgs[0])
		return
	case err == nil:
		s.c.handOver()
		err = s.send([]*amqp.Incoming{d}, msgs)
	}
	if err != nil {
		s.answer(d, nil, err)
	}
}

// deliveredIn is delivered in a transaction.
func (s *sender) deliveredIn(id []byte, d *amqp.Incoming) {
	s.c.handOver()
	msgs, err := s.messages(d)
	if err != nil {
		s.c.doom(id, err)
	} else {
		err = s.c.operate(id, len(d.Payload), func(tx *broker.Transaction) error { return tx.Send(s.to, msgs) })
	}
	if errors.Is(err, errEmptyBatch) {
		s.fail(faultOf(err))
		return
	}
	s.answer(d, frames.TransactionalState{TxnID: id, Outcome: frames.Accepted{}}, err)
}

// answer tells the client what became of a message. Credit comes back with
// answers, not with arrivals: what is not yet durable counts as in use.
func (s *sender) answer(d *amqp.Incoming, reply frames.State, err error) {
	switch {
	case err == nil:
		d.Settle(reply)
	case errors.Is(err, broker.ErrEntityDeleted), errors.Is(err, broker.ErrEntityNotFound):
		s.fail(s.c.entityNotFound(s.addr))
		return
	default:
		d.Settle(frames.Rejected{Error: s.c.amqpError(faultOf(err), s.addr, trackingID(s.l.Properties()))})
	}
	if s.answered++; s.answered >= senderCredit/2 {
		s.l.AddCredit(s.answered)
		s.answered = 0
	}
}

// messages reads what a transfer holds.
func (s *sender) messages(d *amqp.Incoming) ([]*broker.Message, error) {
	if size := s.limits.MaxMessageSize; size > 0 && int64(len(d.Payload)) > size {
		return nil, &fault{frames.ErrMessageSizeExceeded, 403, fmt.Sprintf(
			"The received message (delivery-id:%d, size:%d bytes) exceeds the limit (%d bytes) currently allowed on the link.",
			d.ID(), len(d.Payload), s.limits.MaxMessageSize)}
	}
	payloads := [][]byte{d.Payload}
	switch d.Format {
	case 0:
	case batchFormat:
		var err error
		if payloads, err = frames.ParseBatch(d.Payload); err != nil {
			return nil, fmt.Errorf("%w: batch: %w", errMessage, err)
		}
		if len(payloads) == 0 {
			return nil, errEmptyBatch
		}
	default:
		return nil, notSupported(frames.ErrNotAllowed, fmt.Sprintf("The message format 0x%08x is", d.Format))
	}
	now := s.c.h.clock.Now()
	msgs := make([]*broker.Message, len(payloads))
	for i, p := range payloads {
		content, err := decodeContent(p, now, s.c.newID)
		if err != nil {
			return nil, err
		}
		msgs[i] = &broker.Message{Content: content}
	}
	return msgs, s.limits.SameKey(msgs)
}
