package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"switchyard/commit"
)

// A damageMet is what readers have met that can't be read in the catalogue, in the
// history of runs and in what PutMeta keeps, by what it belongs to. Of messages the
// broker tells, which knows the names of their queues.
type damageMet struct {
	mu    sync.Mutex
	found map[string]*CorruptError // what was met first; guarded by mu
	some  atomic.Bool              // there may be some
}

// Damage says in a sentence what can't be read of each run, and of every other record
// that a read has met since Open. It is for the health of the process. What is deleted
// or written anew is not told any more.
func (s *Store) Damage() []string {
	d := &s.damages
	d.mu.Lock()
	defer d.mu.Unlock()
	var sentences []string
	for _, c := range d.found {
		sentences = append(sentences, c.Error())
	}
	slices.Sort(sentences)
	return sentences
}

// met notes damage among the errors of a read, logs what was not known, and returns err.
func (s *Store) met(err error) error {
	if c, owner := s.note(err); c != nil {
		s.opts.Logger.Error("a record can't be read", "of", owner, "err", c)
	}
	return err
}

// note is met for what is handed to who logs what follows from it. It returns what was
// not known before.
func (s *Store) note(err error) (c *CorruptError, owner string) {
	if !errors.As(err, &c) {
		return nil, ""
	}
	if owner = ownerOf(c.key); owner == "" {
		return nil, ""
	}
	d := &s.damages
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found[owner] != nil {
		return nil, ""
	}
	if d.found == nil {
		d.found = map[string]*CorruptError{}
	}
	d.found[owner] = c
	d.some.Store(true)
	return c, owner
}

// mended forgets what was wrong with the record under a key once u, which replaces or
// deletes it, is durable.
func (s *Store) mended(u *commit.Unit, key []byte) {
	if s.damages.some.Load() {
		u.Then(func() { s.damages.forget(ownerOf(key), key) })
	}
}

// runDeleted forgets what was wrong with a run once u, which deletes it, is durable.
func (s *Store) runDeleted(u *commit.Unit, id string) {
	if s.damages.some.Load() {
		u.Then(func() { s.damages.forget(ownerOf(runKey(id, runStart)), nil) })
	}
}

// forget forgets what is known of an owner if it is about a key, or, if that is nil, all.
func (d *damageMet) forget(owner string, key []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.found[owner]; c != nil && (key == nil || bytes.Equal(c.key, key)) {
		delete(d.found, owner)
	}
	d.some.Store(len(d.found) > 0)
}

// ownerOf says for people what the record under a key belongs to, "" if the damage of
// that is told elsewhere.
func ownerOf(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	switch key[0] {
	case tableRun:
		if id, _, ok := cutRun(key[1:]); ok {
			return "run " + id
		}
		return describe(key)
	case tableEntity:
		if len(key) == 10 && key[9] == entityRecord {
			return describe(key)
		}
	case tableMeta, tableNamespace, tableActiveRun, tableDefinition, tableFollower, tableRunList, tableTally,
		tableAttempt:
		return describe(key)
	}
	return ""
}

// describeRange names what keys begin with for people.
func describeRange(k []byte) string {
	if len(k) == 0 {
		return ""
	}
	if len(k) > 3 && k[0] == tableRunList {
		return fmt.Sprintf("list of the runs of factory %q", k[3:])
	}
	return map[byte]string{tableEntity: "list of queues and topics", tableRunList: "list of runs",
		tableActiveRun: "list of active runs", tableFollower: "list of runs by definition",
		tableDefinition: "definitions of runs"}[k[0]]
}
