package servicebus

import (
	"switchyard/amqp"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// What is gathered is handed over when it is that much.
const (
	maxGathered      = 64
	maxGatheredBytes = 256 << 10
)

// gathered is messages of one link that have come one behind the other. They are handed to
// the broker together: each alone would be decided, recorded and answered at several times
// the cost. They become durable together, but one that is refused does not keep the
// others out.
type gathered struct {
	from      *sender
	transfers []*amqp.Incoming
	messages  []*broker.Message
	bytes     int
}

// gather adds a message. Whatever else the connection does must be behind it, and so
// hands over first; a flush does too.
func (c *conn) gather(s *sender, d *amqp.Incoming, m *broker.Message) {
	g := &c.gathered
	if g.from != s {
		c.handOver()
		g.from = s
	}
	g.transfers = append(g.transfers, d)
	g.messages = append(g.messages, m)
	if g.bytes += len(d.Payload); g.bytes >= maxGatheredBytes || len(g.messages) >= maxGathered {
		c.handOver()
	}
}

// handOver gives the broker what was gathered.
func (c *conn) handOver() {
	g := c.gathered
	if g.from == nil {
		return
	}
	c.gathered = gathered{}
	err := g.from.send(g.transfers, g.messages)
	switch {
	case err == nil:
	case len(g.transfers) == 1:
		g.from.answer(g.transfers[0], nil, err)
	default:
		for _, d := range g.transfers {
			g.from.alone(d)
		}
	}
}

// alone sends a message of those that were refused together. It is read once more: the
// broker has changed it.
func (s *sender) alone(d *amqp.Incoming) {
	msgs, err := s.messages(d)
	if err == nil {
		err = s.send([]*amqp.Incoming{d}, msgs)
	}
	if err != nil {
		s.answer(d, nil, err)
	}
}

// send hands what transfers hold to the broker, all or none. The client hears "accepted" once
// it is durable. If it fails nothing happened and nobody was answered.
func (s *sender) send(transfers []*amqp.Incoming, msgs []*broker.Message) error {
	unit, err := s.to.Send(msgs, func(err error) {
		s.c.post(func() {
			for _, d := range transfers {
				s.answer(d, frames.Accepted{}, err)
			}
		})
	})
	s.c.submitted(unit)
	return err
}
