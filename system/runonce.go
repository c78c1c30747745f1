package system

import (
	"context"
	"log/slog"

	"switchyard/deploy"
	"switchyard/pipeline/engine"
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
	f, err := trial.Factory(s.factories, o.Factory)
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

// RunCounts returns how many pipeline runs and activity runs this process has
// finished.
func (s *System) RunCounts() (runs, activities int) { return s.engine.Counts() }
