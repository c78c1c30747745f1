package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/clock"
)

const (
	// markName is the meta record of the latest time that this directory has seen.
	markName = "clock/mark"
	// markEvery is how much later the time must be for a new mark. After a crash
	// the time may go back by that much.
	markEvery = time.Second
	// farBehind is how far the wall clock is behind when it is worth a line in the
	// log.
	farBehind = time.Minute
)

// A mark keeps the time of the process durable, so that it does not go back over a
// restart, whatever the wall clock does: the log adds it to what it commits. It
// belongs to the log's leader.
type mark struct {
	clock  *clock.Process // nil: no mark is kept
	last   time.Time      // as it is on disk
	behind bool           // the wall clock is far behind, and that was logged
}

// loadMark lets the clock begin at the mark.
func (s *Store) loadMark() error {
	if s.opts.Clock == nil || s.opts.InMemory {
		return nil
	}
	m := &s.log.mark
	m.clock = s.opts.Clock
	b, err := s.Meta(markName)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err == nil {
		if m.last, err = decodeMark(b); err != nil {
			return damaged(metaKey(markName), err)
		}
	}
	m.look(s, m.clock.NotBefore(m.last))
	return nil
}

// look logs when the wall clock has come to be far behind.
func (m *mark) look(s *Store, behind time.Duration) {
	far := behind > farBehind
	if far && !m.behind {
		s.opts.Logger.Warn("the wall clock is behind the time that this data directory has seen; "+
			"time goes on from there", "behind", behind.Round(time.Second))
	}
	m.behind = far
}

// stamp adds a new mark to a batch if the last one is at least that old.
func (m *mark) stamp(s *Store, b *pebble.Batch, age time.Duration) error {
	if m.clock == nil {
		return nil
	}
	now := m.clock.Now()
	if now.Sub(m.last) < age {
		return nil
	}
	m.look(s, m.clock.Behind())
	m.last = now
	key := metaKey(markName)
	return b.Set(key, record(key, encodeMark(now)), nil)
}

// encodeMark writes a time in UTC, which always has this form.
func encodeMark(at time.Time) []byte {
	b, err := at.MarshalBinary()
	if err != nil {
		panic(fmt.Sprintf("store: mark of the clock: %v", err))
	}
	return b
}

func decodeMark(b []byte) (at time.Time, err error) {
	err = at.UnmarshalBinary(b)
	return at, err
}

// commitMark makes the time of a clean stop durable.
func (l *log) commitMark() error {
	b := l.s.db.NewBatch()
	if err := l.mark.stamp(l.s, b, 1); err != nil || b.Empty() {
		return errors.Join(err, b.Close())
	}
	err := errors.Join(l.batches.end(b), closeBatch(b, b.Commit(pebble.Sync)))
	if err == nil {
		l.batches.wasSynced()
	}
	return err
}
