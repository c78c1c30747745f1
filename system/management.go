package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"switchyard/arm/datafactoryrp"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// runsAPI is the engine as the resource provider sees it.
type runsAPI struct{ s *System }

func (a runsAPI) CreateRun(ctx context.Context, name, pipelineName string, params *value.Object) (string, error) {
	var id string
	err := a.s.factories.WithFactory(name, func(f *pipeline.Factory) (err error) {
		id, err = a.s.engine.CreateRun(ctx, f, pipelineName, params, engine.RunOptions{})
		return err
	})
	return id, mean(err)
}

// mean gives an error the meaning that the provider answers by.
func mean(err error) error {
	var nf *NotFoundError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &nf), errors.Is(err, factory.ErrFactoryNotFound), errors.Is(err, engine.ErrRunNotFound), errors.Is(err, engine.ErrPipelineNotFound):
		return errors.Join(datafactoryrp.ErrNotFound, err)
	case IsBadRequest(err), errors.Is(err, engine.ErrRunFinished):
		return errors.Join(datafactoryrp.ErrBadRequest, err)
	}
	return err
}

// IsBadRequest reports whether a run was refused for what it was asked with, not
// for what happened.
func IsBadRequest(err error) bool {
	var nf *NotFoundError
	for _, x := range []error{engine.ErrPipelineNotFound, engine.ErrMissingParameter, engine.ErrUnknownParameter, engine.ErrInvalidParameter, engine.ErrTooManyQueuedRuns} {
		if errors.Is(err, x) {
			return true
		}
	}
	return errors.As(err, &nf)
}

// of checks that a run belongs to a factory.
func (a runsAPI) of(name, id string) (*value.Object, error) {
	f, err := a.s.factory(name)
	if err != nil {
		return nil, mean(err)
	}
	info, err := a.s.engine.PipelineRun(id)
	if err != nil {
		return nil, mean(err)
	}
	if !strings.EqualFold(info.Factory, f.Name) {
		return nil, fmt.Errorf("pipeline run %s: %w", id, datafactoryrp.ErrNotFound)
	}
	return info.JSON(), nil
}

func (a runsAPI) PipelineRun(name, id string) (*value.Object, error) { return a.of(name, id) }

func (a runsAPI) Query(q engine.Query) ([]*engine.PipelineRun, bool, error) {
	return a.s.engine.Query(q)
}

func (a runsAPI) ActivityRuns(name, id string) (value.Array, error) {
	if _, err := a.of(name, id); err != nil {
		return nil, err
	}
	return a.s.activityRuns(id)
}

func (a runsAPI) Cancel(name, id string, recursive bool) error {
	if _, err := a.of(name, id); err != nil {
		return err
	}
	return mean(a.s.engine.Cancel(id, recursive))
}
