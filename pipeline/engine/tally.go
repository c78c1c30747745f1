package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"switchyard/commit"
)

// A Tally is how much of a history belongs to the ended runs of a factory.
type Tally struct {
	Factory string // compared ignoring case
	Runs    int64
	Bytes   int64 // the sum of their [RunRecord.Bytes]
	// Reached is the latest time that the engine's retention had come to when the
	// tally was written. It never goes back.
	Reached time.Time
	// Damage says why the rest can't be read; nil: it was read.
	Damage error
}

const (
	// itemOverhead is about what an event or a payload takes beside its bytes: its
	// key, and the frame of its record.
	itemOverhead = 36
	// runOverhead is about what a run takes beside its events, payloads and summary:
	// its record, what leads to it, and the places where it is listed.
	runOverhead = 320
)

// SizeOf is what [RunRecord.Bytes] says of a run with a number of events and payloads
// that have so many bytes together.
func SizeOf(items int, bytes int64, summary []byte) int64 {
	return int64(items)*itemOverhead + bytes + int64(len(summary)) + runOverhead
}

// tallies keeps the tallies of an engine's history up to date in the units that end
// and delete runs, so that no start has to count.
type tallies struct {
	history History
	reached func() time.Time // retention's time
	grown   func(Tally)

	mu        sync.Mutex        // held until the unit that has a change is submitted
	byFactory map[string]*Tally // by name in lower case; guarded by mu
}

// load reads the tallies, and counts anew what can't be read. No run changes meanwhile.
func (t *tallies) load(ctx context.Context, log commit.Log, logger *slog.Logger) error {
	list, err := t.history.Tallies()
	if err != nil {
		return fmt.Errorf("tallies of the history: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byFactory = map[string]*Tally{}
	for _, held := range list {
		if held.Damage != nil {
			if held, err = t.recount(ctx, log, logger, held); err != nil {
				return err
			}
		}
		if held.Runs > 0 || held.Damage != nil {
			t.byFactory[strings.ToLower(held.Factory)] = &held
		}
	}
	return nil
}

// recount counts the ended runs of a factory whose tally can't be read, and writes the
// tally. If not all of them can be read it stays as it is: age still tells which runs
// go, and the size of the factory does not.
func (t *tallies) recount(ctx context.Context, log commit.Log, logger *slog.Logger, held Tally) (Tally, error) {
	sum := Tally{Factory: held.Factory}
	err := t.history.Runs(Listing{Factory: held.Factory}, func(r RunRecord) (bool, error) {
		if r.Active {
			return true, nil
		}
		if r.Damage == nil {
			sum.Factory = r.Factory
		}
		sum.Runs, sum.Bytes = sum.Runs+1, sum.Bytes+r.Bytes
		sum.Reached = latest(latest(sum.Reached, r.Start), r.Updated)
		return true, nil
	})
	if errors.Is(err, commit.ErrDamaged) {
		logger.Error("the runs of a data factory can't be counted; they leave the history by age only",
			"factory", held.Factory, "error", err)
		return held, nil
	}
	if err != nil {
		return held, fmt.Errorf("count the runs of data factory %s: %w", held.Factory, err)
	}
	logger.Warn("the tally of a data factory's runs can't be read; they were counted anew",
		"factory", sum.Factory, "runs", sum.Runs, "bytes", sum.Bytes, "error", held.Damage)
	return sum, commit.Do(ctx, log, commit.Frees, nil, func(u *commit.Unit) { t.history.PutTally(u, sum) })
}

// all returns the tallies as they are now.
func (t *tallies) all() []Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Tally, 0, len(t.byFactory))
	for _, held := range t.byFactory {
		all = append(all, *held)
	}
	return all
}

// of returns the tally of a factory.
func (t *tallies) of(factory string) Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	if held := t.byFactory[strings.ToLower(factory)]; held != nil {
		return *held
	}
	return Tally{Factory: factory}
}

// add counts changes and writes the tallies into u. The caller submits u and then
// calls release.
func (t *tallies) add(u *commit.Unit, changes []Tally) (release func()) {
	t.mu.Lock()
	for _, c := range changes {
		key := strings.ToLower(c.Factory)
		held := t.byFactory[key]
		if held == nil {
			held = &Tally{Factory: c.Factory}
			t.byFactory[key] = held
		}
		held.Runs, held.Bytes = max(0, held.Runs+c.Runs), max(0, held.Bytes+c.Bytes)
		if at := t.reached(); at.After(held.Reached) {
			held.Reached = at
		}
		if held.Damage != nil {
			continue // what is counted here is not all
		}
		t.history.PutTally(u, *held)
		if held.Runs == 0 {
			delete(t.byFactory, key)
		} else if c.Bytes > 0 {
			t.grown(*held)
		}
	}
	return t.mu.Unlock
}
