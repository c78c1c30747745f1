package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// execute starts an attempt. Its answer comes back as an outcome.
func (r *runner) execute(e *run.ActivityStarted) {
	key := attempt{e.Path, e.Attempt}
	if r.executing[key] != nil {
		return
	}
	call := r.state.Call(e)
	ctx, cancel := context.WithCancel(r.e.executing)
	r.executing[key] = cancel
	r.e.wg.Add(1)
	queued := r.e.o.Clock.Now()
	go func() {
		defer r.e.wg.Done()
		defer cancel()
		o := outcome{attempt: key}
		select {
		case <-r.e.quit: // also when it would be its turn
			o.unmade = true
		default:
			select {
			case r.e.turn <- struct{}{}:
				o.result = r.call(ctx, e, call, queued)
				<-r.e.turn
			case <-ctx.Done():
				o.unmade = true
			case <-r.e.quit:
				o.unmade = true
			}
		}
		r.mail.post(o) // nobody listens if the run has ended
	}()
}

// call makes the attempt. A panic of an executor, or of an expression in a
// linked service, is the failure of the activity.
func (r *runner) call(ctx context.Context, e *run.ActivityStarted, call run.Call, queued time.Time) (res activity.Result) {
	defer func() {
		if p := recover(); p != nil {
			r.e.o.Logger.Error("activity panics", "run", r.id, "activity", e.Path, "type", e.Type, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			res = activity.Result{Err: &activity.Error{Code: codeInternal, Message: "The activity ended with an internal error; the log has the details.", FailureType: activity.SystemError}}
		}
	}()
	now := r.e.o.Clock.Now()
	c := &activity.Call{
		RunID: r.id, PipelineName: r.pipeline, Factory: r.factory,
		ActivityName: e.Activity, ActivityType: e.Type, Path: e.Path, Attempt: e.Attempt,
		ActivityRunID: call.ActivityRunID,
		Input:         e.Input,
		Binding:       r.created.Binding,
		Now:           now,
		Queued:        now.Sub(queued),
	}
	if call.LinkedService != nil {
		l, err := r.e.linkedService(r.factory, call, now)
		if err != nil {
			return activity.Result{Err: activity.ErrorFrom(codeLinkedService, err)}
		}
		c.LinkedService = l
	}
	return r.e.o.Registry.Execute(ctx, c)
}

// Error codes of attempts that no executor made.
const (
	codeInternal      = "InternalServerError"
	codeLinkedService = "LinkedServiceReferenceNotResolved"
)

// linkedService resolves a reference [ENGINE 7]: its parameters are bound, and
// the typeProperties are evaluated where linkedService() is all they can see.
func (e *Engine) linkedService(factory string, call run.Call, now time.Time) (*activity.LinkedService, error) {
	ref := call.LinkedService
	if e.o.LinkedService == nil {
		return nil, fmt.Errorf("there are no linked services; %q is not found", ref.Name)
	}
	l, err := e.o.LinkedService(factory, ref.Name)
	if err != nil {
		return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
	}
	if l == nil {
		return nil, fmt.Errorf("linked service %q is not found", ref.Name)
	}
	bound, _, err := run.BindParameters(&pipeline.Pipeline{Parameters: l.Parameters}, ref.Parameters, true)
	if err != nil {
		return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
	}
	x := expr.Context{Now: now, Seed: call.Seed, LinkedService: bound}
	v, err := x.Evaluate(l.TypeProperties)
	if err != nil {
		return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
	}
	properties, ok := v.(*value.Object)
	if !ok {
		return nil, errors.New("linked service " + ref.Name + " has no typeProperties")
	}
	return &activity.LinkedService{Name: l.Name, Type: l.Type, TypeProperties: properties}, nil
}
