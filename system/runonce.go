package system

import (
	"context"
	"log/slog"

	"switchyard/deploy"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// RunOnceOptions say what [RunOnce] runs.
type RunOnceOptions struct {
	Deployment *deploy.Deployment
	Factory    string // may be empty if the deployment has one
	Pipeline   string
	Parameters *value.Object
	Logger     *slog.Logger
}

// RunResult is a run that has ended, in the shapes of [ADF-REST 5].
type RunResult struct {
	Run        *value.Object
	Activities value.Array
	Succeeded  bool
}

// RunOnce runs one pipeline of a deployment in memory, without its triggers, and
// waits for its end. If ctx ends, the run is cancelled.
func RunOnce(ctx context.Context, o RunOnceOptions) (*RunResult, error) {
	s, err := Start(ctx, Options{
		Ephemeral: true, Deployments: []*deploy.Deployment{o.Deployment}, WithoutTriggers: true, WithoutAMQP: true, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	f, err := s.factory(o.Factory)
	if err != nil {
		return nil, err
	}
	id, err := s.engine.CreateRun(ctx, f, o.Pipeline, o.Parameters, engine.RunOptions{})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.engine.Cancel(id, true) })
	defer stop()
	status, err := s.engine.Wait(context.WithoutCancel(ctx), id)
	if err != nil {
		return nil, err
	}
	record, err := s.engine.PipelineRun(id)
	if err != nil {
		return nil, err
	}
	activities, err := s.activityRuns(id)
	if err != nil {
		return nil, err
	}
	return &RunResult{Run: record.JSON(), Activities: activities, Succeeded: status == run.Succeeded}, nil
}

func (s *System) activityRuns(id string) (value.Array, error) {
	list, err := s.engine.ActivityRuns(id)
	if err != nil {
		return nil, mean(err)
	}
	out := value.Array{}
	for _, a := range list {
		out = append(out, a.JSON())
	}
	return out, nil
}

// RunCounts returns how many pipeline runs and activity runs this process has
// finished.
func (s *System) RunCounts() (runs, activities int) {
	return s.engine.Counts()
}
