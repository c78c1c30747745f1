package entity

import (
	"slices"
	"time"
)

// Publish accepts messages sent to a topic, all or none, and gives each
// subscription its copies. It sets the messages' enqueued time; each
// subscription numbers its copies. What no rule lets pass is accepted and
// dropped [SB-SEM 7], and so is a duplicate, whatever became of the first one
// [SB-SEM 2.7].
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
	_, err := t.config.checkMessages(o.Messages)
	if err == nil {
		err = t.config.checkQuota(t.Bytes() + c.bytes)
	}
	c.bytes += o.FanOut.Bytes
	if err != nil {
		return err
	}
	return t.schedule.history.check(&t.config, o.Messages, c)
}

func (o *Publish) apply(t *Topic, env Env, d *TopicDecision) {
	d.Accessed = true
	now := env.Now.UTC().Truncate(time.Millisecond)
	for _, m := range o.Messages {
		m.EnqueuedAt = now
	}
	var duplicates []int
	if !o.Due {
		duplicates = t.duplicates(o.Messages, env, d)
	}
	for _, c := range o.FanOut.copies {
		if copies := without(c.Copies, duplicates); len(copies) > 0 {
			d.Subscriptions = append(d.Subscriptions, SubscriptionOp{c.Subscription, Copies{copies, o.Keep}})
		}
	}
}

// duplicates returns the places of the messages that are to be dropped, and remembers
// the ids of the others.
func (t *Topic) duplicates(msgs []*Message, env Env, d *TopicDecision) (dropped []int) {
	for i, m := range msgs {
		if !t.schedule.history.accepts(&t.config, m, env, &d.History) {
			dropped = append(dropped, i)
		}
	}
	// As in Queue.accepts; and what no rule lets pass is remembered too.
	d.Durable = d.Durable || len(dropped) > 0 || len(d.History.Remember) > 0
	return dropped
}

// without returns the copies but for those of the dropped messages.
func without(copies []Copy, dropped []int) []Copy {
	if len(dropped) == 0 {
		return copies
	}
	return slices.DeleteFunc(copies, func(c Copy) bool {
		_, found := slices.BinarySearch(dropped, c.of)
		return found
	})
}
