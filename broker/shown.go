package broker

import (
	"time"

	"switchyard/clock"
)

// ShownTime returns what the wall clock shows at a time of the broker's clock, which is
// what messages have.
func (b *Broker) ShownTime(t time.Time) time.Time { return clock.Shown(b.clock, t) }

// Shown returns a message with times of the wall clock, for who reads it. What is not
// over yet ends as far from now as it does by the broker's clock; a time to live stays
// as long as it was given.
func (b *Broker) Shown(m *Message) *Message {
	enqueued, until := b.ShownTime(m.EnqueuedAt), b.ShownTime(m.LockedUntil)
	if enqueued.Equal(m.EnqueuedAt) && until.Equal(m.LockedUntil) {
		return m
	}
	s := *m
	s.EnqueuedAt, s.LockedUntil = enqueued, until
	if !m.ExpiresAt.IsZero() {
		s.ExpiresAt = enqueued.Add(m.ExpiresAt.Sub(m.EnqueuedAt))
	}
	return &s
}
