package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/broker"
	"switchyard/commit"
)

// PutMessage implements [broker.Store].
func (s *Store) PutMessage(u *commit.Unit, q broker.QueueID, m *broker.Message) {
	key := messageKey(q, kindMessage, m.SequenceNumber)
	head := appendMessage(newRecord(messageSize(m)), m)
	if len(m.Sections) <= inlineSections {
		u.SetJoined(finishAround(key, head, m.Sections))
	} else {
		u.Set(key, finish(key, head))
		key := messageKey(q, kindSections, m.SequenceNumber)
		u.SetJoined(finishAround(key, newRecord(0), m.Sections))
	}
	if !m.ExpiresAt.IsZero() {
		u.Set(expiryKey(q, m.ExpiresAt, m.SequenceNumber), nil)
	}
}

// PutStatus implements [broker.Store].
func (s *Store) PutStatus(u *commit.Unit, q broker.QueueID, seq int64, st *broker.Status) {
	key := messageKey(q, kindStatus, seq)
	u.Set(key, finish(key, appendStatus(newRecord(64), st)))
}

// DeleteStatus implements [broker.Store].
func (s *Store) DeleteStatus(u *commit.Unit, q broker.QueueID, seq int64) {
	u.Delete(messageKey(q, kindStatus, seq))
}

// DeleteMessage implements [broker.Store].
func (s *Store) DeleteMessage(u *commit.Unit, q broker.QueueID, m *broker.Message, size int, bare bool) {
	u.Delete(messageKey(q, kindMessage, m.SequenceNumber))
	if !bare {
		u.Delete(messageKey(q, kindStatus, m.SequenceNumber))
	}
	if size > inlineSections {
		u.Delete(messageKey(q, kindSections, m.SequenceNumber))
	}
	if !m.ExpiresAt.IsZero() {
		u.Delete(expiryKey(q, m.ExpiresAt, m.SequenceNumber))
	}
}

// PutCounters implements [broker.Store].
func (s *Store) PutCounters(u *commit.Unit, q broker.QueueID, c broker.Counters) {
	key := queueKey(q, kindCounters)
	u.Overwrite(key, finish(key, appendCounters(newRecord(32), c)))
}

// Counters implements [broker.Store].
func (s *Store) Counters(q broker.QueueID) (broker.Counters, error) {
	key := queueKey(q, kindCounters)
	b, err := s.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return broker.Counters{}, nil
	}
	if err != nil {
		return broker.Counters{}, err
	}
	c, err := decodeCounters(b)
	if err != nil {
		return broker.Counters{}, damaged(key, err)
	}
	return c, nil
}

// Statuses implements [broker.Store].
func (s *Store) Statuses(q broker.QueueID, f func(seq int64, st *broker.Status) error) error {
	prefix := queueKey(q, kindStatus)
	return s.scan(prefix, end(prefix), func(key, value []byte) error {
		seq, st, err := readStatus(key, value)
		if err != nil {
			return err
		}
		return f(seq, &st)
	})
}

// readStatus decodes one record of the status table.
func readStatus(key, value []byte) (seq int64, st broker.Status, err error) {
	if len(key) != messageKeyLen {
		return 0, st, damaged(key, errShort)
	}
	b, err := payload(key, value)
	if err != nil {
		return 0, st, err
	}
	if st, err = decodeStatus(b); err != nil {
		return 0, st, damaged(key, err)
	}
	return i64(key[queuePrefixLen:]), st, nil
}

// readMessage decodes one record of the message table; the sections are not
// copied.
func readMessage(key, value []byte) (storedMessage, error) {
	if len(key) != messageKeyLen {
		return storedMessage{}, damaged(key, errShort)
	}
	b, err := payload(key, value)
	if err != nil {
		return storedMessage{}, err
	}
	m, err := decodeMessage(b)
	if err != nil {
		return storedMessage{}, damaged(key, err)
	}
	m.SequenceNumber = i64(key[queuePrefixLen:])
	return m, nil
}

