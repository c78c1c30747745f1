package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
)

// execute starts an attempt. Its answer comes back as an outcome.
func (r *runner) execute(e *run.ActivityStarted) {
	key := attempt{e.Path, e.Attempt}
	if r.executing[key] != nil {
		return
	}
	e = run.Copy(e).(*run.ActivityStarted)
	unread := r.outputs.references(e)
	call := r.state.Call(e)
	ctx, cancel := context.WithCancel(r.e.executing)
	r.executing[key] = cancel
	m := &making{run: r.id, path: e.Path, typ: e.Type}
	r.e.makes(m)
	queued := r.e.o.Clock.Now()
	go func() {
		defer r.e.made(m)
		defer cancel()
		o := outcome{attempt: key}
		select {
		case <-r.e.quit: // also when it would be its turn
			o.unmade = true
		default:
			select {
			case r.e.turn <- struct{}{}:
				if unread == nil {
					e.Input, unread = r.outputs.object(e.Input)
				}
				if unread == nil {
					o.result = r.call(ctx, e, call, queued)
				} else {
					o.result.Err = &activity.Error{Code: run.CodeUnreadable, FailureType: activity.SystemError,
						Message: "The input of the activity can't be read back from the run's history: " + unread.Error()}
				}
				<-r.e.turn
			case <-ctx.Done():
				o.unmade = true
			case <-r.e.quit:
				o.unmade = true
			}
		}
		r.mail.post(o) // lost if the run has ended
	}()
}

// A making is an attempt that is being made, for who has to name it.
type making struct{ run, path, typ string }

func (e *Engine) makes(m *making) {
	e.wg.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attempts[m] = true
}

func (e *Engine) made(m *making) {
	e.mu.Lock()
	delete(e.attempts, m)
	e.mu.Unlock()
	e.wg.Done()
}

// call makes the attempt. A panic of an executor, or of an expression in a
// linked service, is the failure of the activity.
func (r *runner) call(ctx context.Context, e *run.ActivityStarted, call run.Call,
	queued time.Time) (res activity.Result) {
	defer func() {
		if p := recover(); p != nil {
			r.e.o.Logger.Error("activity panics", "run", r.id, "activity", e.Path, "type", e.Type, "panic",
				fmt.Sprint(p), "stack", string(debug.Stack()))
			res = activity.Result{Err: &activity.Error{Code: codeInternal,
				Message:     "The activity ended with an internal error; the log has the details.",
				FailureType: activity.SystemError}}
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
	if err := r.e.connect(c, call); err != nil {
		return activity.Result{Err: err}
	}
	return r.e.o.Registry.Execute(ctx, c)
}

// Error codes of attempts that no executor made.
const (
	codeInternal      = "InternalServerError"
	codeLinkedService = "LinkedServiceReferenceNotResolved"
	codeDataset       = "DatasetReferenceNotResolved"
)

// connect resolves what an attempt works on: the activity's linked service and
// datasets, with the definitions that the factory has now.
func (e *Engine) connect(c *activity.Call, call run.Call) *activity.Error {
	r := pipeline.Resolver{
		Now: c.Now, Seed: call.Seed,
		LinkedService: func(name string) (*pipeline.LinkedService,
			error) {
			return find(e.o.LinkedService, c.Factory, name)
		},
		Dataset: func(name string) (*pipeline.Dataset,
			error) {
			return find(e.o.Dataset, c.Factory, name)
		},
	}
	var err error
	if call.LinkedService != nil {
		if c.LinkedService, err = r.ResolveLinkedService(call.LinkedService); err != nil {
			return activity.ErrorFrom(codeLinkedService, err)
		}
	}
	if call.Activity == nil || !e.o.Registry.Supports(c.ActivityType) {
		return nil // it has ended meanwhile, or is refused by its name
	}
	named, err := call.Activity.Row.DatasetReferences(c.Input)
	if err != nil {
		return activity.ErrorFrom(codeDataset, err)
	}
	for name, ref := range named {
		d, err := r.ResolveDataset(ref)
		if err != nil {
			return activity.ErrorFrom(codeDataset, err)
		}
		if c.Datasets == nil {
			c.Datasets = map[string]*activity.Dataset{}
		}
		c.Datasets[name] = d
	}
	if c.Inputs, err = datasets(r, call.Inputs); err == nil {
		c.Outputs, err = datasets(r, call.Outputs)
	}
	if err != nil {
		return activity.ErrorFrom(codeDataset, err)
	}
	return nil
}

func datasets(r pipeline.Resolver, refs []*pipeline.Reference) ([]*activity.Dataset, error) {
	var out []*activity.Dataset
	for _, ref := range refs {
		d, err := r.ResolveDataset(ref)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// find looks a definition up in a factory; an engine without definitions finds
// none.
func find[D any](lookup func(factory, name string) (*D, error), factory, name string) (*D, error) {
	if lookup == nil {
		return nil, nil
	}
	return lookup(factory, name)
}
