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

// Flags of a run record and of a run's start record.
const (
	runHasStart = 1 << iota
	runIsActive
	runFollows   // names a definition
	runUpdated   // of a run record
	runInFactory // of a start record
	runSized     // of a run record
	runCaused    // of a run record
)

func appendRunRecord(b []byte, r engine.RunRecord) []byte {
	flags := bitIf(!r.Start.IsZero(), runHasStart) | bitIf(r.Active, runIsActive) |
		bitIf(r.Definition != engine.Hash{}, runFollows) | bitIf(!r.Updated.IsZero(), runUpdated) |
		bitIf(r.Bytes != 0, runSized) | bitIf(r.Cause != engine.Hash{}, runCaused)
	b = binary.AppendUvarint(b, flags)
	b = appendBytes(b, r.ID)
	b = appendBytes(b, r.Pipeline)
	b = appendBytes(b, r.Factory)
	if flags&runHasStart != 0 {
		b = appendTime(b, r.Start)
	}
	if flags&runFollows != 0 {
		b = append(b, r.Definition[:]...)
	}
	if flags&runUpdated != 0 {
		b = appendTime(b, r.Updated)
	}
	if flags&runSized != 0 {
		b = binary.AppendUvarint(b, uint64(r.Bytes))
	}
	if flags&runCaused != 0 {
		b = append(b, r.Cause[:]...)
	}
	return appendBytes(b, r.Summary)
}

// decodeRunRecord reads a record, whose Summary belongs to the input.
func decodeRunRecord(b []byte) (engine.RunRecord, error) {
	d := decoder{b: b}
	flags := d.flags(runHasStart | runIsActive | runFollows | runUpdated | runSized | runCaused)
	r := engine.RunRecord{ID: d.string(), Pipeline: d.string(), Factory: d.string(),
		Active: flags&runIsActive != 0}
	if flags&runHasStart != 0 {
		r.Start = d.time()
	}
	if flags&runFollows != 0 {
		copy(r.Definition[:], d.take(len(r.Definition)))
	}
	if flags&runUpdated != 0 {
		r.Updated = d.time()
	}
	if flags&runSized != 0 {
		r.Bytes = d.size()
	}
	if flags&runCaused != 0 {
		copy(r.Cause[:], d.take(len(r.Cause)))
	}
	if r.Summary = d.bytes(); len(r.Summary) == 0 {
		r.Summary = nil
	}
	return r, d.done()
}

// A runStarted is what leads from a run's ID to its record.
type runStarted struct {
	Factory string
	At      time.Time
}

func appendRunStart(b []byte, r runStarted) []byte {
	b = binary.AppendUvarint(b, bitIf(!r.At.IsZero(), runHasStart)|bitIf(r.Factory != "", runInFactory))
	if !r.At.IsZero() {
		b = appendTime(b, r.At)
	}
	if r.Factory != "" {
		b = appendBytes(b, r.Factory)
	}
	return b
}

func decodeRunStart(b []byte) (r runStarted, err error) {
	d := decoder{b: b}
	flags := d.flags(runHasStart | runInFactory)
	if flags&runHasStart != 0 {
		r.At = d.time()
	}
	if flags&runInFactory != 0 {
		r.Factory = d.string()
	}
	return r, d.done()
}

// AppendEvents implements [engine.History].
func (s *Store) AppendEvents(u *commit.Unit, run string, from uint64, events [][]byte) {
	for i, e := range events {
		key := runItemKey(run, runEvent, from+uint64(i))
		u.Set(key, record(key, e))
	}
}

// Events implements [engine.History].
func (s *Store) Events(run string, from uint64, f func(n uint64, e []byte) error) error {
	prefix := runKey(run, runEvent)
	first, want := from == 0, from
	return s.met(s.scan(runItemKey(run, runEvent, from), end(prefix), func(key, value []byte) error {
		if len(key) != len(prefix)+8 {
			return damaged(key, errShort)
		}
		n := binary.BigEndian.Uint64(key[len(prefix):])
		if !first && n != want {
			return damaged(key, fmt.Errorf("event %d is missing before it", want))
		}
		first, want = false, n+1
		b, err := payload(key, value)
		if err != nil {
			return err
		}
		return f(n, bytes.Clone(b))
	}))
}

// PutPayload implements [engine.History].
func (s *Store) PutPayload(u *commit.Unit, run string, n uint64, b []byte) {
	key := runItemKey(run, runPayload, n)
	u.Set(key, record(key, b))
}

// Payload implements [engine.History].
func (s *Store) Payload(run string, n uint64) ([]byte, error) {
	b, err := s.get(runItemKey(run, runPayload, n))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("payload %d of run %s: %w", n, run, engine.ErrNotInHistory)
	}
	return b, s.met(err)
}

