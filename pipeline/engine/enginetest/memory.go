package enginetest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// Memory is a [commit.Log] and an [engine.History] that live as long as the
// process. It applies any unit, so other packages' records may share it, but only
// what the history knows is read.
type Memory struct {
	mu      sync.Mutex
	pending []*commit.Unit // submitted, not committed; guarded by mu

	// committing is held while units are applied and their callbacks run, so
	// that callbacks run one after the other and in order.
	committing sync.Mutex
	committed  func(u *commit.Unit) // set before use

	data sync.RWMutex
	m    map[string][]byte // guarded by data
	runs map[string][]byte // JSON of the records in m by run; guarded by data
	// bounds holds the numbers of a run's first and last event; guarded by data.
	bounds map[string]eventBounds
}

type eventBounds struct{ first, last uint64 }

// NewMemory returns an empty history. Committed, if not nil, is called with
// every unit after it is applied and before its callbacks run.
func NewMemory(committed func(u *commit.Unit)) *Memory {
	return &Memory{m: map[string][]byte{}, runs: map[string][]byte{}, bounds: map[string]eventBounds{},
		committed: committed}
}

// memoryTicket tells Sync that a unit is committed.
type memoryTicket struct{ done bool } // guarded by Memory.committing

// Admit never waits.
func (m *Memory) Admit(ctx context.Context, _ int) error { return ctx.Err() }

// Submit puts the unit at the end of the order.
func (m *Memory) Submit(u *commit.Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u.SetTicket(&memoryTicket{})
	m.pending = append(m.pending, u)
}

// Sync applies everything that has been submitted.
func (m *Memory) Sync(u *commit.Unit) {
	m.committing.Lock()
	defer m.committing.Unlock()
	if t, ok := u.Ticket().(*memoryTicket); ok && t.done {
		return
	}
	m.mu.Lock()
	units := m.pending
	m.pending = nil
	m.mu.Unlock()
	for _, u := range units {
		m.Apply(u)
		if m.committed != nil {
			m.committed(u)
		}
		for _, f := range u.Callbacks() {
			f()
		}
		u.Ticket().(*memoryTicket).done = true
	}
}

// Apply makes the unit's changes without its callbacks. It is for tests that
// make a history out of recorded units.
func (m *Memory) Apply(u *commit.Unit) {
	m.data.Lock()
	defer m.data.Unlock()
	for _, op := range u.Ops() {
		switch op.Kind {
		case commit.OpSet, commit.OpOverwrite:
			m.m[string(op.Key)] = op.Value
			m.index(op.Key, op.Value)
		case commit.OpDelete:
			delete(m.m, string(op.Key))
			m.index(op.Key, nil)
		case commit.OpDeleteRange:
			for k := range m.m {
				if k >= string(op.Key) && k < string(op.To) {
					delete(m.m, k)
					m.index([]byte(k), nil)
				}
			}
		}
	}
}

// Keys of a history in memory. A run's id never contains a zero byte.
//
//	r <run>                 its record
//	e <run> 00 <8 bytes>    an event
//	p <run> 00 <8 bytes>    a payload
//	q <run> 00 <8 bytes>    a request to cancel it
//	s <run> 00 <8 bytes>    its snapshot
//	d <hash>                a definition
//	t <factory>             its tally
//	c <hash>                the run of a cause that failed last
func memoryKey(kind byte, run string, n uint64) []byte {
	b := append([]byte{kind}, run...)
	if kind != 'r' {
		b = binary.BigEndian.AppendUint64(append(b, 0), n)
	}
	return b
}

// index keeps runs and bounds in step with a change of m. A value of nil is a
// removal.
func (m *Memory) index(key, value []byte) {
	if len(key) == 0 {
		return
	}
	switch id := string(key[1:]); key[0] {
	case 'r':
		m.runs[id] = value
		if value == nil {
			delete(m.runs, id)
		}
	case 'e':
		id, n, ok := strings.Cut(id, "\x00")
		if !ok || len(n) != 8 {
			return
		}
		if value == nil {
			delete(m.bounds, id) // events are only removed all at once
			return
		}
		at, ok := m.bounds[id]
		k := binary.BigEndian.Uint64([]byte(n))
		if !ok {
			at = eventBounds{k, k}
		}
		m.bounds[id] = eventBounds{min(at.first, k), max(at.last, k)}
	}
}

// AppendEvents implements [engine.History].
func (m *Memory) AppendEvents(u *commit.Unit, run string, from uint64, events [][]byte) {
	for i, e := range events {
		u.Set(memoryKey('e', run, from+uint64(i)), slices.Clone(e))
	}
}

