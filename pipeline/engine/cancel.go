package engine

import (
	"errors"
	"fmt"
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
// [ErrRunFinished]. There are no child runs, so recursive changes nothing.
func (e *Engine) Cancel(runID string, recursive bool) error {
	if err := e.cancel(runID); err != nil {
		return fmt.Errorf("cancel run %s: %w", runID, err)
	}
	return nil
}

func (e *Engine) cancel(runID string) error {
	r := e.find(runID)
	if r == nil {
		rec, err := e.o.History.Run(runID)
		if err != nil {
			return notFound(err)
		}
		if !rec.Active {
			return ErrRunFinished
		}
		e.mu.Lock()
		a, stopping := e.aside[runID], e.stopping
		r = e.runs[runID] // it is durable, and nobody has been told yet
		e.mu.Unlock()
		switch {
		case a != nil:
			return e.end(a)
		case r == nil && stopping:
			return ErrStopping
		case r == nil:
			return ErrRunFinished
		}
	}
	// What is cancelled frees space, so it passes a nearly full disk.
	if err := e.o.Log.Admit(e.executing, 0); err != nil {
		if e.executing.Err() != nil {
			return ErrStopping
		}
		return err
	}
	if err := r.cancel(); err != nil {
		return err
	}
	// Its owner may have set it aside before it could hear of the request.
	if a := e.asideOf(runID); a != nil {
		return e.end(a)
	}
	return nil
}

// cancel records the request, once.
func (r *runner) cancel() error {
	r.mu.Lock()
	if r.late {
		r.mu.Unlock()
		return ErrRunFinished
	}
	if !r.cancelRequested() {
		r.at = r.e.o.Clock.Now().UTC()
		r.mark = new(commit.Unit)
		r.e.o.History.PutCancelRequest(r.mark, r.id, r.at)
		r.e.o.Log.Submit(r.mark)
		r.interrupt.Raise() // first: who hears the request lowers it
		close(r.requested)
	}
	mark := r.mark
	r.mu.Unlock()
	r.mail.post(cancelling{})
	if mark != nil {
		r.e.o.Log.Sync(mark)
	}
	return nil
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
