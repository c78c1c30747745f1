package trigger

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

func (t *TumblingWindow) binding(r *Run) binding {
	return binding{Version: bindingVersion, Trigger: r.Trigger,
		Window: &windowBinding{Factory: t.o.Factory.Name, At: r.At, ID: r.ID}}
}

// start makes one unit of an attempt of a window and its pipeline run. If there can't be one the
// attempt has failed.
func (t *TumblingWindow) start(ctx context.Context, was *Run) error {
	free := func() {}
	if t.large.Load() {
		var err error
		if free, err = t.o.Runs.TakeLarge(ctx); err != nil {
			return err
		}
	}
	defer free()
	r, w := *was, *was.Window
	r.Window = &w
	if w.Began.IsZero() {
		w.Began = clock.ShownNow(t.o.Clock).UTC()
	}
	w.Attempt++
	w.Retries, w.RetryInterval, w.RetryAt = 0, t.rule.RetryInterval, time.Time{}
	r.Status, r.Message = Running, ""
	s, refused := t.prepare(&r)
	if t.interrupt.Raised() {
		return context.Canceled
	}
	var starts []*engine.Start
	if refused == nil {
		starts = append(starts, s)
	}
	return t.o.Runs.CreateRuns(ctx, t.o.Factory, starts, func(u *commit.Unit) {
		if refused == nil {
			refused = s.Refused
		}
		if refused != nil {
			r.failedAttempt(refused.Error(), t.o.Clock.Now())
			t.o.Logger.Warn("the pipeline of a window can't be started", "triggerRun", r.ID, "window", w.Start,
				"error", refused)
		} else {
			kept := r.Pipelines[max(0, len(r.Pipelines)-keptAttempts+1):]
			r.Pipelines = append(slices.Clone(kept), Triggered{s.Pipeline, s.Options.ID})
		}
		t.o.Firings.mu.Lock()
		defer t.o.Firings.mu.Unlock()
		t.o.Firings.putWindow(u, t.lane, &r)
	})
}

// keptAttempts is how many runs of a window its trigger run names: the last ones.
const keptAttempts = 50

// prepare evaluates the arguments of the pipeline and how often it may be run again. Each attempt
// of a window has the same [ENGINE 6.2], unless the trigger was changed meanwhile.
func (t *TumblingWindow) prepare(r *Run) (*engine.Start, error) {
	seed := fnv.New64a()
	seed.Write([]byte(r.ID))
	now := r.Window.Began
	outputs := value.NewObject(
		member("windowStartTime", moment(r.Window.Start)),
		member("windowEndTime", moment(r.Window.End)))
	shown := triggerObject(r, now)
	shown.Set("outputs", outputs)
	x := expr.Context{Now: now, Seed: seed.Sum64(), Trigger: shown,
		Budget: expr.NewBudget(fmt.Sprintf("the parameters of trigger %q", r.Trigger), &t.interrupt)}
	given := value.NewObject(member(retryCount, t.rule.Retry))
	retries, err := evaluate(&x, given)
	if err != nil {
		return nil, fmt.Errorf("retryPolicy: %w", err)
	}
	count, _ := retries.Lookup(retryCount)
	if r.Window.Retries, err = pipeline.RetryCount(count); err != nil {
		return nil, fmt.Errorf("retryPolicy: %w", err)
	}
	params, err := evaluate(&x, t.target.Parameters)
	t.large.Store(x.Budget.Produced() > engine.LargeFrom)
	if err != nil {
		return nil, fmt.Errorf("pipeline %q: %w", t.target.Pipeline.Name, err)
	}
	return &engine.Start{Pipeline: t.target.Pipeline.Name, Parameters: params, Options: engine.RunOptions{
		ID: engine.NewID(), Binding: t.binding(r).encode(),
		Trigger: &run.TriggerInfo{ID: r.ID, Name: r.Trigger, Type: r.Type, Time: now, Outputs: outputs}}}, nil
}

const retryCount = "count"
