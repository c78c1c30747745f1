package servicebus

import (
	"fmt"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

// Operations that Azure has not, with the arguments of batch-delete-messages or with
// sequence-numbers.
const (
	// resubmitMessages moves dead letters back to their queue or subscription in one unit.
	// It is asked of the dead-letter queue.
	resubmitMessages = "switchyard:resubmit-messages"
	// deleteMessages deletes messages by number, or the oldest.
	deleteMessages = "switchyard:delete-messages"
)

// maxDeleted is how many messages one request deletes at most, of Premium, and
// maxDeletedBelow of other tiers [SB-AMQP 9.3].
const maxDeleted, maxDeletedBelow = 4000, 500

// batchDelete deletes messages that nobody holds, the oldest first. It may be fewer than
// there are: clients ask until there are none.
func (m *managementRequest) batchDelete() error {
	if m.queue.Partitioned() {
		return &fault{frames.ErrNotAllowed, statusFinal,
			"Messages of the partitioned entity '" + m.c.uri(m.addr.queue()) + "' can't be deleted in batches."}
	}
	if m.queue.SubQueue() == broker.MainQueue && m.queue.RequiresSession() {
		if m.session == nil {
			return broker.ErrSessionRequired
		}
		if err := m.holds(); err != nil {
			return err
		}
	}
	limit := maxDeletedBelow
	if m.c.premium() {
		limit = maxDeleted
	}
	return m.take(broker.TakeOptions{Session: m.session}, limit)
}

func (m *managementRequest) resubmit() error {
	if f := m.c.authorize(m.addr, auth.Send); f != nil {
		return f
	}
	return m.takeNamed(broker.TakeOptions{Back: true})
}

func (m *managementRequest) delete() error { return m.takeNamed(broker.TakeOptions{}) }

// takeNamed takes the messages that the request names, if it names any.
func (m *managementRequest) takeNamed(o broker.TakeOptions) error {
	if _, ok := m.args.Get("sequence-numbers"); ok {
		var err error
		if o.Numbers, err = m.args.numbers("sequence-numbers"); err != nil {
			return err
		}
	}
	return m.take(o, maxDeleted)
}

// take takes messages, of those that are not named at most limit, and answers how many, once
// that is durable.
func (m *managementRequest) take(o broker.TakeOptions, limit int) error {
	if o.Numbers == nil {
		count, err := m.args.number("message-count")
		if err != nil {
			return err
		}
		if count < 1 {
			return &fault{condArgumentOutOfRange, 400, fmt.Sprintf("message-count must be positive, not %d.", count)}
		}
		o.Max = int(min(count, int64(limit))) // who asks for more gets that [SB-AMQP 9.3]
		switch v, _ := m.args.Get("enqueued-time-utc"); v := v.(type) {
		case nil:
		case time.Time:
			o.Before = v
		default:
			return badArgument("The argument 'enqueued-time-utc' must be a timestamp.")
		}
	}
	n, unit, err := m.queue.Take(o)
	if err != nil {
		return err
	}
	m.c.submitted(unit)
	m.c.whenDurable(func() {
		if n == 0 {
			m.respond(response{status: 204, description: "NoContent"})
			return
		}
		m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "message-count", Value: int32(n)}}})
	})
	return nil
}
