package entity

import (
	"fmt"
	"slices"
	"time"
)

// Take takes messages that nobody holds out of a sub-queue, by number: for good, or
// back to where they were dead-lettered, the main queue or the transfer queue. Those that are locked, reserved, deferred or gone are
// passed over, and so are those without a session that can't go back to an entity that
// requires sessions. Moved back, a message is a new one: it gets a number at the end, times
// of its own and a delivery count of 0, and does not say any more why it was
// dead-lettered.
type Take struct {
	Sub     SubQueue
	Numbers []int64
	Back    bool // from a dead-letter queue

	Taken int // set by Check
	items []*item
}

func (o *Take) check(q *Queue, c *checker) error {
	if err := q.CanBrowse(o.Sub); err != nil {
		return err
	}
	if o.Back && !q.config.Status.CanSend() {
		return fmt.Errorf("resubmit: %w", &DisabledError{q.config.Status, true})
	}
	s := q.subs[o.Sub]
	o.items = o.items[:0]
	for _, seq := range o.Numbers {
		it, err := s.free(c, seq)
		if err != nil {
			return err
		}
		if it == nil || !c.claim(it) {
			continue
		}
		if o.Back && it.place == ready {
			if err := c.content(it); err != nil {
				return err
			}
		}
		if o.Back && o.Sub == DeadLetterQueue && !q.config.mayHave(c.env.content(it)) {
			continue
		}
		o.items = append(o.items, it)
	}
	o.Taken = len(o.items)
	return nil
}

// mayHave reports whether messages of the content may be in the main queue; nil: it has
// yet to be read.
func (c *Config) mayHave(m *Content) bool { return m == nil || m.HasSession || !c.RequiresSession }

// free returns a message that nobody holds, nil if there is none of the number or it
// has yet to be read.
func (s *sub) free(c *checker, seq int64) (*item, error) {
	if it := s.known[seq]; it != nil {
		if it.place != ready {
			return nil, nil
		}
		return it, nil
	}
	k := MessageKey{s.id, seq}
	m, asked := c.env.Supply.storedMessage(k)
	switch {
	case !asked:
		c.need.Stored = append(c.need.Stored, k)
		return nil, nil
	case m == nil || m.State != Active || m.Owner != NoOwner:
		return nil, nil
	}
	it := s.item(m, len(m.Sections))
	it.content = &m.Content // not counted as kept: the item is not in memory
	return it, nil
}

func (o *Take) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	now := env.Now.UTC().Truncate(time.Millisecond)
	d.Accessed = d.Accessed || len(o.items) > 0
	for _, it := range o.items {
		content := env.content(it)
		if it.place == absent {
			it.content = nil // see free
		}
		if !o.Back {
			s.remove(it, d)
			continue
		}
		m := &Message{Content: *content, EnqueuedAt: now}
		m.EnqueueSequence, m.Hops = 0, 0
		m.Properties = withoutReasons(it.status.Properties)
		m.DeadLetterSource = it.status.DeadLetterSource
		s.remove(it, d)
		q.takeBack(s, m, env, d)
	}
	o.items = nil
}

// takeBack puts a message that a dead-letter queue had where it came from.
func (q *Queue) takeBack(from *sub, m *Message, env Env, d *Decision) {
	if from.id == TransferDeadLetterQueue {
		q.transfer(m, false, env, d)
		return
	}
	main := q.main()
	q.number(m)
	m.ExpiresAt = q.expiry(m.EnqueuedAt, m.TimeToLive)
	main.accept(m, len(main.consumers) > 0, d)
}

// withoutReasons returns properties without those that tell why a message was
// dead-lettered. It does not change the list.
func withoutReasons(list []Property) []Property {
	return slices.DeleteFunc(slices.Clone(list), func(p Property) bool {
		return p.Name == PropertyDeadLetterReason || p.Name == PropertyDeadLetterDescription
	})
}
