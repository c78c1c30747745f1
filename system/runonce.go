package system

import (
	"context"
	"errors"
	"log/slog"

	"switchyard/clock"
	"switchyard/deploy"
	"switchyard/pipeline/engine"
	"switchyard/trial"
)

// RunOnceOptions say what [RunOnce] runs.
type RunOnceOptions struct {
	Deployment *deploy.Deployment
	Factory    string // may be empty if the deployment has one
	trial.Once
	VirtualTime bool // waits pass at once
	Logger      *slog.Logger
	AllowHosts  []string // as Options.AllowHosts
	KeyVault    string   // as Options.KeyVault
}

// RunOnce runs one pipeline of a deployment in memory, without its triggers, and
// waits for its end. If ctx ends, the run is cancelled.
func RunOnce(ctx context.Context, o RunOnceOptions) (*trial.Run, error) {
	so := Options{Ephemeral: true, Deployments: []*deploy.Deployment{o.Deployment}, WithoutTriggers: true, WithoutAMQP: true,
		Logger: o.Logger, AllowHosts: o.AllowHosts, KeyVault: o.KeyVault}
	if o.VirtualTime {
		o.Clock = clock.NewVirtual()
		so.Clock = o.Clock
	}
	s, err := Start(ctx, so)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	f, err := trial.Factory(s.factories, o.Factory)
	if err != nil {
		return nil, err
	}
	return o.Run(ctx, s.engine, f)
}

// WithEngine has f use the engine of a Switchyard of its own.
func WithEngine(ctx context.Context, o Options, f func(*engine.Engine) error) error {
	s, err := Start(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(f(s.engine), s.Stop())
}

// RunCounts returns how many pipeline runs and activity runs this process has
// finished.
func (s *System) RunCounts() (runs, activities int) { return s.engine.Counts() }