// PayloadSize implements [engine.History].
func (s *Store) PayloadSize(run string, n uint64) (int64, error) {
	size, err := s.size(runItemKey(run, runPayload, n))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, fmt.Errorf("payload %d of run %s: %w", n, run, engine.ErrNotInHistory)
	}
	return size, err
}

// PutSnapshot implements [engine.History].
func (s *Store) PutSnapshot(u *commit.Unit, run string, b []byte) {
	key := runKey(run, runSnapshot)
	u.Overwrite(key, record(key, b))
	s.mended(u, key)
}

// Snapshot implements [engine.History].
func (s *Store) Snapshot(run string) ([]byte, error) {
	b, err := s.get(runKey(run, runSnapshot))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("snapshot of run %s: %w", run, engine.ErrNotInHistory)
	}
	return b, s.met(err)
}

// DeleteSnapshot implements [engine.History].
func (s *Store) DeleteSnapshot(u *commit.Unit, run string) { u.Delete(runKey(run, runSnapshot)) }

// PutCancelRequest implements [engine.History].
func (s *Store) PutCancelRequest(u *commit.Unit, run string, at time.Time) {
	key := runKey(run, runCancel)
	u.Set(key, finish(key, appendCancelRequest(newRecord(timeSize), at)))
}

func appendCancelRequest(b []byte, at time.Time) []byte { return appendTime(b, at) }

func decodeCancelRequest(b []byte) (time.Time, error) {
	d := decoder{b: b}
	at := d.time()
	return at, d.done()
}

// CancelRequest implements [engine.History].
func (s *Store) CancelRequest(run string) (time.Time, error) {
	key := runKey(run, runCancel)
	b, err := s.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return time.Time{}, fmt.Errorf("request to cancel run %s: %w", run, engine.ErrNotInHistory)
	}
	var at time.Time
	if err == nil {
		if at, err = decodeCancelRequest(b); err != nil {
			err = damaged(key, err)
		}
	}
	return at, s.met(err)
}

// PutRun implements [engine.History].
func (s *Store) PutRun(u *commit.Unit, r engine.RunRecord) {
	start := runKey(r.ID, runStart)
	started := appendRunStart(newRecord(timeSize+8+len(r.Factory)), runStarted{r.Factory, r.Start})
	u.Set(start, finish(start, started))
	if (r.Definition != engine.Hash{}) {
		u.Set(followerKey(r.Definition, r.ID), nil)
	}
	s.mended(u, start)
	s.UpdateRun(u, r)
}

// UpdateRun implements [engine.History].
func (s *Store) UpdateRun(u *commit.Unit, r engine.RunRecord) {
	key := listedRunKey(r.Factory, r.Start, r.ID)
	size := 32 + 2*timeSize + len(r.Definition) + len(r.Cause) + len(r.ID) +
		len(r.Pipeline) + len(r.Factory) + len(r.Summary)
	u.Set(key, finish(key, appendRunRecord(newRecord(size), r)))
	s.mended(u, key)
	if active := activeRunKey(r.Start, r.ID); r.Active {
		u.Set(active, nil)
	} else {
		u.Delete(active)
	}
}

// runStart reads what says where a run's record is.
func (v *view) runStart(id string) (r runStarted, err error) {
	if len(id) > maxRunID {
		return r, fmt.Errorf("run %.40s…: %w", id, engine.ErrNotInHistory)
	}
	key := runKey(id, runStart)
	b, err := v.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return r, fmt.Errorf("run %s: %w", id, engine.ErrNotInHistory)
	}
	if err != nil {
		return r, err
	}
	if r, err = decodeRunStart(b); err != nil {
		return r, damaged(key, err)
	}
	return r, nil
}

// run reads a run's record, or what is known of one that can't be read.
func (v *view) run(id string) (r engine.RunRecord, err error) {
	start, err := v.runStart(id)
	if err == nil {
		return v.readListed(id, listedRunKey(start.Factory, start.At, id))
	}
	if !errors.Is(err, ErrCorrupt) {
		return r, err
	}
	damage := err
	key, err := v.findListed(id)
	if err != nil || key == nil {
		return v.unread(id, nil, damage)
	}
	if r, err = v.readListed(id, key); err == nil && r.Damage == nil {
		r.Damage = damage
	}
	return r, err
}

// readRun decodes a record, whose Summary belongs to the value.
func readRun(key, value []byte) (engine.RunRecord, error) {
	b, err := payload(key, value)
	if err != nil {
		return engine.RunRecord{}, err
	}
	r, err := decodeRunRecord(b)
	if err != nil {
		return engine.RunRecord{}, damaged(key, err)
	}
	return r, nil
}

