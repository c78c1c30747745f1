package engine

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/run"
)

// A cancellation is the request to cancel a run, which anybody may make while the
// run's owner evaluates an expression or waits for the log. It is a record of its
// own, that the owner turns into [run.CancelRequested] as soon as it hears of it, or
// the next process when it folds the run. The record goes with the run.
type cancellation struct {
	requested chan struct{} // closed when there is a request

	mu   sync.Mutex
	at   time.Time    // guarded by mu until requested is closed
	mark *commit.Unit // with the record, nil if it was read; guarded by mu
	late bool         // the run's end is being written; guarded by mu
}

func (c *cancellation) cancelRequested() bool {
	select {
	case <-c.requested:
		return true
	default:
		return false
	}
}

// request notes a request that the history has. The caller is the only one that
// knows of c.
func (c *cancellation) request(at time.Time) {
	c.at = at
	close(c.requested)
}

// tooLate refuses requests from now on.
func (c *cancellation) tooLate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = true
}

// Cancel asks a run to stop and returns when the request is durable, without waiting
// for the run's owner: the run stops soon, whatever it computes, also if the process
// ends before. A run that ends by itself at this moment may still end otherwise.
// Cancelling a run that is being cancelled changes nothing; one that has ended is
// [ErrRunFinished]. With recursive the runs that its activities have started are cancelled
// too, and those that theirs have, and so on; without it they go on [ENGINE 3.5].
func (e *Engine) Cancel(runID string, recursive bool) error {
	wrap := func(err error) error { return fmt.Errorf("cancel run %s: %w", runID, err) }
	mark, err := e.askCancel(runID, e.find(runID))
	if err != nil {
		return wrap(err)
	}
	asked := map[string]*commit.Unit{runID: mark}
	if recursive {
		// The run starts no more. Those below it may have, until they were asked.
		for more := e.below(runID, asked); len(more) > 0; more = e.below(runID, asked) {
			for id, r := range more {
				if asked[id], err = e.askCancel(id, r); err != nil && !errors.Is(err, ErrRunFinished) {
					return wrap(fmt.Errorf("run %s, which it has started: %w", id, err))
				}
			}
		}
	}
	for _, mark := range asked {
		if mark != nil {
			e.o.Log.Sync(mark)
		}
	}
	for id := range asked {
		// Its owner may have set it aside before it could hear of the request.
		if a := e.asideOf(id); a != nil {
			if err := e.end(a); err != nil {
				return wrap(err)
			}
		}
	}
	return nil
}

// below returns the active runs that a run has started, at any depth, with their owners,
// nil for one that is set aside, and without those that were asked already.
func (e *Engine) below(top string, asked map[string]*commit.Unit) map[string]*runner {
	active, parents := map[string]*runner{}, map[string]string{}
	e.mu.Lock()
	for id, r := range e.runs {
		active[id], parents[id] = r, r.parent
	}
	for id := range e.aside {
		active[id] = nil // where it belongs the history says
	}
	e.mu.Unlock()
	maps.DeleteFunc(active, func(id string, _ *runner) bool {
		_, known := asked[id]
		return known || !e.isBelow(id, top, parents)
	})
	return active
}

// isBelow reports whether a run was started by another one, or by one that is below it.
func (e *Engine) isBelow(id, top string, parents map[string]string) bool {
	for range maxDepth + 1 {
		switch id = e.parentOf(id, parents); id {
		case top:
			return true
		case "":
			return false
		}
	}
	return false
}

// parentOf returns the run that has started another one, which may have ended, and notes it.
// Where the history does not say it, "".
func (e *Engine) parentOf(id string, parents map[string]string) string {
	parent, ok := parents[id]
	if !ok {
		if rec, err := e.o.History.Run(id); err == nil {
			parent = e.startedBy(rec)
		}
		parents[id] = parent
	}
	return parent
}

// startedBy returns the run that has started the one of a record; "" if none did, or it
// can't be read.
func (e *Engine) startedBy(rec RunRecord) string {
	if s, err := rec.summary(); err == nil {
		return s.Invoked.PipelineRunID
	}
	if c, err := e.created(rec.ID); err == nil {
		return c.InvokedBy.PipelineRunID
	}
	return ""
}

// askCancel asks a run to stop, r if that is not nil. The answer waits for the unit with the
// request; nil: there is nothing to wait for.
func (e *Engine) askCancel(runID string, r *runner) (mark *commit.Unit, err error) {
	if r == nil {
		rec, err := e.o.History.Run(runID)
		if err != nil {
			return nil, notFound(err)
		}
		if !rec.Active {
			return nil, ErrRunFinished
		}
		e.mu.Lock()
		a, stopping := e.aside[runID], e.stopping
		r = e.runs[runID] // it is durable, and nobody has been told yet
		e.mu.Unlock()
		switch {
		case a != nil:
			return nil, e.end(a)
		case r == nil && stopping:
			return nil, ErrStopping
		case r == nil:
			return nil, ErrRunFinished
		}
	}
	// What is cancelled frees space, so it passes a nearly full disk.
	if err := e.o.Log.Admit(e.executing, 0); err != nil {
		if e.executing.Err() != nil {
			return nil, ErrStopping
		}
		return nil, err
	}
	return r.cancel()
}

// cancel submits the request, once.
func (r *runner) cancel() (mark *commit.Unit, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.late {
		return nil, ErrRunFinished
	}
	if !r.cancelRequested() {
		r.at = r.e.o.Clock.Now().UTC()
		r.mark = new(commit.Unit)
		r.e.o.History.PutCancelRequest(r.mark, r.id, r.at)
		r.e.o.Log.Submit(r.mark)
		r.interrupt.Raise() // first: who hears the request lowers it
		close(r.requested)
	}
	r.mail.post(cancelling{})
	return r.mark, nil
}

// hearCancel folds the request, if there is one.
func (r *runner) hearCancel(now time.Time) {
	if !r.cancelRequested() {
		return
	}
	r.interrupt.Lower() // a run that is being cancelled evaluates nothing
	at := r.at
	if at.Before(r.changed) {
		at = r.changed
	}
	if r.happen(&run.CancelRequested{At: at}) == nil {
		r.changed = now
		r.queued = false
	}
}

// readCancel reads the request that an earlier process has left.
func (r *runner) readCancel() error {
	at, requested, err := r.e.cancelRequest(r.id)
	if requested {
		r.request(at)
	}
	return err
}

// cancelRequest reads whether the history has a request to cancel a run, and when it was
// made. One that can't be read is there, and was answered: it is one of now.
func (e *Engine) cancelRequest(id string) (at time.Time, requested bool, err error) {
	at, err = e.o.History.CancelRequest(id)
	switch {
	case err == nil:
		return at, true, nil
	case errors.Is(err, ErrNotInHistory):
		return at, false, nil
	case errors.Is(err, commit.ErrDamaged):
		return e.o.Clock.Now().UTC(), true, nil
	}
	return at, false, err
}
