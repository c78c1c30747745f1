package engine

import (
	"context"
	"errors"
	"fmt"

	"switchyard/commit"
)

// deleteBatch is how many runs are forgotten in one unit.
const deleteBatch = 64

// DeleteRunsOf forgets all runs of a factory, which have ended, in units that do not
// grow with their number. If it fails half-way, the next call goes on.
func (e *Engine) DeleteRunsOf(ctx context.Context, factory string) error {
	l := Listing{Factory: factory}
	for {
		runs, err := e.oldest(l)
		if err != nil {
			return fmt.Errorf("delete runs of factory %s: %w", factory, err)
		}
		if len(runs) == 0 {
			break
		}
		ids := make([]string, len(runs))
		for i, r := range runs {
			ids[i] = r.ID
		}
		if _, err := e.erase(ctx, ids); err != nil {
			return err
		}
		// What was deleted takes time to look past.
		last := runs[len(runs)-1]
		l.Behind = &Place{last.Start, last.ID}
	}
	return e.revisions.deleteUnused(ctx, e.o.Log)
}

// oldest returns as many records of a listing as are forgotten in one unit, without
// their summaries.
func (e *Engine) oldest(l Listing) (runs []RunRecord, err error) {
	err = e.o.History.Runs(l, func(r RunRecord) (bool, error) {
		r.Summary = nil
		runs = append(runs, r)
		return len(runs) < deleteBatch, nil
	})
	return runs, err
}

// erase deletes runs that have ended in one unit and returns how many bytes they
// had. The unit passes also when the disk is nearly full.
func (e *Engine) erase(ctx context.Context, ids []string) (bytes int64, err error) {
	e.deleting.Lock()
	defer e.deleting.Unlock()
	f := &erasure{e: e}
	for _, id := range ids {
		r, err := e.o.History.Run(id)
		if errors.Is(err, ErrNotInHistory) {
			continue
		}
		if err == nil && r.Active {
			err = errors.New("it has not ended")
		}
		if err != nil {
			return 0, fmt.Errorf("delete run %s: %w", id, err)
		}
		f.runs = append(f.runs, r.ID)
		f.changes = append(f.changes, Tally{Factory: r.Factory, Runs: -1, Bytes: -r.Bytes})
		bytes += r.Bytes
	}
	if len(f.runs) == 0 {
		return 0, nil
	}
	if err := commit.Do(ctx, e.o.Log, commit.Frees, f); err != nil {
		return 0, fmt.Errorf("delete runs: %w", err)
	}
	return bytes, nil
}

// A erasure is the effect of deleting runs, all of which are there.
type erasure struct {
	e       *Engine
	runs    []string
	changes []Tally
}

// Stage implements [commit.Effect].
func (f *erasure) Stage(u *commit.Unit) (release func(), err error) {
	for _, id := range f.runs {
		f.e.o.History.DeleteRun(u, id)
	}
	return f.e.tallies.add(u, f.changes), nil
}
