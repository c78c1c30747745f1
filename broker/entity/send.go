package entity

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// maxIDLength bounds message, session and partition ids [SB-SEM 1.5].
const maxIDLength = 128

// Send accepts messages into the main queue, or into the schedule those that are not
// due yet, all or none. It numbers them, sets their times and clears their status but for
// what a forwarded message carries along: properties and the source of a dead letter. A
// duplicate is accepted and dropped [SB-SEM 2.7]; one that is scheduled gets a number,
// which belongs to no message.
type Send struct {
	Messages []*Message
	// Keep lets the queue keep the content in memory until it is delivered.
	Keep bool
	// Numbered says that the messages have numbers from [Number] already: they go into the
	// schedule under these, also those that are due by now.
	Numbered bool
}

func (o Send) check(q *Queue, c *checker) error {
	bytes, err := q.config.checkMessages(o.Messages)
	if err == nil {
		err = q.config.checkQuota(q.used() + c.bytes)
	}
	if err != nil {
		return err
	}
	c.bytes += bytes
	return q.history.check(&q.config, o.Messages, c)
}

// Admits reports whether the queue would take messages now, beside so many bytes of
// others that it does not hold yet. A [Send] is checked again when it is applied.
func (q *Queue) Admits(msgs []*Message, others int64) error {
	return q.config.admits(msgs, q.used()+others)
}

// Admits is [Queue.Admits]; what the topic's rules make of the messages is not counted.
func (t *Topic) Admits(msgs []*Message, others int64) error {
	return t.config.admits(msgs, t.Bytes()+others)
}

func (c *Config) admits(msgs []*Message, used int64) error {
	if _, err := c.checkMessages(msgs); err != nil {
		return err
	}
	return c.checkQuota(used)
}

// checkMessages reports whether an entity of that configuration accepts such
// messages, and how many bytes they have. Topics and queues have the same rules.
func (c *Config) checkMessages(msgs []*Message) (bytes int64, err error) {
	if !c.Status.CanSend() {
		return 0, fmt.Errorf("send: %w", &DisabledError{c.Status, true})
	}
	if len(msgs) == 0 {
		return 0, fmt.Errorf("send: %w: no message", ErrInvalidArgument)
	}
	for _, m := range msgs {
		if size := int64(len(m.Sections)); size > c.MaxMessageBytes {
			return 0, fmt.Errorf("send: %w: %d bytes, the limit is %d", ErrMessageTooLarge, size, c.MaxMessageBytes)
		}
		if err := m.checkIDs(); err != nil {
			return 0, fmt.Errorf("send: %w", err)
		}
		if c.RequiresSession && !m.HasSession {
			return 0, fmt.Errorf("send: %w", ErrNoSessionID)
		}
		if m.TimeToLive < 0 {
			return 0, fmt.Errorf("send: %w: negative time to live", ErrInvalidArgument)
		}
		bytes += int64(len(m.Sections))
	}
	return bytes, nil
}

// checkQuota reports whether an entity of that configuration that holds so many bytes takes
// more. The last that it takes may exceed the limit [SB-SEM 11].
func (c *Config) checkQuota(used int64) error {
	if err := c.full(used); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (c *Config) full(used int64) error {
	if used < c.MaxBytes {
		return nil
	}
	return &FullError{used, c.MaxBytes}
}

// checkIDs reports whether a message may have its ids [SB-SEM 1.5, 2.8].
func (c *Content) checkIDs() error {
	for _, id := range [...]struct{ name, value string }{
		{"message", c.MessageID}, {"session", c.SessionID}, {"partition", c.PartitionKey},
	} {
		if len(id.value) > maxIDLength && utf8.RuneCountInString(id.value) > maxIDLength {
			return fmt.Errorf("%w: %s id is longer than %d characters", ErrInvalidArgument, id.name, maxIDLength)
		}
	}
	if c.SessionID != "" && c.PartitionKey != "" && c.SessionID != c.PartitionKey {
		return fmt.Errorf("%w: partition key and session id must be equal", ErrNotAllowed)
	}
	return nil
}

func (o Send) apply(q *Queue, env Env, d *Decision) {
	s := q.main()
	now := env.Now.UTC().Truncate(time.Millisecond)
	d.Accessed = true
	for _, m := range o.Messages {
		later := q.topic != nil || o.Numbered || m.ScheduledFor.After(env.Now)
		accepted := q.accepts(m, env, d)
		if later && !o.Numbered {
			q.number(m)
			d.count[MainQueue] = true
		}
		if !accepted {
			continue
		}
		if later {
			q.scheduled(m, now, d)
			continue
		}
		q.number(m)
		m.EnqueuedAt = now
		m.ExpiresAt = q.expiry(now, m.TimeToLive)
		m.Status = m.carried()
		s.accept(m, o.Keep, d)
	}
}

// accepts reports whether a message is none of the duplicates that are dropped.
func (q *Queue) accepts(m *Message, env Env, d *Decision) bool {
	ok := q.history.accepts(&q.config, m, env, &d.History)
	// The sender may hear of a duplicate no sooner than of the message that it repeats.
	d.Durable = d.Durable || !ok
	return ok
}

// expiry returns when a message accepted now ends: its own time to live, but
// not longer than the entity's [SB-SEM 2.3].
func (q *Queue) expiry(now time.Time, ttl time.Duration) time.Time {
	if ttl == 0 || ttl > q.config.DefaultTimeToLive {
		ttl = q.config.DefaultTimeToLive
	}
	if ttl == Forever {
		return time.Time{}
	}
	return now.Add(ttl)
}

// accept puts a new message into the sub-queue.
func (s *sub) accept(m *Message, keep bool, d *Decision) {
	s.counters.Messages++
	s.counters.Bytes += int64(len(m.Sections))
	d.count[s.id] = true
	d.Put = true
	r := Record{Kind: PutMessage, Sub: s.id, SequenceNumber: m.SequenceNumber, Message: m}
	d.Records = append(d.Records, r)
	s.sessionEntry(PutSessionEntry, m.SessionID, m.SequenceNumber, d)
	if !m.ExpiresAt.IsZero() {
		s.expiresBy(m.ExpiresAt)
	}
	it := s.item(m, len(m.Sections))
	if !it.status.IsZero() {
		d.touch(it)
	}
	if l := s.lineOf(it); it.seq >= l.cursor {
		s.q.unlikeStored(s.id, it.seq)
		d.moved[s.id] = true
		if s.id == MainQueue {
			s.noteSent(it)
		} else {
			s.note(it)
		}
		s.sessions.touch(l.session)
		return
	}
	if keep {
		s.setContent(it, &m.Content)
	}
	s.makeReady(it, d)
}
