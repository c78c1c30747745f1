package datafactoryrp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// EngineRuns are the [Runs] of an engine.
type EngineRuns struct {
	Engine    *engine.Engine
	Factories *factory.Manager
	// Firings are the trigger runs of triggers that go by time; nil: there are none.
	Firings *trigger.Firings
	// Strict refuses runs of pipelines with activities that do not run here.
	Strict bool
}

// refusals are the engine's errors that are about what was asked for.
var refusals = []error{
	engine.ErrMissingParameter, engine.ErrUnknownParameter, engine.ErrInvalidParameter,
	engine.ErrTooManyQueuedRuns, engine.ErrRunFinished, engine.ErrNotRecoverable,
	trigger.ErrRefused, errIdle,
}

// errIdle: a pipeline has activities that do not run here.
var errIdle = errors.New("not supported")

// A meaning is an error with what the provider answers by, which its text doesn't
// repeat.
type meaning struct{ kind, err error }

func (m meaning) Error() string   { return m.err.Error() }
func (m meaning) Unwrap() []error { return []error{m.kind, m.err} }

// classify gives an error the meaning that the provider answers by.
func classify(err error) error {
	for _, x := range []error{factory.ErrFactoryNotFound, engine.ErrRunNotFound, engine.ErrRunDropped,
		engine.ErrPipelineNotFound, trigger.ErrRunNotFound} {
		if errors.Is(err, x) {
			return meaning{ErrNotFound, err}
		}
	}
	for _, x := range refusals {
		if errors.Is(err, x) {
			return meaning{ErrBadRequest, err}
		}
	}
	return err
}

// PipelineRun implements [Runs].
func (r EngineRuns) PipelineRun(name, id string) (*value.Object, error) {
	f, err := r.Factories.Factory(name)
	if err != nil {
		return nil, classify(err)
	}
	info, err := r.Engine.PipelineRun(id)
	if err != nil {
		return nil, classify(err)
	}
	// A run that is so damaged that nobody knows its factory is found through each, so
	// that it can be cancelled.
	if info.Factory != "" && !strings.EqualFold(info.Factory, f.Name) {
		return nil, fmt.Errorf("pipeline run %s: %w", id, ErrNotFound)
	}
	return info.JSON(), nil
}

// Parameters implements [Runs].
func (r EngineRuns) Parameters(name, id string) (*value.Object, error) {
	if _, err := r.PipelineRun(name, id); err != nil {
		return nil, err
	}
	params, err := r.Engine.Parameters(id)
	return params, classify(err)
}

// Query implements [Runs].
func (r EngineRuns) Query(q engine.Query) ([]*engine.PipelineRun, bool, error) {
	return r.Engine.Query(q)
}

// TriggerRuns implements [Runs].
func (r EngineRuns) TriggerRuns(q trigger.Query) ([]*trigger.Run, bool, error) {
	if r.Firings == nil {
		return nil, false, nil
	}
	return r.Firings.Query(q)
}

// RerunWindow implements [Runs].
func (r EngineRuns) RerunWindow(ctx context.Context, factory, name, id string) error {
	if r.Firings == nil {
		return classify(trigger.ErrRunNotFound)
	}
	_, err := r.Firings.Rerun(ctx, factory, name, id)
	return classify(err)
}

// CancelWindow implements [Runs].
func (r EngineRuns) CancelWindow(ctx context.Context, factory, name, id string) error {
	if r.Firings == nil {
		return classify(trigger.ErrRunNotFound)
	}
	run, err := r.Firings.Cancel(ctx, factory, name, id)
	if err == nil && run != "" {
		err = r.Engine.Cancel(run, false)
	}
	return classify(err)
}

// ActivityRuns implements [Runs].
func (r EngineRuns) ActivityRuns(name, id string) ([]*engine.ActivityRun, error) {
	if _, err := r.PipelineRun(name, id); err != nil {
		return nil, err
	}
	list, err := r.Engine.ActivityRuns(id)
	return list, classify(err)
}

// Cancel implements [Runs].
func (r EngineRuns) Cancel(name, id string, recursive bool) error {
	if _, err := r.PipelineRun(name, id); err != nil {
		return err
	}
	return classify(r.Engine.Cancel(id, recursive))
}
