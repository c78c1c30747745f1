package entity

import "time"

// Publish accepts messages sent to a topic, all or none, and gives each
// subscription its copies. It sets the messages' enqueued time; each
// subscription numbers its copies. What no rule lets pass is accepted and
// dropped [SB-SEM 7].
type Publish struct {
	Messages []*Message
	// FanOut is what the messages become by the topic's rules; the zero value: not
	// known yet.
	FanOut FanOut
	// Keep is as in [Send].
	Keep bool
	// Due are messages of the topic's schedule: they were accepted when they came, and
	// Messages are set by the [Sweep] that takes them out of it.
	Due bool
}

func (o *Publish) check(t *Topic, c *checker) error {
	if o.FanOut.rules != t.rules {
		c.need.FanOuts = append(c.need.FanOuts, o)
		return nil
	}
	if o.Due {
		return nil
	}
	used := t.Bytes() + c.bytes
	bytes, err := t.config.checkMessages(o.Messages)
	if err == nil {
		err = t.config.checkQuota(used + max(bytes, o.FanOut.Bytes))
	}
	c.bytes += o.FanOut.Bytes
	return err
}

func (o *Publish) apply(t *Topic, env Env, d *TopicDecision) {
	d.Accessed = true
	now := env.Now.UTC().Truncate(time.Millisecond)
	for _, m := range o.Messages {
		m.EnqueuedAt = now
	}
	for _, c := range o.FanOut.copies {
		d.Subscriptions = append(d.Subscriptions, SubscriptionOp{c.Subscription, Copies{c.Copies, o.Keep}})
	}
}
