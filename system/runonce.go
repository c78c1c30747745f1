package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/trial"
	"switchyard/value"
)

// RunOnceOptions say what [RunOnce] runs.
type RunOnceOptions struct {
	Deployment *deploy.Deployment
	Factory    string // may be empty if the deployment has one
	Pipeline   string
	Parameters *value.Object
	Logger     *slog.Logger
	AllowHosts []string // as Options.AllowHosts
}

// RunOnce runs one pipeline of a deployment in memory, without its triggers, and
// waits for its end. If ctx ends, the run is cancelled.
func RunOnce(ctx context.Context, o RunOnceOptions) (*trial.Run, error) {
	s, err := Start(ctx, Options{
		Ephemeral: true, Deployments: []*deploy.Deployment{o.Deployment}, WithoutTriggers: true, WithoutAMQP: true,
		Logger:     o.Logger,
		AllowHosts: o.AllowHosts,
	})
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	f, err := one(s.factories, o.Factory)
	if err != nil {
		return nil, err
	}
	id, err := s.engine.CreateRun(ctx, f, o.Pipeline, o.Parameters, engine.RunOptions{})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.engine.Cancel(id, true) })
	defer stop()
	if _, err := s.engine.Wait(context.WithoutCancel(ctx), id); err != nil {
		return nil, err
	}
	record, err := s.engine.PipelineRun(id)
	if err != nil {
		return nil, err
	}
	r, err := trial.RunOf(s.engine, record)
	return &r, err
}

// one finds a factory by name, or the only one if name is empty.
func one(m *factory.Manager, name string) (*pipeline.Factory, error) {
	names := m.Names()
	switch {
	case name != "":
	case len(names) == 1:
		name = names[0]
	case len(names) == 0:
		return nil, &NotFoundError{"no data factory is deployed"}
	default:
		return nil, &NotFoundError{"there are several data factories; name one of " + strings.Join(names, ", ")}
	}
	f, err := m.Factory(name)
	if err != nil {
		return nil, &NotFoundError{
			fmt.Sprintf("data factory %q is not deployed; deployed are: %s", name, strings.Join(names, ", "))}
	}
	return f, nil
}

// NotFoundError says what is not there.
type NotFoundError struct{ Msg string }

func (e *NotFoundError) Error() string { return e.Msg }

// IsBadRequest reports whether a run was refused for what it was asked with, not
// for what happened.
func IsBadRequest(err error) bool {
	for _, x := range []error{
		engine.ErrPipelineNotFound, engine.ErrMissingParameter, engine.ErrUnknownParameter,
		engine.ErrInvalidParameter, engine.ErrTooManyQueuedRuns,
	} {
		if errors.Is(err, x) {
			return true
		}
	}
	_, ok := errors.AsType[*NotFoundError](err)
	return ok
}

// RunCounts returns how many pipeline runs and activity runs this process has
// finished.
func (s *System) RunCounts() (runs, activities int) { return s.engine.Counts() }
