package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// DeleteRun implements [engine.History]. It reads the run's record, which says where
// the others are.
func (s *Store) DeleteRun(u *commit.Unit, id string) {
	r, err := s.Run(id)
	switch {
	case err == nil:
		if r.Damage != nil && r.Definition == (engine.Hash{}) {
			r.Definition = s.followed(id)
		}
		u.Delete(listedRunKey(r.Factory, r.Start, id))
		u.Delete(activeRunKey(r.Start, id))
		u.Delete(followerKey(r.Definition, id))
		if (r.Cause != engine.Hash{}) {
			if last, err := s.Attempt(r.Cause); err == nil && last == id {
				u.Delete(attemptKey(r.Cause))
			}
		}
	case !errors.Is(err, engine.ErrNotInHistory):
		s.opts.Logger.Error("run stays in the list", "run", id, "err", err)
	}
	s.deleteAll(u, appendRun([]byte{tableRun}, id))
	s.runDeleted(u, id)
}

// followed finds the definition of a run whose record does not tell it. One that is not
// found stays for good.
func (s *Store) followed(id string) engine.Hash {
	v, err := s.view()
	if err != nil {
		return engine.Hash{}
	}
	defer v.close()
	h, err := v.followed(id)
	s.met(err)
	return h
}

// DropEvents implements [engine.History].
func (s *Store) DropEvents(u *commit.Unit, id string) {
	s.deleteAll(u, runKey(id, runEvent))
	s.deleteAll(u, runKey(id, runPayload))
	s.DeleteSnapshot(u, id)
}

// fewKeys is up to how many keys are deleted one by one. Every read has to look past
// the ranges that were deleted and not compacted yet, and sorts them anew after each
// one that is added: thousands of short ones would slow everything down.
const fewKeys = 256

// deleteAll deletes every committed key with a prefix, and those that are submitted
// if it has to delete the range.
func (s *Store) deleteAll(u *commit.Unit, prefix []byte) {
	var keys [][]byte
	err := s.keys(prefix, func(key, _ []byte) error {
		if len(keys) == fewKeys {
			return errStop
		}
		keys = append(keys, bytes.Clone(key))
		return nil
	})
	if err != nil || len(keys) == fewKeys {
		u.DeleteRange(prefix, end(prefix))
		return
	}
	for _, key := range keys {
		u.Delete(key)
	}
}

// keys calls f for every key with a prefix, with what the database has under it: for a
// large value that is a reference.
func (s *Store) keys(prefix []byte, f func(key, value []byte) error) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer v.close()
	return v.keys(prefix, f)
}

func (v *view) keys(prefix []byte, f func(key, value []byte) error) error {
	return v.keysFrom(prefix, prefix, f)
}

func (v *view) keysFrom(from, prefix []byte, f func(key, value []byte) error) error {
	it, err := v.iterator(from, end(prefix))
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = f(it.Key(), value)
		}
		if err == errStop {
			return nil
		}
		if err != nil {
			return v.s.readErrorAt(it.Key(), err)
		}
	}
	return v.s.readErrorAt(prefix, it.Error())
}

// RunSize implements [engine.History].
func (s *Store) RunSize(id string, event, payload uint64) (items int, size int64, err error) {
	v, err := s.view()
	if err != nil {
		return 0, 0, err
	}
	defer v.close()
	items, size, err = v.runSize(id, event, payload)
	return items, size, s.met(err)
}

