package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// errStop ends a scan early without an error.
var errStop = errors.New("stop")

// A view reads the database as it was at one moment. Several reads that must
// agree with each other share one.
type view struct {
	s          *Store
	snap       *pebble.Snapshot
	generation int
}

// view fails with [ErrClosed] once the store is closing. Close waits for it.
func (s *Store) view() (*view, error) {
	generation, err := s.enter()
	if err != nil {
		return nil, err
	}
	return &view{s: s, snap: s.db.NewSnapshot(), generation: generation}, nil
}

func (v *view) close() {
	v.snap.Close()
	v.s.leave(v.generation)
}

// read calls f with a key's value, which is valid until f returns. The error is
// [pebble.ErrNotFound] if the key is absent.
func (v *view) read(key []byte, f func(key, value []byte) error) error {
	value, closer, err := v.snap.Get(key)
	if err != nil {
		return v.s.readErrorAt(key, err)
	}
	defer closer.Close()
	if value, err = v.whole(key, value); err != nil {
		return err
	}
	return f(key, value)
}

// value returns the value at an iterator's place, which is valid until it moves.
func (v *view) value(it *pebble.Iterator) ([]byte, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, v.s.readErrorAt(it.Key(), err)
	}
	return v.whole(it.Key(), value)
}

// whole returns the value itself, which may be in the value log.
func (v *view) whole(key, value []byte) ([]byte, error) {
	if !isReference(value) {
		return value, nil
	}
	ref, err := decodeReference(key, value)
	if err != nil {
		return nil, err
	}
	if v.s.values == nil {
		return nil, damaged(key, errors.New("there is no value log"))
	}
	b, err := v.s.values.read(key, ref)
	return b, v.s.readErrorAt(key, err)
}

// get returns a copy of a key's payload.
func (v *view) get(key []byte) ([]byte, error) {
	value, closer, err := v.snap.Get(key)
	if err != nil {
		return nil, v.s.readErrorAt(key, err)
	}
	defer closer.Close()
	whole, err := v.whole(key, value)
	if err != nil {
		return nil, err
	}
	p, err := payload(key, whole)
	if isReference(value) {
		return p, err // what was read from the value log is a copy already
	}
	return bytes.Clone(p), err
}

// size is the length of what get returns.
func (v *view) size(key []byte) (int64, error) {
	value, closer, err := v.snap.Get(key)
	if err != nil {
		return 0, v.s.readError(err)
	}
	defer closer.Close()
	return valueSize(key, value)
}

func (v *view) iterator(from, to []byte) (*pebble.Iterator, error) {
	it, err := v.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, v.s.readError(err)
	}
	return it, nil
}

// scan calls f for every key in [from, to) in order. Key and value are valid
// until f returns. An error of f ends the scan; errStop is none.
func (v *view) scan(from, to []byte, f func(key, value []byte) error) error {
	return v.walk(from, to, false, f)
}

// walk is scan, forwards or backwards.
func (v *view) walk(from, to []byte, backwards bool, f func(key, value []byte) error) error {
	return v.each(from, to, backwards, func(key, value []byte, damage error) error {
		if damage != nil {
			return damage
		}
		return f(key, value)
	})
}

// each is walk past values that can't be read: in place of such a one f gets its
// damage. What keeps the keys from being read ends it.
func (v *view) each(from, to []byte, backwards bool, f func(key, value []byte, damage error) error) error {
	it, err := v.iterator(from, to)
	if err != nil {
		return err
	}
	defer it.Close()
	first, next := it.First, it.Next
	if backwards {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		value, err := v.value(it)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		if err := f(it.Key(), value, err); err == errStop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return v.s.readErrorAt(from, it.Error())
}

func (s *Store) get(key []byte) ([]byte, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.get(key)
}

func (s *Store) size(key []byte) (int64, error) {
	v, err := s.view()
	if err != nil {
		return 0, err
	}
	defer v.close()
	return v.size(key)
}

func (s *Store) scan(from, to []byte, f func(key, value []byte) error) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer v.close()
	return v.scan(from, to, f)
}

// readError tells damage from other failures of the database.
func (s *Store) readError(err error) error { return s.readErrorAt(nil, err) }

// readErrorAt is readError of who has read a record, or those whose keys start so.
func (s *Store) readErrorAt(key []byte, err error) error {
	switch {
	case err == nil, errors.Is(err, pebble.ErrNotFound), errors.Is(err, ErrCorrupt):
		return err
	case pebble.IsCorruptionError(err) && key != nil:
		return damaged(key, err)
	case pebble.IsCorruptionError(err):
		return &CorruptError{Where: s.dir, Err: err}
	}
	return fmt.Errorf("read %s: %w", s.dir, err)
}
