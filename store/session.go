package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/broker"
	"switchyard/commit"
)

// sessionKey is the prefix of what belongs to a session. Ids are told apart by their
// length, so that none is the beginning of another.
func sessionKey(q broker.QueueID, kind byte, id string) []byte {
	if len(id) > math.MaxUint16 {
		panic(fmt.Sprintf("store: session id of %d bytes", len(id)))
	}
	b := append(make([]byte, 0, queuePrefixLen+2+len(id)+8), queueKey(q, kind)...)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(id))), id...)
}

func sessionEntryKey(q broker.QueueID, id string, seq int64) []byte {
	return appendI64(sessionKey(q, kindSession, id), seq)
}

// sessionOf reads the id, and what follows it, from a key of the sessions.
func sessionOf(key []byte) (id string, rest []byte, ok bool) {
	if len(key) < queuePrefixLen+2 {
		return "", nil, false
	}
	b := key[queuePrefixLen:]
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return "", nil, false
	}
	return string(b[2:n]), b[n:], true
}

// PutSessionEntry implements [broker.Store].
func (s *Store) PutSessionEntry(u *commit.Unit, q broker.QueueID, session string, seq int64) {
	u.Set(sessionEntryKey(q, session, seq), nil)
}

// DeleteSessionEntry implements [broker.Store].
func (s *Store) DeleteSessionEntry(u *commit.Unit, q broker.QueueID, session string, seq int64) {
	u.Delete(sessionEntryKey(q, session, seq))
}

// PutSessionState implements [broker.Store].
func (s *Store) PutSessionState(u *commit.Unit, q broker.QueueID, session string, st *broker.SessionState) {
	key := sessionKey(q, kindSessionState, session)
	if st == nil {
		u.Delete(key)
		return
	}
	u.Set(key, finish(key, appendSessionState(newRecord(timeSize+binary.MaxVarintLen64+len(st.State)), st)))
}

func appendSessionState(b []byte, st *broker.SessionState) []byte {
	return appendBytes(appendTime(b, st.Updated), st.State)
}

func decodeSessionState(b []byte) (broker.SessionState, error) {
	d := decoder{b: b}
	st := broker.SessionState{Updated: d.time(), State: d.clone()}
	return st, d.done()
}

// SessionState implements [broker.Store].
func (s *Store) SessionState(q broker.QueueID, session string) (*broker.SessionState, error) {
	key := sessionKey(q, kindSessionState, session)
	b, err := s.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := decodeSessionState(b)
	if err != nil {
		return nil, damaged(key, err)
	}
	return &st, nil
}

// ScanSession implements [broker.Store]: it reads the index and, for each entry, the
// message.
func (s *Store) ScanSession(q broker.QueueID, session string, from int64, limit, contents int) (
	[]broker.Scanned, error) {
	if limit <= 0 {
		return nil, nil
	}
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	var out []broker.Scanned
	prefix := sessionKey(q, kindSession, session)
	err = v.scan(appendI64(bytes.Clone(prefix), from), end(prefix), func(key, _ []byte) error {
		row, err := v.scanned(q, i64(key[len(prefix):]), contents > 0)
		if err != nil {
			return err
		}
		contents -= row.Size
		if out = append(out, row); len(out) == limit {
			return errStop
		}
		return nil
	})
	return out, err
}

// scanned reads a message that the index says is there.
func (v *view) scanned(q broker.QueueID, seq int64, content bool) (broker.Scanned, error) {
	var m storedMessage
	key := messageKey(q, kindMessage, seq)
	err := v.read(key, func(key, value []byte) (err error) {
		if m, err = readMessage(key, value); err == nil && content {
			m.Sections, err = v.sections(q, m)
		}
		return err
	})
	if errors.Is(err, pebble.ErrNotFound) {
		err = damaged(key, errors.New("record is missing"))
	}
	if err != nil {
		return broker.Scanned{}, err
	}
	err = v.read(messageKey(q, kindStatus, seq), func(key, value []byte) (err error) {
		_, m.Status, err = readStatus(key, value)
		return err
	})
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return broker.Scanned{}, err
	}
	return broker.Scanned{Message: m.Message, Size: m.size}, nil
}

// Sessions implements [broker.Store]. From session to session it seeks, whatever they
// hold.
func (s *Store) Sessions(q broker.QueueID, after *string, limit int) ([]string, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	prefix := queueKey(q, kindSession)
	from := prefix
	if after != nil {
		from = end(sessionKey(q, kindSession, *after))
	}
	it, err := v.iterator(from, end(prefix))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var ids []string
	for ok := it.First(); ok && len(ids) < limit; {
		id, _, whole := sessionOf(it.Key())
		if !whole {
			return ids, damaged(it.Key(), errShort)
		}
		ids = append(ids, id)
		ok = it.SeekGE(end(sessionKey(q, kindSession, id)))
	}
	return ids, v.s.readErrorAt(prefix, it.Error())
}

// SessionsWithState implements [broker.Store]. Without a time no state is read.
func (s *Store) SessionsWithState(q broker.QueueID, since time.Time, after *string, limit int) ([]string, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	prefix := queueKey(q, kindSessionState)
	from := prefix
	if after != nil {
		from = append(sessionKey(q, kindSessionState, *after), 0)
	}
	it, err := v.iterator(from, end(prefix))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var ids []string
	for ok := it.First(); ok && len(ids) < limit; ok = it.Next() {
		id, _, whole := sessionOf(it.Key())
		if !whole {
			return ids, damaged(it.Key(), errShort)
		}
		if !since.IsZero() {
			updated, err := v.stateTime(it)
			if err != nil {
				return ids, err
			}
			if !updated.After(since) {
				continue
			}
		}
		ids = append(ids, id)
	}
	return ids, s.readErrorAt(prefix, it.Error())
}

// stateTime reads when the state was set on which an iterator stands.
func (v *view) stateTime(it *pebble.Iterator) (time.Time, error) {
	value, err := v.value(it)
	if err != nil {
		return time.Time{}, err
	}
	b, err := payload(it.Key(), value)
	if err != nil {
		return time.Time{}, err
	}
	st, err := decodeSessionState(b)
	if err != nil {
		return time.Time{}, damaged(it.Key(), err)
	}
	return st.Updated, nil
}
