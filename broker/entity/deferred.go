package entity

import (
	"fmt"
	"slices"
)

// A DeferredRead is a read of deferred messages that is under way: they are not
// in memory, so what changes in between must be noted.
type DeferredRead struct {
	sub     SubQueue
	seqs    []int64
	changed bool
}

// WatchDeferred begins a read of deferred messages. It fails if one of them is
// known not to be receivable: not deferred, or locked.
func (q *Queue) WatchDeferred(id SubQueue, seqs []int64) (*DeferredRead, error) {
	for i, seq := range seqs {
		if q.subs[id].known[seq] != nil || slices.Contains(seqs[:i], seq) {
			return nil, deferredMissing(seq)
		}
	}
	r := &DeferredRead{sub: id, seqs: seqs}
	q.watches[r] = struct{}{}
	return r, nil
}

func deferredMissing(seq int64) error {
	return fmt.Errorf("receive deferred message %d: %w", seq, ErrMessageNotFound)
}

// Unwatch ends a read. It reports whether what was read is out of date.
func (q *Queue) Unwatch(r *DeferredRead) (changed bool) {
	delete(q.watches, r)
	return r.changed
}

func (q *Queue) deferredChanged(id SubQueue, seq int64) {
	for r := range q.watches {
		if r.sub == id && slices.Contains(r.seqs, seq) {
			r.changed = true
		}
	}
}

// ReceiveDeferred receives deferred messages by number [SB-SEM 2.5]. Messages
// are what the store holds of them, read under a [Queue.WatchDeferred] that saw
// no change. If one has expired, nothing is received and Expired is set: Apply
// takes the expired ones away.
type ReceiveDeferred struct {
	Sub      SubQueue
	Mode     ReceiveMode
	Messages []*Message

	Expired  bool
	Received []*Message
}

func (o *ReceiveDeferred) check(q *Queue, c *checker) error {
	o.Expired = false
	s := q.subs[o.Sub]
	for _, m := range o.Messages {
		if m.State != Deferred || m.Owner != NoOwner || s.known[m.SequenceNumber] != nil {
			return deferredMissing(m.SequenceNumber)
		}
		if !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(c.env.Now) {
			o.Expired = true
		}
	}
	return nil
}

func (o *ReceiveDeferred) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	for _, m := range o.Messages {
		it := &item{sub: s, seq: m.SequenceNumber, size: len(m.Sections), enqueued: m.EnqueuedAt, expires: m.ExpiresAt, status: m.Status, index: -1}
		switch {
		case it.expiredAt(env.Now):
			s.takeExpired(it, &m.Content, d)
		case o.Expired:
		case o.Mode == ReceiveAndDelete:
			s.remove(it, d)
			o.Received = append(o.Received, it.message(&m.Content))
		default:
			s.lock(it, env, d)
			s.q.deferredChanged(s.id, it.seq)
			o.Received = append(o.Received, it.message(&m.Content))
		}
	}
}
