package entity

import "time"

// place says where an item is and so which structures hold it.
type place uint8

const (
	absent   place = iota // not in memory: in the store only, or removed
	ready                 // in the window
	locked                // in tokens and due (link) or in runs
	waiting               // in due until NotBefore
	reserved              // held by a Reservation
	expired               // out of the window, for the sweep to take away
)

// item is what is in memory of one message.
type item struct {
	sub      *sub
	seq      int64
	size     int
	enqueued time.Time
	expires  time.Time
	status   Status
	content  *Content // nil: only in the store
	// token is the lock token of a reserved message: it becomes the run's; or of one that
	// is locked in a session.
	token   LockToken
	session string   // its id, of an entity that requires sessions
	held    *Session // by which it is locked; nil: by none
	owner   *Session // whose owned counts it; nil: of none
	// claimant is the transaction that will settle a locked message; nil: none.
	claimant *Claimant

	place    place
	claimed  uint64 // the number of the last Check that claimed it
	dirty    bool   // in Decision.dirty
	removed  bool   // its DeleteMessage is in the decision
	recorded bool   // the store has a status record of it, or is about to
	fresh    bool   // locked by a link in this decision
	inOut    bool   // in sub.out
	deadline        // of its lock or backoff, in sub.due
}

// item returns an item of a message of the sub-queue that is not in memory, of
// so many bytes.
func (s *sub) item(m *Message, size int) *item {
	it := &item{sub: s, seq: m.SequenceNumber, size: size, enqueued: m.EnqueuedAt, expires: m.ExpiresAt,
		status: m.Status, recorded: !m.Status.IsZero(), deadline: deadline{index: -1}}
	if s.indexed() {
		it.session = m.SessionID
	}
	return it
}

func (it *item) key() MessageKey { return MessageKey{it.sub.id, it.seq} }

func (it *item) expiredAt(now time.Time) bool {
	return !it.expires.IsZero() && !it.expires.After(now)
}

// message returns the message as it is handed out.
func (it *item) message(c *Content) *Message {
	m := &Message{SequenceNumber: it.seq, EnqueuedAt: it.enqueued, ExpiresAt: it.expires, Status: it.status}
	if it.held != nil {
		m.LockToken, m.LockedUntil = it.token, it.held.due
	}
	if c != nil {
		m.Content = *c
	}
	return m
}

// IsZero reports whether s is the status of a message that was sent and never
// touched, which has no status record.
func (s *Status) IsZero() bool {
	return s.State == Active && s.DeliveryCount == 0 && s.Owner == NoOwner && s.NotBefore.IsZero() &&
		len(s.Properties) == 0 && s.DeadLetterSource == ""
}

// carried is what of a status goes from one entity to the next.
func (s *Status) carried() Status {
	return Status{Properties: s.Properties, DeadLetterSource: s.DeadLetterSource}
}

// unlock clears what belongs to a lock.
func (s *Status) unlock() {
	s.Owner, s.LockToken, s.LockedUntil, s.Run = NoOwner, LockToken{}, time.Time{}, ""
}

// merge returns old with the properties of add set. It never changes old, which
// deliveries may share.
func merge(old, add []Property, skipNil bool) []Property {
	if len(add) == 0 {
		return old
	}
	merged := append(make([]Property, 0, len(old)+len(add)), old...)
next:
	for _, p := range add {
		if skipNil && p.Value == nil {
			continue
		}
		for i := range merged {
			if merged[i].Name == p.Name {
				merged[i].Value = p.Value
				continue next
			}
		}
		merged = append(merged, p)
	}
	return merged
}
