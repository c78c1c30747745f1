// Package armtest holds what tests of the control plane share: a store in memory
// ([Store]), a clock and randomness that repeat, and an interpreter of files of
// requests with their expected answers ([Golden]).
package armtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"switchyard/arm"
	"switchyard/commit"
)

// Store is an [arm.Store] in memory. Its records ride on any [commit.Log] as
// callbacks, so a unit may also hold those of another store.
type Store struct {
	mu      sync.Mutex
	values  map[string][]byte
	damaged map[string]error
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{values: map[string][]byte{}, damaged: map[string]error{}} }

// Damage makes the value of a key unreadable until it is put again or deleted.
func (s *Store) Damage(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged[key] = fmt.Errorf("record %q: %w", key, commit.ErrDamaged)
}

// Get implements [arm.Store].
func (s *Store) Get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.damaged[key]; err != nil {
		return nil, err
	}
	v, ok := s.values[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, arm.ErrNotFound)
	}
	return bytes.Clone(v), nil
}

// List implements [arm.Store].
func (s *Store) List(prefix string, f func(key string, value []byte, damage error) error) error {
	s.mu.Lock()
	var keys []string
	for k := range s.values {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	values, damages := make([][]byte, len(keys)), make([]error, len(keys))
	for i, k := range keys {
		if damages[i] = s.damaged[k]; damages[i] == nil {
			values[i] = bytes.Clone(s.values[k])
		}
	}
	s.mu.Unlock()
	for i, k := range keys {
		if err := f(k, values[i], damages[i]); err != nil {
			return err
		}
	}
	return nil
}

// Put implements [arm.Store].
func (s *Store) Put(u *commit.Unit, key string, value []byte) {
	u.Then(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.values[key] = bytes.Clone(value)
		delete(s.damaged, key)
	})
}

// Delete implements [arm.Store].
func (s *Store) Delete(u *commit.Unit, key string) {
	u.Then(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.values, key)
		delete(s.damaged, key)
	})
}

// Clone returns a copy: what another process would find after a crash now.
func (s *Store) Clone() *Store {
	c := NewStore()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.values {
		c.values[k] = bytes.Clone(v)
	}
	maps.Copy(c.damaged, s.damaged)
	return c
}

// Keys returns the keys that begin with prefix, sorted.
func (s *Store) Keys(prefix string) []string {
	keys := []string{}
	// f does not fail
	_ = s.List(prefix, func(key string, _ []byte, _ error) error { keys = append(keys, key); return nil })
	return keys
}

// Log is a [commit.Log] that runs callbacks in the order of submission and keeps
// nothing.
type Log struct {
	mu    sync.Mutex
	queue []*commit.Unit // guarded by mu; submitted and not synced
	sync  sync.Mutex     // held while callbacks run
	// Units counts what was submitted; guarded by mu.
	units int
	// Full makes Admit fail.
	Full error
}

// Admit implements [commit.Log].
func (l *Log) Admit(ctx context.Context, _ int) error {
	if l.Full != nil {
		return l.Full
	}
	return ctx.Err()
}

// Submit implements [commit.Log].
func (l *Log) Submit(u *commit.Unit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.units++
	l.queue = append(l.queue, u)
}

// Sync implements [commit.Log].
func (l *Log) Sync(*commit.Unit) {
	l.sync.Lock()
	defer l.sync.Unlock()
	l.mu.Lock()
	batch := l.queue
	l.queue = nil
	l.mu.Unlock()
	for _, u := range batch {
		for _, f := range u.Callbacks() {
			f()
		}
	}
}

// Units returns how many units were submitted.
func (l *Log) Units() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.units
}

// Clock stands still unless it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at the start of 2026, with a fraction that
// shows seven digits.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 678_901_200, time.UTC)}
}

// Now implements [arm.Clock].
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Rand is a reader of bytes that are the same in every test.
type Rand struct {
	mu  sync.Mutex
	src *rand.ChaCha8
}

// NewRand returns one of the sequences.
func NewRand(seed byte) *Rand { return &Rand{src: rand.NewChaCha8([32]byte{seed})} }

// Read implements [io.Reader].
func (r *Rand) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.src.Read(p)
}

// Wait implements [commit.Log]. There is no disk that is full.
func (l *Log) Wait(u *commit.Unit) error {
	l.Sync(u)
	return nil
}

// Stalled implements [commit.Log].
func (l *Log) Stalled() (<-chan struct{}, error) { return nil, nil }
