package brokertest

import (
	"encoding/binary"
	"strings"
	"time"

	"switchyard/broker"
	"switchyard/commit"
)

// sessionKey has the id with its length before it, as a real store does.
func sessionKey(q broker.QueueID, kind byte, id string) []byte {
	return append(binary.BigEndian.AppendUint16(queueKey(q, kind), uint16(len(id))), id...)
}

func sessionEntryKey(q broker.QueueID, id string, seq int64) []byte {
	return binary.BigEndian.AppendUint64(sessionKey(q, 'g', id), uint64(seq))
}

// PutSessionEntry implements [broker.Store].
func (m *Store) PutSessionEntry(u *commit.Unit, q broker.QueueID, session string, seq int64) {
	m.set(u, sessionEntryKey(q, session, seq), session)
}

// DeleteSessionEntry implements [broker.Store].
func (m *Store) DeleteSessionEntry(u *commit.Unit, q broker.QueueID, session string, seq int64) {
	u.Delete(sessionEntryKey(q, session, seq))
}

// PutSessionState implements [broker.Store].
func (m *Store) PutSessionState(u *commit.Unit, q broker.QueueID, session string, s *broker.SessionState) {
	if s == nil {
		u.Delete(sessionKey(q, 't', session))
		return
	}
	m.set(u, sessionKey(q, 't', session), *s)
}

// SessionState implements [broker.Store].
func (m *Store) SessionState(q broker.QueueID, session string) (*broker.SessionState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.keys.get(string(sessionKey(q, 't', session))); ok {
		s := v.(broker.SessionState)
		return &s, nil
	}
	return nil, nil
}

// SessionsWithState implements [broker.Store].
func (m *Store) SessionsWithState(q broker.QueueID, since time.Time, after *string, limit int) (ids []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := string(queueKey(q, 't'))
	from := prefix
	if after != nil {
		from = string(sessionKey(q, 't', *after)) + "\x00"
	}
	for n := m.keys.seek(from); n != nil && len(ids) < limit && strings.HasPrefix(n.key, prefix); n = n.next[0] {
		m.SessionReads.Add(1)
		if since.IsZero() || n.value.(broker.SessionState).Updated.After(since) {
			ids = append(ids, n.key[len(prefix)+2:])
		}
	}
	return ids, nil
}

// ScanSession implements [broker.Store].
func (m *Store) ScanSession(q broker.QueueID, session string, from int64, limit, contents int) (
	[]broker.Scanned, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []broker.Scanned
	prefix := string(sessionKey(q, 'g', session))
	for n := m.keys.seek(string(sessionEntryKey(q, session, max(from, 0)))); n != nil && len(rows) < limit &&
		strings.HasPrefix(n.key, prefix); n = n.next[0] {
		v, _ := m.keys.get(string(queueKey(q, 'm', sequence(n.key))))
		m.Reads.Add(1)
		msg := m.message(q, v.(*broker.Message))
		size := len(msg.Sections)
		if contents <= 0 {
			msg.Sections = nil
		}
		contents -= size
		rows = append(rows, broker.Scanned{Message: msg, Size: size})
	}
	return rows, nil
}

// Sessions implements [broker.Store].
func (m *Store) Sessions(q broker.QueueID, after *string, limit int) (ids []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := string(queueKey(q, 'g'))
	from := prefix
	if after != nil {
		from = string(sessionKey(q, 'g', *after)) + strings.Repeat("\xff", 9)
	}
	for n := m.keys.seek(from); n != nil && len(ids) < limit && strings.HasPrefix(n.key, prefix); {
		m.SessionReads.Add(1)
		id := n.value.(string)
		ids = append(ids, id)
		n = m.keys.seek(string(sessionKey(q, 'g', id)) + strings.Repeat("\xff", 9))
	}
	return ids, nil
}