// Events implements [engine.History].
func (m *Memory) Events(run string, from uint64, f func(n uint64, e []byte) error) error {
	m.data.RLock()
	at, ok := m.bounds[run]
	m.data.RUnlock()
	if !ok {
		return nil
	}
	for n := max(from, at.first); n <= at.last; n++ {
		m.data.RLock()
		e, ok := m.m[string(memoryKey('e', run, n))]
		m.data.RUnlock()
		if !ok {
			return fmt.Errorf("run %s: event %d is missing", run, n)
		}
		if err := f(n, slices.Clone(e)); err != nil {
			return err
		}
	}
	return nil
}

// PutPayload implements [engine.History].
func (m *Memory) PutPayload(u *commit.Unit, run string, n uint64, b []byte) {
	u.Set(memoryKey('p', run, n), slices.Clone(b))
}

// Payload implements [engine.History].
func (m *Memory) Payload(run string, n uint64) ([]byte, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	b, ok := m.m[string(memoryKey('p', run, n))]
	if !ok {
		return nil, fmt.Errorf("run %s: payload %d: %w", run, n, engine.ErrNotInHistory)
	}
	return slices.Clone(b), nil
}

// PayloadSize implements [engine.History].
func (m *Memory) PayloadSize(run string, n uint64) (int64, error) {
	b, err := m.Payload(run, n)
	return int64(len(b)), err
}

// PutCancelRequest implements [engine.History].
func (m *Memory) PutCancelRequest(u *commit.Unit, run string, at time.Time) {
	u.Set(memoryKey('q', run, 0), at.AppendFormat(nil, time.RFC3339Nano))
}

// CancelRequest implements [engine.History].
func (m *Memory) CancelRequest(run string) (time.Time, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	b, ok := m.m[string(memoryKey('q', run, 0))]
	if !ok {
		return time.Time{}, fmt.Errorf("run %s: request to cancel it: %w", run, engine.ErrNotInHistory)
	}
	return time.Parse(time.RFC3339Nano, string(b))
}

// PutRun implements [engine.History].
func (m *Memory) PutRun(u *commit.Unit, r engine.RunRecord) {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of texts, a time and bytes
	}
	u.Set(memoryKey('r', r.ID, 0), b)
}

// PutDefinition implements [engine.History].
func (m *Memory) PutDefinition(u *commit.Unit, h engine.Hash, b []byte) {
	u.Set(append([]byte{'d'}, h[:]...), slices.Clone(b))
}

// Definition implements [engine.History].
func (m *Memory) Definition(h engine.Hash) ([]byte, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	b, ok := m.m["d"+string(h[:])]
	if !ok {
		return nil, fmt.Errorf("definition %x: %w", h, engine.ErrNotInHistory)
	}
	return slices.Clone(b), nil
}

// UnusedDefinitions implements [engine.History].
func (m *Memory) UnusedDefinitions() ([]engine.Hash, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	used := map[engine.Hash]bool{}
	for _, b := range m.runs {
		used[decodeRun(b).Definition] = true
	}
	var unused []engine.Hash
	for k := range m.m {
		if h, ok := strings.CutPrefix(k,
			"d"); ok && len(h) == len(engine.Hash{}) && !used[engine.Hash([]byte(h))] {
			unused = append(unused, engine.Hash([]byte(h)))
		}
	}
	return unused, nil
}

// DeleteDefinition implements [engine.History].
func (m *Memory) DeleteDefinition(u *commit.Unit, h engine.Hash) {
	u.Delete(append([]byte{'d'}, h[:]...))
}

// UpdateRun implements [engine.History].
func (m *Memory) UpdateRun(u *commit.Unit, r engine.RunRecord) { m.PutRun(u, r) }

// Run implements [engine.History].
func (m *Memory) Run(id string) (engine.RunRecord, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	b, ok := m.runs[id]
	if !ok {
		return engine.RunRecord{}, fmt.Errorf("run %s: %w", id, engine.ErrNotInHistory)
	}
	return decodeRun(b), nil
}

func decodeRun(b []byte) engine.RunRecord {
	var r engine.RunRecord
	if err := json.Unmarshal(b, &r); err != nil {
		panic(fmt.Sprintf("engine: %v", err)) // PutRun wrote it
	}
	return r
}

// sorted returns the records oldest first.
func (m *Memory) sorted(keep func(engine.RunRecord) bool) []engine.RunRecord {
	m.data.RLock()
	defer m.data.RUnlock()
	var rs []engine.RunRecord
	for _, b := range m.runs {
		if r := decodeRun(b); keep(r) {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b engine.RunRecord) int { return comparePlaces(place(a), place(b)) })
	return rs
}

// ActiveRuns implements [engine.History].
func (m *Memory) ActiveRuns() ([]engine.RunRecord, error) {
	return m.sorted(func(r engine.RunRecord) bool { return r.Active }), nil
}

