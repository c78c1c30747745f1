package entity

import "time"

// A Copy is a topic's message as one of its subscriptions gets it.
type Copy struct {
	Message *Message
	// Dead is why the copy goes to the dead-letter queue at once: a rule could not
	// be evaluated. Nil: it does not.
	Dead *DeadLetterInfo

	of int // the message's place among those that were sent together
}

// Copies accepts what the rules of a subscription have let pass. It is never
// refused: whether the topic takes a message is decided by [Publish] for all its
// subscriptions, and one that is not received from collects copies too
// [SB-SEM 6]. It numbers the copies, sets their times and clears their status.
type Copies struct {
	Copies []Copy
	// Keep is as in [Send].
	Keep bool
}

func (o Copies) check(q *Queue, c *checker) error { return nil }

func (o Copies) apply(q *Queue, env Env, d *Decision) {
	s, dlq := q.main(), q.main().deadLetters()
	now := env.Now.UTC().Truncate(time.Millisecond)
	for _, c := range o.Copies {
		m := c.Message
		q.number(m)
		d.count[s.id] = true
		m.EnqueuedAt, m.ExpiresAt, m.Status = now, time.Time{}, m.carried()
		if q.config.RequiresSession && !m.HasSession && c.Dead == nil {
			c.Dead = &DeadLetterInfo{Reason: ReasonNoSession, Description: DescriptionNoSession}
		}
		if c.Dead == nil {
			m.ExpiresAt = q.expiry(now, m.TimeToLive)
			s.accept(m, o.Keep, d)
			continue
		}
		m.Properties = merge(m.Properties, merge(c.Dead.Properties, c.Dead.reasons(), true), true)
		d.deadLettered(c.Dead.Reason, m.MessageID)
		dlq.accept(m, len(dlq.consumers) > 0, d)
	}
}
