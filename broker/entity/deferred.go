package entity

import (
	"fmt"
	"slices"
)

// ReceiveDeferred receives deferred messages by number, all or none [SB-SEM 2.5].
// If one has expired, nothing is received and Expired is set: Apply takes the
// expired ones away. Received is in the order asked for.
type ReceiveDeferred struct {
	Sub SubQueue
	// Session is that of the messages, which must be held; nil: the entity has none.
	Session         *string
	Mode            ReceiveMode
	SequenceNumbers []int64

	Expired  bool
	Received []*Message
}

func (o *ReceiveDeferred) check(q *Queue, c *checker) error {
	if err := q.CanReceive(o.Sub); err != nil {
		return err
	}
	o.Expired = false
	s := q.subs[o.Sub]
	switch {
	case s.hasSessions() && o.Session == nil:
		return fmt.Errorf("receive by number: %w", ErrSessionRequired)
	case s.hasSessions():
		if _, err := q.HeldSession(*o.Session, c.env.Now); err != nil {
			return err
		}
	}
	for i, seq := range o.SequenceNumbers {
		// What is in memory is not deferred, or it is locked.
		if q.subs[o.Sub].known[seq] != nil || slices.Contains(o.SequenceNumbers[:i], seq) {
			return deferredMissing(seq)
		}
		k := MessageKey{o.Sub, seq}
		m, asked := c.env.Supply.storedMessage(k)
		switch {
		case !asked:
			c.need.Stored = append(c.need.Stored, k)
		case m == nil:
			return fmt.Errorf("message %d: %w", seq, ErrMessageNotFound)
		case m.State != Deferred || m.Owner != NoOwner || s.hasSessions() && m.SessionID != *o.Session:
			return deferredMissing(seq)
		case !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(c.env.Now):
			o.Expired = true
		}
	}
	return nil
}

func deferredMissing(seq int64) error {
	return fmt.Errorf("receive deferred message %d: %w", seq, ErrMessageNotFound)
}

func (o *ReceiveDeferred) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	d.Accessed = true
	for _, seq := range o.SequenceNumbers {
		m, _ := env.Supply.storedMessage(MessageKey{o.Sub, seq})
		it := s.item(m, len(m.Sections))
		switch {
		case it.expiredAt(env.Now):
			s.takeExpired(it, &m.Content, d)
		case o.Expired:
		case o.Mode == ReceiveAndDelete:
			s.remove(it, d)
			o.Received = append(o.Received, it.message(&m.Content))
		case s.hasSessions():
			s.sessions.held[*o.Session].lock(it, env)
			s.q.unlikeStored(s.id, it.seq)
			o.Received = append(o.Received, it.message(&m.Content))
		default:
			s.lock(it, env, d)
			s.q.unlikeStored(s.id, it.seq)
			o.Received = append(o.Received, it.message(&m.Content))
		}
	}
}