// Runs implements [engine.History].
func (m *Memory) Runs(l engine.Listing, f func(engine.RunRecord) (bool, error)) error {
	order := comparePlaces
	if l.NewestFirst {
		order = func(a, b engine.Place) int { return comparePlaces(b, a) }
	}
	rs := m.sorted(func(r engine.RunRecord) bool {
		return strings.EqualFold(r.Factory, l.Factory) && (l.Until.IsZero() || !r.Start.After(l.Until)) &&
			(l.Behind == nil || order(place(r), *l.Behind) > 0)
	})
	slices.SortFunc(rs, func(a, b engine.RunRecord) int { return order(place(a), place(b)) })
	for _, r := range rs {
		if more, err := f(r); err != nil || !more {
			return err
		}
	}
	return nil
}

func place(r engine.RunRecord) engine.Place { return engine.Place{Start: r.Start, ID: r.ID} }

func comparePlaces(a, b engine.Place) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// RunSize implements [engine.History].
func (m *Memory) RunSize(id string, event, payload uint64) (items int, bytes int64, err error) {
	m.data.RLock()
	defer m.data.RUnlock()
	for _, of := range []struct {
		kind byte
		from uint64
	}{{'e', event}, {'p', payload}} {
		from, to := string(memoryKey(of.kind, id, of.from)), string(memoryKey(of.kind, id, math.MaxUint64))
		for k, v := range m.m {
			if k >= from && k <= to {
				items++
				bytes += int64(len(v))
			}
		}
	}
	return items, bytes, nil
}

// PutSnapshot implements [engine.History].
func (m *Memory) PutSnapshot(u *commit.Unit, run string, b []byte) {
	u.Set(memoryKey('s', run, 0), slices.Clone(b))
}

// Snapshot implements [engine.History].
func (m *Memory) Snapshot(run string) ([]byte, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	b, ok := m.m[string(memoryKey('s', run, 0))]
	if !ok {
		return nil, fmt.Errorf("run %s: snapshot: %w", run, engine.ErrNotInHistory)
	}
	return slices.Clone(b), nil
}

// DeleteSnapshot implements [engine.History].
func (m *Memory) DeleteSnapshot(u *commit.Unit, run string) { u.Delete(memoryKey('s', run, 0)) }

// DropEvents implements [engine.History].
func (m *Memory) DropEvents(u *commit.Unit, id string) {
	m.DeleteSnapshot(u, id)
	for _, kind := range []byte{'e', 'p'} {
		from := append([]byte{kind}, id...)
		u.DeleteRange(append(slices.Clone(from), 0), append(slices.Clone(from), 1))
	}
}

// PutAttempt implements [engine.History].
func (m *Memory) PutAttempt(u *commit.Unit, cause engine.Hash, run string) {
	u.Set(append([]byte{'c'}, cause[:]...), []byte(run))
}

// Attempt implements [engine.History].
func (m *Memory) Attempt(cause engine.Hash) (string, error) {
	m.data.RLock()
	defer m.data.RUnlock()
	run, ok := m.m["c"+string(cause[:])]
	if !ok {
		return "", fmt.Errorf("attempt of %x: %w", cause, engine.ErrNotInHistory)
	}
	return string(run), nil
}

// PutTally implements [engine.History].
func (m *Memory) PutTally(u *commit.Unit, t engine.Tally) {
	key := []byte("t" + strings.ToLower(t.Factory))
	if t.Runs == 0 {
		u.Delete(key)
		return
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // a struct of a text, numbers and a time
	}
	u.Set(key, b)
}

// Tallies implements [engine.History].
func (m *Memory) Tallies() (all []engine.Tally, err error) {
	m.data.RLock()
	defer m.data.RUnlock()
	for k, v := range m.m {
		if k[0] == 't' {
			all = append(all, engine.Tally{})
			if err := json.Unmarshal(v, &all[len(all)-1]); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// Reclaim implements [engine.History]: there is nothing to give back.
func (m *Memory) Reclaim() {}

// DeleteRun implements [engine.History].
func (m *Memory) DeleteRun(u *commit.Unit, id string) {
	if r, err := m.Run(id); err == nil {
		if last, err := m.Attempt(r.Cause); err == nil && last == id {
			u.Delete(append([]byte{'c'}, r.Cause[:]...))
		}
	}
	u.Delete(memoryKey('r', id, 0))
	u.Delete(memoryKey('q', id, 0))
	m.DropEvents(u, id)
}

var (
	_ commit.Log     = (*Memory)(nil)
	_ engine.History = (*Memory)(nil)
)

// Wait implements [commit.Log]. There is no disk that is full.
func (m *Memory) Wait(u *commit.Unit) error {
	m.Sync(u)
	return nil
}

// Stalled implements [commit.Log].
func (m *Memory) Stalled() (<-chan struct{}, error) { return nil, nil }
