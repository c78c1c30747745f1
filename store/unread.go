package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/pipeline/engine"
)

// A run whose record, or what leads to it, can't be read is still listed, cancelled and
// deleted: the keys tell its ID, its start, its factory and whether it is active.

// errMissing is what is wrong with a record that another one says is there.
var errMissing = errors.New("record is missing")

// runAt makes a run's record of what the list has under a key.
func (v *view) runAt(key, value []byte, damage error) (engine.RunRecord, error) {
	if damage == nil {
		r, err := readRun(key, value)
		if err == nil {
			return r, nil
		}
		damage = err
	}
	id, ok := listedRun(key)
	if !ok {
		return engine.RunRecord{}, damage
	}
	return v.unread(id, key, damage)
}

// unread makes the record of a run that has no readable one. Listed is its key in the
// list, nil if that is not known.
func (v *view) unread(id string, listed []byte, damage error) (engine.RunRecord, error) {
	r := engine.RunRecord{ID: id, Damage: damage}
	var err error
	if r.Start, r.Active, err = v.activeSince(id); err != nil {
		return r, err
	}
	if listed != nil {
		r.Factory, r.Start = listedUnder(listed)
	}
	if r.Active {
		return r, nil
	}
	items, size, err := v.runSize(id, 0, 0)
	if errors.Is(err, ErrCorrupt) { // it counts as far as it can be read
		err = nil
	}
	r.Bytes = engine.SizeOf(items, size, nil)
	return r, err
}

// activeSince finds a run among the active ones. If those can't be read it may be one.
func (v *view) activeSince(id string) (start time.Time, active bool, err error) {
	err = v.keys([]byte{tableActiveRun}, func(key, _ []byte) error {
		if at, run, ok := activeRun(key); ok && run == id {
			start, active = at, true
			return errStop
		}
		return nil
	})
	if errors.Is(err, ErrCorrupt) {
		return start, true, nil
	}
	return start, active, err
}

// findListed finds the key of a run in the list without knowing its factory and start;
// nil if it is not there. It looks at all keys.
func (v *view) findListed(id string) (found []byte, err error) {
	err = v.keys([]byte{tableRunList}, func(key, _ []byte) error {
		if run, ok := listedRun(key); ok && run == id {
			found = slices.Clone(key)
			return errStop
		}
		return nil
	})
	return found, err
}

// followed finds the definition that a run follows; zero if it follows none. It looks
// at all keys.
func (v *view) followed(id string) (h engine.Hash, err error) {
	err = v.keys([]byte{tableFollower}, func(key, _ []byte) error {
		if len(key) > 1+len(h) {
			if run, _, ok := cutRun(key[1+len(h):]); ok && run == id {
				copy(h[:], key[1:])
				return errStop
			}
		}
		return nil
	})
	return h, err
}

// activeInList finds the active runs when the keys that say which they are can't be
// read: in the list of all.
func (v *view) activeInList() (active []engine.RunRecord, err error) {
	list := []byte{tableRunList}
	err = v.each(list, end(list), false, func(key, value []byte, damage error) error {
		r, err := v.runAt(key, value, damage)
		if err == nil && r.Active {
			r.Summary = slices.Clone(r.Summary)
			active = append(active, r)
		}
		return err
	})
	slices.SortStableFunc(active, func(a, b engine.RunRecord) int { return a.Start.Compare(b.Start) })
	return active, err
}

// factories calls f with the name, in lower case, of each factory that has runs.
func (v *view) factories(f func(name string)) error {
	it, err := v.iterator([]byte{tableRunList}, []byte{tableRunList + 1})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; {
		if _, ok := listedRun(it.Key()); !ok {
			return damaged(it.Key(), errShort)
		}
		name, _ := listedUnder(it.Key())
		f(name)
		ok = it.SeekGE(end(listKey(name)))
	}
	return v.s.readErrorAt([]byte{tableRunList}, it.Error())
}

// activeRun reads the key of an active run.
func activeRun(k []byte) (start time.Time, id string, ok bool) {
	if len(k) < 1+timeLen {
		return start, "", false
	}
	id, rest, ok := cutRun(k[1+timeLen:])
	return keyTime(k[1:]), id, ok && len(rest) == 0
}

// listedUnder reads the factory, in lower case, and the start from a key of the list
// that [listedRun] can read.
func listedUnder(k []byte) (factory string, start time.Time) {
	at := 3 + int(binary.BigEndian.Uint16(k[1:]))
	return string(k[3:at]), keyTime(k[at:])
}

// readListed reads the record of a run from the list.
func (v *view) readListed(id string, key []byte) (r engine.RunRecord, err error) {
	value, closer, err := v.snap.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return v.unread(id, key, damaged(key, errMissing))
	}
	if err != nil {
		err = v.s.readErrorAt(key, err)
	} else {
		defer closer.Close()
		value, err = v.whole(key, value)
	}
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return r, err
	}
	r, err = v.runAt(key, value, err)
	r.Summary = slices.Clone(r.Summary)
	return r, err
}
