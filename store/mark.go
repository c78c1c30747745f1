package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/clock"
)

const (
	// markName is the meta record of the latest time that this directory has seen.
	markName = "clock/mark"
	// setFar is by how much the wall clock must have been set to be worth a line in the
	// log.
	setFar = time.Minute
)

// A mark keeps the time of the process durable, so that it does not go back over a
// restart, whatever the wall clock does: the log adds it to what it commits. It
// belongs to the log's leader.
type mark struct {
	clock *clock.Process // nil: no mark is kept
	last  clock.Mark     // as it is on disk
}

// loadMark lets the clock go on from the mark.
func (s *Store) loadMark() error {
	if s.opts.Clock == nil || s.opts.InMemory {
		return nil
	}
	m := &s.log.mark
	m.clock = s.opts.Clock
	b, err := s.Meta(markName)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.last, err = decodeMark(b); err != nil {
		return damaged(metaKey(markName), err)
	}
	if stopped := m.clock.Resume(m.last); stopped > 0 {
		s.opts.Logger.Warn("the wall clock is years after this data directory was last used; that time does not count: "+
			"what waits goes on waiting", "last used", m.last.Wall.Format(time.RFC3339), "days", int(stopped.Hours()/24))
	}
	return nil
}

// tellSet logs that the wall clock was set since the last mark.
func (m *mark) tellSet(s *Store, next clock.Mark) {
	if by := next.Ahead() - m.last.Ahead(); by.Abs() >= setFar {
		s.opts.Logger.Warn("the wall clock was set; times that are shown follow it, and what waits goes on waiting",
			"by", by.Round(time.Second))
	}
}

// stamp adds a new mark to a batch if the last one is at least that old, or the wall clock
// was set: with what is written from then on goes how it is shown.
func (m *mark) stamp(s *Store, b *pebble.Batch, age time.Duration) error {
	if m.clock == nil {
		return nil
	}
	now := m.clock.Now() // sees whether it was set
	if now.Sub(m.last.Time) < age && slices.Equal(m.clock.Sets(), m.last.Sets) {
		return nil
	}
	next := m.clock.Mark()
	m.tellSet(s, next)
	m.last = next
	key := metaKey(markName)
	return b.Set(key, record(key, encodeMark(m.last)), nil)
}

// A mark on disk is
//
//	02 time:i64 wall:i64 count:uvarint (from:i64 ahead:i64)*     (little-endian)
//
// all in Unix nanoseconds or nanoseconds. Before, it was the time as [time.Time] writes it,
// which begins with 01, and the wall clock showed it or less.
const markVersion = 2

func encodeMark(m clock.Mark) []byte {
	b := []byte{markVersion}
	b = appendNano(appendNano(b, m.Time.UnixNano()), m.Wall.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(m.Sets)))
	for _, x := range m.Sets {
		b = appendNano(appendNano(b, x.From.UnixNano()), int64(x.Ahead))
	}
	return b
}

func appendNano(b []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(n)) }

func decodeMark(b []byte) (m clock.Mark, err error) {
	if len(b) == 0 || b[0] != markVersion {
		err = m.Time.UnmarshalBinary(b)
		m.Wall = m.Time
		return m, err
	}
	const fixed = 1 + 8 + 8
	if len(b) <= fixed {
		return m, errShort
	}
	count, n := binary.Uvarint(b[fixed:])
	rest := b[fixed+max(n, 0):]
	if n <= 0 || count > uint64(len(rest)) || uint64(len(rest)) != count*16 {
		return m, errShort
	}
	m.Time, m.Wall = nanoTime(b[1:]), nanoTime(b[9:])
	for ; len(rest) > 0; rest = rest[16:] {
		m.Sets = append(m.Sets, clock.Set{From: nanoTime(rest), Ahead: time.Duration(binary.LittleEndian.Uint64(rest[8:]))})
	}
	return m, nil
}

func nanoTime(b []byte) time.Time { return time.Unix(0, int64(binary.LittleEndian.Uint64(b))).UTC() }

// commitMark makes the time of a clean stop durable.
func (l *log) commitMark() error {
	b := l.s.db.NewBatch()
	if err := l.mark.stamp(l.s, b, 1); err != nil || b.Empty() {
		return errors.Join(err, b.Close())
	}
	err := errors.Join(l.batches.end(b), closeBatch(b, b.Commit(pebble.Sync)))
	if err == nil {
		l.batches.wasSynced(l.batches.last)
	}
	return err
}
