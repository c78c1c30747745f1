package entity

import "time"

// Messages that are sent to another entity by way of this one [SB-AMQP 11] wait in its
// transfer queue until they go on. They have numbers of the entity and nobody receives
// them. What the other one does not take is in the dead letters of the transfer queue.

// Transfer accepts messages into the transfer queue, all or none; each names its
// Destination. It numbers them and sets their times. What only the destination can say,
// whether it takes the message and whether it has it already, is found out when they go
// on.
type Transfer struct {
	Messages []*Message
	// Keep is as in [Send].
	Keep bool
}

func (o Transfer) check(q *Queue, c *checker) error {
	bytes, err := q.config.transfers().checkMessages(o.Messages)
	if err == nil {
		err = q.config.checkQuota(q.used() + c.bytes)
	}
	c.bytes += bytes
	return err
}

// transfers returns the configuration as it holds for what goes on to another entity,
// which alone knows whether it has sessions.
func (c *Config) transfers() *Config {
	own := *c
	own.RequiresSession = false
	return &own
}

// AdmitsTransfer is [Queue.Admits] for a [Transfer].
func (q *Queue) AdmitsTransfer(msgs []*Message, others int64) error {
	return q.config.transfers().admits(msgs, q.used()+others)
}

func (o Transfer) apply(q *Queue, env Env, d *Decision) {
	d.Accessed = true
	for _, m := range o.Messages {
		q.transfer(m, o.Keep, env, d)
	}
}

// transfer puts a message into the transfer queue.
func (q *Queue) transfer(m *Message, keep bool, env Env, d *Decision) {
	q.number(m)
	d.count[MainQueue] = true
	m.EnqueuedAt = env.Now.UTC().Truncate(time.Millisecond)
	m.Status = m.carried()
	m.ExpiresAt = time.Time{}
	if m.TimeToLive > 0 && m.TimeToLive != Forever { // that of the entity is for its own messages
		m.ExpiresAt = m.EnqueuedAt.Add(m.TimeToLive)
	}
	q.subs[TransferQueue].accept(m, keep, d)
}
