package trigger

import (
	"cmp"
	"fmt"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
)

// windowBinding is what the run of a window keeps of it: where the record of its trigger run is.
type windowBinding struct {
	Factory string    `json:"factory"`
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
}

// ended takes how the run of a window has ended, at a time of the clock that nobody sets. It
// returns the trigger run as it is then.
func (r *Run) ended(o engine.Outcome, at time.Time) *Run {
	next, w := *r, *r.Window
	next.Window = &w
	switch o.Status {
	case run.Succeeded:
		next.Status, next.Message = Succeeded, ""
	case run.Cancelled:
		next.Status, next.Message = Cancelled, o.Message
	default:
		next.failedAttempt(cmp.Or(o.Message, "The pipeline run has failed."), at)
	}
	return &next
}

// failedAttempt is the end of an attempt that has failed: there is another one, or the window
// has failed.
func (r *Run) failedAttempt(why string, at time.Time) {
	r.Message = cut(why)
	if r.Window.Attempt <= r.Window.Retries {
		r.Status, r.Window.RetryAt = Running, at.Add(r.Window.RetryInterval).UTC()
		return
	}
	r.Status, r.Window.RetryAt = Failed, time.Time{}
}

// finish makes the effect that tells a window in the last unit of its run how that has ended.
func (x *Firings) finish(b binding, runID string, o engine.Outcome) commit.Effect {
	return commit.EffectFunc(func(u *commit.Unit) (release func(), err error) {
		x.mu.Lock()
		defer func() {
			if err != nil {
				x.mu.Unlock()
			}
		}()
		l, err := x.laneOf(b.Window.Factory, b.Trigger)
		if err != nil {
			return nil, err
		}
		if r := l.open[b.Window.ID]; r != nil {
			if r.pipelineRun() == runID {
				x.putWindow(u, l, r.ended(o, x.o.Clock.Now()))
			}
			return x.mu.Unlock, nil
		}
		// The trigger was deleted: there is no window, but the trigger run is still shown.
		r, err := x.run(b.Window.Factory, b.Window.At, b.Window.ID)
		if err != nil {
			return nil, fmt.Errorf("window of run %s: %w", runID, err)
		}
		if r != nil && r.Window != nil && r.pipelineRun() == runID {
			r.Window.Retries = 0
			x.putRun(u, r.ended(o, x.o.Clock.Now()))
		}
		return x.mu.Unlock, nil
	})
}
