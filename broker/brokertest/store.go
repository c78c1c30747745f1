package brokertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/broker"
	"switchyard/commit"
)

// Store is a [broker.Store] and [commit.Log] in memory, for tests. What was
// submitted and not synced is not visible to reads, as in a real store.
//
// Values are kept as Go values: a unit's value is a handle of one.
type Store struct {
	mu      sync.Mutex
	keys    *skiplist
	values  map[uint64]any // put into a unit, not yet committed
	handle  uint64
	queue   []*commit.Unit // submitted, not yet committed
	next    uint64         // number of the next submitted unit
	done    uint64         // units that are durable
	syncing bool
	last    broker.Catalogue // the greatest numbers only
	changed *sync.Cond

	// Committed, if set, is called with each unit after it is durable, before its
	// callbacks.
	Committed func(u *commit.Unit)
	// Full makes Admit fail, except for what frees space.
	Full error
	// Reads counts the reads of messages and headers, IDReads those of message ids,
	// SessionReads those of sessions that are named.
	Reads, IDReads, SessionReads atomic.Int64
}

// NewStore returns an empty store.
func NewStore() *Store {
	m := &Store{keys: newSkiplist(), values: map[uint64]any{}}
	m.changed = sync.NewCond(&m.mu)
	return m
}

// Admit implements [commit.Log]. It never waits.
func (m *Store) Admit(ctx context.Context, bytes int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if bytes <= commit.Frees {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Full
}

// Submit implements [commit.Log].
func (m *Store) Submit(u *commit.Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u.Ticket() != nil {
		panic("a unit is submitted twice")
	}
	m.next++
	u.SetTicket(m.next)
	m.queue = append(m.queue, u)
}

// Sync implements [commit.Log].
func (m *Store) Sync(u *commit.Unit) {
	ticket, ok := u.Ticket().(uint64)
	if !ok {
		panic("a unit is synced that was not submitted")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.done < ticket {
		if m.syncing {
			m.changed.Wait()
			continue
		}
		batch := m.queue
		m.queue, m.syncing = nil, true
		for _, u := range batch {
			for _, op := range u.Ops() {
				m.apply(op)
			}
		}
		m.mu.Unlock()
		for _, u := range batch {
			if m.Committed != nil {
				m.Committed(u)
			}
			for _, f := range u.Callbacks() {
				f()
			}
		}
		m.mu.Lock()
		m.done += uint64(len(batch))
		m.syncing = false
		m.changed.Broadcast()
	}
}

// Flush commits what was submitted, as a log does that is closed.
func (m *Store) Flush() {
	last := &commit.Unit{}
	m.Submit(last)
	m.Sync(last)
}

func (m *Store) apply(op commit.Op) {
	switch op.Kind {
	case commit.OpSet, commit.OpOverwrite:
		h := binary.BigEndian.Uint64(op.Value)
		m.keys.set(string(op.Key), m.values[h])
		delete(m.values, h)
	case commit.OpDelete:
		m.keys.delete(string(op.Key))
	case commit.OpDeleteRange:
		for n := m.keys.seek(string(op.Key)); n != nil && n.key < string(op.To); n = n.next[0] {
			m.keys.delete(n.key)
		}
	}
}

// Keys returns how many records there are.
func (m *Store) Keys() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys.size
}

func (m *Store) set(u *commit.Unit, key []byte, value any) {
	m.mu.Lock()
	m.handle++
	h := m.handle
	m.values[h] = value
	m.mu.Unlock()
	u.Set(key, binary.BigEndian.AppendUint64(nil, h))
}

// The keys:
//
//	'n' namespace            NamespaceRecord
//	'e' entity               EntityRecord
//	'q' entity sub 'c'       Counters
//	'q' entity sub 'm' seq   Message without status
//	'q' entity sub 's' seq   Status
//	'q' entity sub 'x' time seq   expiry
//	'i' entity time id            time until when the id is remembered
func idKey(kind byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 32), kind), id)
}

func queueKey(q broker.QueueID, kind byte, numbers ...int64) []byte {
	key := append(idKey('q', uint64(q.Entity)), byte(q.Sub), kind)
	for _, n := range numbers {
		key = binary.BigEndian.AppendUint64(key, uint64(n))
	}
	return key
}

func expiryKey(q broker.QueueID, e broker.Expiry) []byte {
	at := int64(0)
	if !e.ExpiresAt.IsZero() {
		at = e.ExpiresAt.UnixMilli()
	}
	return queueKey(q, 'x', at, e.SequenceNumber)
}