// Run implements [engine.History].
func (s *Store) Run(id string) (engine.RunRecord, error) {
	v, err := s.view()
	if err != nil {
		return engine.RunRecord{}, err
	}
	defer v.close()
	r, err := v.run(id)
	s.met(r.Damage)
	return r, s.met(err)
}

// ActiveRuns implements [engine.History].
func (s *Store) ActiveRuns() ([]engine.RunRecord, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	active, err := v.activeRuns()
	if errors.Is(err, ErrCorrupt) {
		s.met(err)
		active, err = v.activeInList()
	}
	for _, r := range active {
		s.note(r.Damage)
	}
	if err != nil {
		return nil, s.met(err)
	}
	return active, nil
}

// activeRuns reads the records that the keys of active runs name.
func (v *view) activeRuns() (active []engine.RunRecord, err error) {
	err = v.keys([]byte{tableActiveRun}, func(key, _ []byte) error {
		start, id, ok := activeRun(key)
		if !ok {
			return damaged(key, errShort)
		}
		r, err := v.run(id)
		if errors.Is(err, engine.ErrNotInHistory) {
			r, err = v.unread(id, nil, damaged(runKey(id, runStart), errMissing))
		}
		if r.Damage != nil && err == nil {
			if r.Active = true; r.Start.IsZero() {
				r.Start = start
			}
			if (r.Definition == engine.Hash{}) {
				r.Definition, err = v.followed(id)
			}
		}
		active = append(active, r)
		return err
	})
	return active, err
}

// Runs implements [engine.History].
func (s *Store) Runs(l engine.Listing, f func(engine.RunRecord) (more bool, err error)) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer v.close()
	from, to := listed(l)
	return s.met(v.each(from, to, l.NewestFirst, func(key, value []byte, damage error) error {
		r, err := v.runAt(key, value, damage)
		if err != nil {
			return err
		}
		s.met(r.Damage)
		more, err := f(r)
		if err == nil && !more {
			return errStop
		}
		return err
	}))
}

// listed returns the keys [from, to) of a listing.
func listed(l engine.Listing) (from, to []byte) {
	from = listKey(l.Factory)
	to = end(from)
	if !l.Until.IsZero() {
		to = end(appendKeyTime(listKey(l.Factory), l.Until))
	}
	if l.Behind == nil {
		return from, to
	}
	// No run has a longer ID than that: it comes from outside.
	id := l.Behind.ID[:min(len(l.Behind.ID), maxRunID)]
	behind := listedRunKey(l.Factory, l.Behind.Start, id)
	switch {
	case !l.NewestFirst:
		from = append(behind, 0)
	case bytes.Compare(behind, to) < 0:
		to = behind
	}
	return from, to
}

// PutDefinition implements [engine.History].
func (s *Store) PutDefinition(u *commit.Unit, h engine.Hash, b []byte) {
	key := definitionKey(h)
	u.Set(key, record(key, b))
	s.mended(u, key)
}

// Definition implements [engine.History].
func (s *Store) Definition(h engine.Hash) ([]byte, error) {
	b, err := s.get(definitionKey(h))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("definition %x: %w", h, engine.ErrNotInHistory)
	}
	return b, s.met(err)
}

// UnusedDefinitions implements [engine.History].
func (s *Store) UnusedDefinitions() (unused []engine.Hash, err error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	unused, err = v.unusedDefinitions()
	return unused, s.met(err)
}

func (v *view) unusedDefinitions() (unused []engine.Hash, err error) {
	followers, err := v.iterator([]byte{tableFollower}, []byte{tableFollower + 1})
	if err != nil {
		return nil, err
	}
	defer followers.Close()
	definitions, err := v.iterator([]byte{tableDefinition}, []byte{tableDefinition + 1})
	if err != nil {
		return nil, err
	}
	defer definitions.Close()
	for ok := definitions.First(); ok; ok = definitions.Next() { // what they are is not read
		key := definitions.Key()
		if len(key) != 1+len(engine.Hash{}) {
			return nil, damaged(key, errShort)
		}
		h := engine.Hash(key[1:])
		first := followerKey(h, "")[:len(key)]
		if !followers.SeekGE(first) || !bytes.HasPrefix(followers.Key(), first) {
			unused = append(unused, h)
		}
		if err := followers.Error(); err != nil {
			return nil, v.s.readErrorAt(first[:1], err)
		}
	}
	return unused, v.s.readErrorAt([]byte{tableDefinition}, definitions.Error())
}

// DeleteDefinition implements [engine.History].
func (s *Store) DeleteDefinition(u *commit.Unit, h engine.Hash) {
	key := definitionKey(h)
	u.Delete(key)
	s.mended(u, key)
}
