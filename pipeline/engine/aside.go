package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/run"
)

// An aside is a run that is active in the history and can't go on: its history is
// damaged or of a newer version, or this program panics when it decides. It has no
// owner and holds no slot of its pipeline. The locks on its messages stay. It can be
// cancelled, and then deleted; the next start tries it again.
type aside struct {
	rec RunRecord
	err error
}

// setAside takes a run from its owner.
func (e *Engine) setAside(r *runner) {
	a := &aside{r.runRecord(r.view.Load()), r.broken}
	e.mu.Lock()
	e.aside[r.id] = a
	e.mu.Unlock()
	e.leave(r)
	if r.cancelRequested() {
		if err := e.end(a); err != nil {
			e.o.Logger.Error("a run can't be cancelled; the next start does it", "run", r.id, "error", err)
		}
	}
}

// endRequested ends those of the runs that can't be folded whose cancellation was asked
// for before the process started.
func (e *Engine) endRequested(asides []*aside) {
	defer e.wg.Done()
	for _, a := range asides {
		_, requested, err := e.cancelRequest(a.rec.ID)
		if requested {
			err = e.end(a)
		}
		if err != nil {
			e.o.Logger.Error("a run can't be cancelled; the next start does it", "run", a.rec.ID, "error", err)
		}
	}
}

// panicked logs a panic about a run and returns it as an error.
func panicked(log *slog.Logger, id string, p any) error {
	log.Error("a pipeline run is set aside after an internal error", "run", id, "panic", fmt.Sprint(p),
		"stack", string(debug.Stack()))
	return fmt.Errorf("internal error: %v", p)
}

// Aside says in a sentence for each run that can't go on why it can't.
func (e *Engine) Aside() (sentences []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, a := range e.aside {
		name := "run " + id
		if a.rec.Pipeline != "" {
			name += " of pipeline " + a.rec.Pipeline
		}
		if a.rec.Factory != "" {
			name += " in data factory " + a.rec.Factory
		}
		sentences = append(sentences, fmt.Sprintf("%s can't be resumed: %v", name, a.err))
	}
	slices.Sort(sentences)
	return sentences
}

// completed is the record of a run of which not all can be read with what the run's
// first event tells.
func (e *Engine) completed(rec RunRecord) RunRecord {
	c, err := e.created(rec.ID)
	if err != nil {
		return rec // it is found by its id
	}
	rec.Pipeline, rec.Definition = c.PipelineName, c.Revision
	if rec.Factory == "" || strings.EqualFold(rec.Factory, c.Factory) {
		rec.Factory = c.Factory
	}
	return rec
}

// asideOf finds a run that is set aside; nil if it is not.
func (e *Engine) asideOf(id string) *aside {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.aside[id]
}

// end cancels a run that has been set aside: its record says so, without an event.
// Its messages are given back; if that fails, the next start gives back what belongs to
// no active run.
func (e *Engine) end(a *aside) error {
	e.mu.Lock()
	mine := e.aside[a.rec.ID] == a
	delete(e.aside, a.rec.ID)
	e.mu.Unlock()
	if !mine {
		return nil // being cancelled
	}
	now := e.o.Clock.Now().UTC()
	o := Outcome{Status: run.Cancelled, Message: fmt.Sprintf("The run could not be resumed: %v", a.err)}
	rec := cancelledRecord(a.rec, o, now)
	if items, bytes, err := e.o.History.RunSize(rec.ID, 0, 0); err == nil {
		rec.Bytes = SizeOf(items, bytes, rec.Summary)
	}
	settle, err := e.settle(rec.ID, o)
	if err == nil {
		err = commit.Do(e.executing, e.o.Log, 0, &ending{e, rec, settle})
	}
	if err != nil {
		e.o.Logger.Error("run ends without settling its messages", "run", rec.ID, "pipeline", rec.Pipeline,
			"error", err)
		err = commit.Do(e.executing, e.o.Log, 0, &ending{e, rec, nil})
	}
	if err != nil {
		e.mu.Lock()
		e.aside[a.rec.ID] = a
		e.mu.Unlock()
		return err
	}
	e.finishedRuns.Add(1)
	parent := e.startedBy(a.rec)
	if parent == "" { // it may be damage that does not say it
		parent = e.awaitedBy(rec.ID)
	}
	e.tellParent(parent, rec.ID, func() run.ChildResult {
		return run.ChildResult{Status: o.Status, Message: o.Message}
	})
	e.tell(FinishedRun{ID: rec.ID, Factory: rec.Factory, Pipeline: rec.Pipeline, Outcome: o,
		Started: rec.Start, Ended: now})
	return nil
}

// An ending is the effect of ending a run that has no owner.
type ending struct {
	e      *Engine
	rec    RunRecord
	settle commit.Effect // may be nil
}

// Stage implements [commit.Effect].
func (f *ending) Stage(u *commit.Unit) (release func(), err error) {
	settled := func() {}
	if f.settle != nil {
		if settled, err = f.settle.Stage(u); err != nil {
			return nil, err
		}
	}
	f.e.o.History.PutRun(u, f.rec) // what leads to the record may be what can't be read
	counted := f.e.tallies.add(u, []Tally{{Factory: f.rec.Factory, Runs: 1, Bytes: f.rec.Bytes}})
	return func() { counted(); settled() }, nil
}

// settle returns what settles the messages of a cancelled run that has no owner.
func (e *Engine) settle(id string, o Outcome) (commit.Effect, error) {
	c, err := e.created(id)
	if err != nil && e.o.Release != nil {
		return e.o.Release(id), nil // what started it is not known, but that it shall be given back
	}
	if err != nil || e.o.Finish == nil || len(c.Binding) == 0 {
		return nil, err
	}
	return e.o.Finish(c.Binding, id, o)
}

// cancelledRecord is the record of a run that has ended without its owner.
func cancelledRecord(r RunRecord, o Outcome, now time.Time) RunRecord {
	s, err := r.summary()
	if err != nil {
		s = summary{Parameters: json.RawMessage("{}")}
	}
	s.Version = summaryVersion
	s.Status, s.Message, s.End = o.Status, o.Message, now
	r.Active, r.Updated, r.Summary, r.Damage = false, now, s.encode(), nil
	return r
}

// created reads the first event of a run.
func (e *Engine) created(id string) (*run.Created, error) {
	f := frames{sealer: e.o.Sealer}
	large := e.outputsOf(id)
	var c *run.Created
	err := e.o.History.Events(id, 0, func(_ uint64, b []byte) error {
		event, err := f.decode(b, large)
		if err != nil {
			return err
		}
		if c, _ = event.(*run.Created); c != nil {
			if err := large.whole(c); err != nil {
				return err
			}
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if c == nil {
		return nil, fmt.Errorf("first event of run %s: %w", id, ErrNotInHistory)
	}
	return c, nil
}

// errEnough ends the reading of a run's events.
var errEnough = errors.New("enough")