// Catalogue implements [broker.Store].
func (m *Store) Catalogue() (broker.Catalogue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.last
	for n := m.keys.seek("e"); n != nil && n.key[0] == 'e'; n = n.next[0] {
		c.Entities = append(c.Entities, n.value.(broker.EntityRecord))
	}
	for n := m.keys.seek("n"); n != nil && n.key[0] == 'n'; n = n.next[0] {
		c.Namespaces = append(c.Namespaces, n.value.(broker.NamespaceRecord))
	}
	return c, nil
}

// PutNamespace implements [broker.Store].
func (m *Store) PutNamespace(u *commit.Unit, r broker.NamespaceRecord) {
	m.set(u, idKey('n', uint64(r.ID)), r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last.LastNamespace = max(m.last.LastNamespace, r.ID)
}

// DeleteNamespace implements [broker.Store].
func (m *Store) DeleteNamespace(u *commit.Unit, id broker.NamespaceID) {
	u.Delete(idKey('n', uint64(id)))
}

// PutEntity implements [broker.Store].
func (m *Store) PutEntity(u *commit.Unit, r broker.EntityRecord) {
	m.set(u, idKey('e', uint64(r.ID)), r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last.LastEntity = max(m.last.LastEntity, r.ID)
}

// DeleteEntity implements [broker.Store].
func (m *Store) DeleteEntity(u *commit.Unit, id broker.EntityID) {
	u.Delete(idKey('e', uint64(id)))
	u.DeleteRange(idKey('q', uint64(id)), idKey('q', uint64(id)+1))
	u.DeleteRange(idKey('i', uint64(id)), idKey('i', uint64(id)+1))
}

// PutMessage implements [broker.Store].
func (m *Store) PutMessage(u *commit.Unit, q broker.QueueID, msg *broker.Message) {
	kept := *msg
	kept.Status = broker.Status{}
	m.set(u, queueKey(q, 'm', msg.SequenceNumber), &kept)
	if !msg.ExpiresAt.IsZero() {
		e := broker.Expiry{SequenceNumber: msg.SequenceNumber, ExpiresAt: msg.ExpiresAt}
		m.set(u, expiryKey(q, e), e)
	}
}

// PutStatus implements [broker.Store].
func (m *Store) PutStatus(u *commit.Unit, q broker.QueueID, seq int64, s *broker.Status) {
	m.set(u, queueKey(q, 's', seq), *s)
}

// DeleteStatus implements [broker.Store].
func (m *Store) DeleteStatus(u *commit.Unit, q broker.QueueID, seq int64) {
	u.Delete(queueKey(q, 's', seq))
}

// DeleteMessage implements [broker.Store]. A real store may leave something behind of a
// message of another size than it is told, or of one with a status that is said to have none,
// so that panics here.
func (m *Store) DeleteMessage(u *commit.Unit, q broker.QueueID, msg *broker.Message, size int, bare bool) {
	m.mu.Lock()
	v, ok := m.keys.get(string(queueKey(q, 'm', msg.SequenceNumber)))
	_, status := m.keys.get(string(queueKey(q, 's', msg.SequenceNumber)))
	m.mu.Unlock()
	if bare && status {
		panic(fmt.Sprintf("message %d has a status and is deleted as one that has none", msg.SequenceNumber))
	}
	if ok && len(v.(*broker.Message).Sections) != size {
		panic(fmt.Sprintf("message %d has %d bytes and is deleted as one of %d",
			msg.SequenceNumber, len(v.(*broker.Message).Sections), size))
	}
	u.Delete(queueKey(q, 'm', msg.SequenceNumber))
	if !bare {
		u.Delete(queueKey(q, 's', msg.SequenceNumber))
	}
	if !msg.ExpiresAt.IsZero() {
		u.Delete(expiryKey(q, broker.Expiry{SequenceNumber: msg.SequenceNumber, ExpiresAt: msg.ExpiresAt}))
	}
}

// PutCounters implements [broker.Store].
func (m *Store) PutCounters(u *commit.Unit, q broker.QueueID, c broker.Counters) {
	m.set(u, queueKey(q, 'c'), c)
}

func bucketKey(id broker.EntityID, bucket time.Time) []byte {
	return binary.BigEndian.AppendUint64(idKey('i', uint64(id)), uint64(bucket.UnixNano()))
}

// PutID implements [broker.Store].
func (m *Store) PutID(u *commit.Unit, id broker.EntityID, r broker.RememberedID) {
	m.set(u, append(bucketKey(id, r.Bucket), r.ID...), r)
}

// ForgetIDs implements [broker.Store].
func (m *Store) ForgetIDs(u *commit.Unit, id broker.EntityID, bucket time.Time) {
	u.DeleteRange(idKey('i', uint64(id)), bucketKey(id, bucket.Add(1)))
}

// IDBuckets implements [broker.Store].
func (m *Store) IDBuckets(id broker.EntityID) (buckets []time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := string(idKey('i', uint64(id)))
	for n := m.keys.seek(prefix); n != nil && strings.HasPrefix(n.key, prefix); n = n.next[0] {
		b := n.value.(broker.RememberedID).Bucket
		if len(buckets) == 0 || !buckets[len(buckets)-1].Equal(b) {
			buckets = append(buckets, b)
		}
	}
	return buckets, nil
}

// RememberedUntil implements [broker.Store].
func (m *Store) RememberedUntil(id broker.EntityID, buckets []time.Time, ids []string) ([]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	until := make([]time.Time, len(ids))
	for i := range ids {
		for _, b := range buckets {
			m.IDReads.Add(1)
			v, ok := m.keys.get(string(append(bucketKey(id, b), ids[i]...)))
			if r, _ := v.(broker.RememberedID); ok && r.Until.After(until[i]) {
				until[i] = r.Until
			}
		}
	}
	return until, nil
}

// Counters implements [broker.Store].
func (m *Store) Counters(q broker.QueueID) (broker.Counters, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _ := m.keys.get(string(queueKey(q, 'c')))
	c, _ := v.(broker.Counters)
	return c, nil
}

// Statuses implements [broker.Store].
func (m *Store) Statuses(q broker.QueueID, f func(seq int64, s *broker.Status) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := string(queueKey(q, 's'))
	for n := m.keys.seek(prefix); n != nil && strings.HasPrefix(n.key, prefix); n = n.next[0] {
		s := n.value.(broker.Status)
		if err := f(sequence(n.key), &s); err != nil {
			return err
		}
	}
	return nil
}

func sequence(key string) int64 { return int64(binary.BigEndian.Uint64([]byte(key[len(key)-8:]))) }

// Message implements [broker.Store].
func (m *Store) Message(q broker.QueueID, seq int64) (*broker.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Reads.Add(1)
	v, ok := m.keys.get(string(queueKey(q, 'm', seq)))
	if !ok {
		return nil, fmt.Errorf("message %d: %w", seq, broker.ErrMessageNotFound)
	}
	return m.message(q, v.(*broker.Message)), nil
}

func (m *Store) message(q broker.QueueID, stored *broker.Message) *broker.Message {
	msg := *stored
	if s, ok := m.keys.get(string(queueKey(q, 's', msg.SequenceNumber))); ok {
		msg.Status = s.(broker.Status)
	}
	return &msg
}

// Scan implements [broker.Store].
func (m *Store) Scan(q broker.QueueID, from int64, limit, contents int) ([]broker.Scanned, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []broker.Scanned
	prefix := string(queueKey(q, 'm'))
	first := string(queueKey(q, 'm', max(from, 0)))
	for n := m.keys.seek(first); n != nil && len(rows) < limit &&
		strings.HasPrefix(n.key, prefix); n = n.next[0] {
		m.Reads.Add(1)
		msg := m.message(q, n.value.(*broker.Message))
		size := len(msg.Sections)
		if contents <= 0 {
			msg.Sections = nil
		}
		contents -= size
		rows = append(rows, broker.Scanned{Message: msg, Size: size})
	}
	return rows, nil
}

// Expired implements [broker.Store].
func (m *Store) Expired(q broker.QueueID, after broker.Expiry, limit int) ([]broker.Expiry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []broker.Expiry
	prefix, first := string(queueKey(q, 'x')), string(expiryKey(q, after))
	for n := m.keys.seek(first); n != nil && len(entries) < limit &&
		strings.HasPrefix(n.key, prefix); n = n.next[0] {
		if n.key != first {
			entries = append(entries, n.value.(broker.Expiry))
		}
	}
	return entries, nil
}

// Wait implements [commit.Log]. There is no disk that is full.
func (m *Store) Wait(u *commit.Unit) error {
	m.Sync(u)
	return nil
}

// Stalled implements [commit.Log].
func (m *Store) Stalled() (<-chan struct{}, error) { return nil, nil }
