package servicebus

import (
	"fmt"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/broker"
)

// scheduleMessage accepts messages for the times that they name, all or none, and
// answers with their numbers [SB-AMQP 9.3]. Those that are due are sent at once.
func (m *managementRequest) scheduleMessage() error {
	list, _ := m.args.Get("messages")
	entries := items(list)
	if err := countItems("messages", len(entries)); err != nil {
		return err
	}
	now, bytes := m.c.h.clock.Now(), 0
	msgs := make([]*broker.Message, len(entries))
	for i, x := range entries {
		msg, err := m.scheduled(x, now)
		if err != nil {
			return err
		}
		msgs[i] = msg
		bytes += len(msg.Sections)
	}
	if m.transactional {
		return m.scheduleIn(msgs, bytes)
	}
	limits, err := m.to.Limits()
	if err != nil {
		return err
	}
	if err := limits.SameKey(msgs); err != nil {
		return err
	}
	if !m.c.store(bytes) {
		return nil // the connection ends
	}
	unit, err := m.to.Schedule(msgs, func(numbers []int64) {
		m.c.post(func() { m.numbers(numbers) })
	})
	m.c.submitted(unit)
	return err
}

func (m *managementRequest) numbers(numbers []int64) {
	m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "sequence-numbers", Value: numbers}}})
}

// scheduleIn is scheduleMessage in a transaction: the numbers are told before the commit
// [SB-AMQP 11].
func (m *managementRequest) scheduleIn(msgs []*broker.Message, bytes int) error {
	return m.c.operate(m.transaction, bytes, func(tx *broker.Transaction) error {
		numbers, unit, err := tx.Schedule(m.to, msgs)
		if err == nil {
			m.c.submitted(unit)
			m.c.whenDurable(func() { m.numbers(numbers) })
		}
		return err
	})
}

// scheduled reads one of the messages to schedule. What the map says of it beside its
// bytes, the bytes say too.
func (m *managementRequest) scheduled(x any, now time.Time) (*broker.Message, error) {
	entry, ok := x.(*encoding.Map)
	if !ok {
		return nil, badArgument("The argument 'messages' must be a list of maps.")
	}
	payload, _ := entry.Get("message")
	b, ok := payload.([]byte)
	if !ok {
		return nil, badArgument("A message of the argument 'messages' must have its bytes under 'message'.")
	}
	content, err := decodeContent(b, now, m.c.newID)
	return &broker.Message{Content: content}, err
}

// cancelScheduled takes scheduled messages away, all or none.
func (m *managementRequest) cancelScheduled() error {
	numbers, err := m.args.numbers("sequence-numbers")
	if err != nil {
		return err
	}
	if m.transactional {
		err := m.c.operate(m.transaction, 0, func(tx *broker.Transaction) error { return tx.CancelScheduled(m.to, numbers) })
		if err == nil {
			m.succeed(nil)
		}
		return err
	}
	unit, err := m.to.CancelScheduled(numbers, func() { m.c.post(func() { m.succeed(nil) }) })
	m.c.submitted(unit)
	return err
}

// peekTopic shows what waits at a topic until it is due.
func (m *managementRequest) peekTopic(from int64, count int) ([]*broker.Message, error) {
	t, ok := m.to.(*broker.Topic)
	if !ok {
		return nil, fmt.Errorf("%w: %s", broker.ErrNotReceivable, m.operation)
	}
	return t.PeekScheduled(from, count)
}