// sections reads a message's sections from where they are.
func (v *view) sections(q broker.QueueID, m storedMessage) ([]byte, error) {
	if !m.apart {
		return bytes.Clone(m.here), nil
	}
	key := messageKey(q, kindSections, m.SequenceNumber)
	b, err := v.get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, damaged(key, errors.New("record is missing"))
	case err != nil:
		return nil, err
	case len(b) != m.size:
		return nil, damaged(key, fmt.Errorf("%d bytes, want %d", len(b), m.size))
	}
	return b, nil
}

// Message implements [broker.Store].
func (s *Store) Message(q broker.QueueID, seq int64) (*broker.Message, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	var m storedMessage
	err = v.read(messageKey(q, kindMessage, seq), func(key, value []byte) error {
		var err error
		if m, err = readMessage(key, value); err != nil {
			return err
		}
		m.Sections, err = v.sections(q, m)
		return err
	})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("message %d: %w", seq, broker.ErrMessageNotFound)
	}
	if err != nil {
		return nil, err
	}
	err = v.read(messageKey(q, kindStatus, seq), func(key, value []byte) error {
		_, st, err := readStatus(key, value)
		m.Status = st
		return err
	})
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return nil, err
	}
	return m.Message, nil
}

// Scan implements [broker.Store]. Messages and statuses are two tables in the
// same order, read side by side.
func (s *Store) Scan(q broker.QueueID, from int64, limit, contents int) ([]broker.Scanned, error) {
	if limit <= 0 {
		return nil, nil
	}
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	statuses, err := v.statuses(q, from)
	if err != nil {
		return nil, err
	}
	defer statuses.close()
	var out []broker.Scanned
	err = v.scan(messageKey(q, kindMessage, from), end(queueKey(q, kindMessage)), func(key, value []byte) error {
		m, err := readMessage(key, value)
		if err != nil {
			return err
		}
		if m.Status, err = statuses.of(m.SequenceNumber); err != nil {
			return err
		}
		if contents > 0 {
			if m.Sections, err = v.sections(q, m); err != nil {
				return err
			}
			contents -= m.size
		}
		out = append(out, broker.Scanned{Message: m.Message, Size: m.size})
		if len(out) == limit {
			return errStop
		}
		return nil
	})
	return out, err
}

// statusReader walks the status table beside the message table.
type statusReader struct {
	v  *view
	it *pebble.Iterator
	ok bool // it stands on a record
}

func (v *view) statuses(q broker.QueueID, from int64) (*statusReader, error) {
	it, err := v.iterator(messageKey(q, kindStatus, from), end(queueKey(q, kindStatus)))
	if err != nil {
		return nil, err
	}
	return &statusReader{v: v, it: it, ok: it.First()}, nil
}

// of returns the status of a message, the zero status if it has none. Calls go
// upwards.
func (r *statusReader) of(want int64) (broker.Status, error) {
	for ; r.ok; r.ok = r.it.Next() {
		value, err := r.v.value(r.it)
		if err != nil {
			return broker.Status{}, err
		}
		seq, st, err := readStatus(r.it.Key(), value)
		if err != nil {
			return broker.Status{}, err
		}
		if seq == want {
			return st, nil
		}
		if seq > want {
			break
		}
	}
	return broker.Status{}, r.v.s.readError(r.it.Error())
}

func (r *statusReader) close() { r.it.Close() }

// Expired implements [broker.Store].
func (s *Store) Expired(q broker.QueueID, after broker.Expiry, limit int) ([]broker.Expiry, error) {
	if limit <= 0 {
		return nil, nil
	}
	var out []broker.Expiry
	from := append(expiryKey(q, after.ExpiresAt, after.SequenceNumber), 0)
	err := s.scan(from, end(queueKey(q, kindExpiry)), func(key, _ []byte) error {
		if len(key) != expiryKeyLen {
			return damaged(key, errShort)
		}
		out = append(out, broker.Expiry{
			SequenceNumber: i64(key[queuePrefixLen+timeLen:]),
			ExpiresAt:      keyTime(key[queuePrefixLen:]),
		})
		if len(out) == limit {
			return errStop
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