func (v *view) runSize(id string, event, payload uint64) (items int, size int64, err error) {
	for _, of := range []struct {
		kind byte
		from uint64
	}{{runEvent, event}, {runPayload, payload}} {
		err := v.keysFrom(runItemKey(id, of.kind, of.from), runKey(id, of.kind), func(key, value []byte) error {
			n, err := valueSize(key, value)
			items, size = items+1, size+n
			return err
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return items, size, nil
}

// valueSize is the length of what was given to be kept under a key.
func valueSize(key, value []byte) (int64, error) {
	n := len(value)
	if isReference(value) {
		ref, err := decodeReference(key, value)
		if err != nil {
			return 0, err
		}
		n = int(ref.length)
	}
	return int64(max(0, n-recordOverhead)), nil
}

// PutAttempt implements [engine.History].
func (s *Store) PutAttempt(u *commit.Unit, cause engine.Hash, run string) {
	key := attemptKey(cause)
	u.Set(key, finish(key, appendBytes(newRecord(len(run)+3), run)))
	s.mended(u, key)
}

// Attempt implements [engine.History].
func (s *Store) Attempt(cause engine.Hash) (run string, err error) {
	key := attemptKey(cause)
	b, err := s.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return "", fmt.Errorf("attempt of %x: %w", cause, engine.ErrNotInHistory)
	}
	if err == nil {
		if run, err = decodeAttempt(b); err != nil {
			err = damaged(key, err)
		}
	}
	return run, s.met(err)
}

func decodeAttempt(b []byte) (run string, err error) {
	d := decoder{b: b}
	run = d.string()
	return run, d.done()
}

// Flags of a tally.
const tallyReached = 1

func appendTally(b []byte, t engine.Tally) []byte {
	b = appendBytes(b, t.Factory)
	b = binary.AppendUvarint(b, uint64(t.Runs))
	b = binary.AppendUvarint(b, uint64(t.Bytes))
	b = binary.AppendUvarint(b, bitIf(!t.Reached.IsZero(), tallyReached))
	if !t.Reached.IsZero() {
		b = appendTime(b, t.Reached)
	}
	return b
}

func decodeTally(b []byte) (t engine.Tally, err error) {
	d := decoder{b: b}
	t.Factory, t.Runs, t.Bytes = d.string(), d.size(), d.size()
	if d.flags(tallyReached) != 0 {
		t.Reached = d.time()
	}
	return t, d.done()
}

// PutTally implements [engine.History].
func (s *Store) PutTally(u *commit.Unit, t engine.Tally) {
	key := tallyKey(t.Factory)
	s.mended(u, key)
	if t.Runs == 0 {
		u.Delete(key)
		return
	}
	u.Overwrite(key, finish(key, appendTally(newRecord(len(t.Factory)+timeSize+4*binary.MaxVarintLen64), t)))
}

// Tallies implements [engine.History].
func (s *Store) Tallies() (all []engine.Tally, err error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	list := []byte{tableTally}
	err = v.each(list, end(list), false, func(key, value []byte, damage error) error {
		t := readTally(key, value, damage)
		s.note(t.Damage)
		all = append(all, t)
		return nil
	})
	if !errors.Is(err, ErrCorrupt) {
		return all, err
	}
	// It is not known which there are.
	damage := s.met(err)
	all = nil
	err = v.factories(func(name string) { all = append(all, engine.Tally{Factory: name, Damage: damage}) })
	return all, s.met(err)
}

// readTally decodes a tally. Of one that can't be read it has the name in the key.
func readTally(key, value []byte, damage error) (t engine.Tally) {
	b := value
	if damage == nil {
		b, damage = payload(key, value)
	}
	if damage == nil {
		var err error
		if t, err = decodeTally(b); err == nil {
			return t
		}
		damage = damaged(key, err)
	}
	return engine.Tally{Factory: string(key[1:]), Damage: damage}
}

// Reclaim implements [engine.History]: it looks for segments of the value log that can
// go. The database compacts on its own.
func (s *Store) Reclaim() { s.log.reclaimSpace() }

// countRuns brings format 4 to 5: it writes the size of every ended run into its
// record, and the sums. The records are committed in parts, and written again by a
// second try.
func countRuns(v *view, b *pebble.Batch) error {
	records := v.s.db.NewBatch()
	defer records.Close()
	sums := map[string]*engine.Tally{}
	err := v.keys([]byte{tableRunList}, func(key, stored []byte) error {
		value, err := v.whole(key, stored)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		r, err := v.runAt(key, value, err)
		if err != nil || r.Active {
			return err
		}
		if r.Damage != nil { // it is counted as everywhere, and left as it is
			v.s.met(r.Damage)
			count(sums, r)
			return nil
		}
		items, size, err := v.runSize(r.ID, 0, 0)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		r.Bytes = engine.SizeOf(items, size, r.Summary)
		count(sums, r)
		if err := records.Set(key, finish(key, appendRunRecord(newRecord(len(value)+8), r)), nil); err != nil {
			return err
		}
		if records.Len() < maxBatch {
			return nil
		}
		err = records.Commit(pebble.NoSync)
		records.Reset()
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range sums {
		key := tallyKey(t.Factory)
		if err := b.Set(key, finish(key, appendTally(newRecord(64), *t)), nil); err != nil {
			return err
		}
	}
	return records.Commit(pebble.NoSync)
}

// count adds an ended run to the tally of its factory.
func count(sums map[string]*engine.Tally, r engine.RunRecord) {
	name := string(tallyKey(r.Factory))
	t := sums[name]
	if t == nil {
		t = &engine.Tally{Factory: r.Factory}
		sums[name] = t
	}
	t.Runs, t.Bytes = t.Runs+1, t.Bytes+r.Bytes
	for _, at := range []time.Time{r.Start, r.Updated} {
		if at.After(t.Reached) {
			t.Reached = at
		}
	}
}
