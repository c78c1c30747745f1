package system

import (
	"context"
	"log/slog"
	"time"

	"switchyard/clock"
	"switchyard/deploy"
	"switchyard/trial"
)

// TryOptions say what [Try] tries out.
type TryOptions struct {
	Deployment *deploy.Deployment
	Trigger    string
	Messages   []trial.Input
	RealTime   bool          // waits are waited for
	Limit      time.Duration // of trial.Trial
	Logger     *slog.Logger
	AllowHosts []string // as Options.AllowHosts
	KeyVault   string   // as Options.KeyVault
}

// Try starts one trigger of a deployment in memory, puts the messages into its queue and
// waits for what comes of them; see [trial.Trial.Run]. If ctx ends, the trial is given up.
func Try(ctx context.Context, o TryOptions) (*trial.Result, error) {
	if err := o.Deployment.StartOnly(o.Trigger); err != nil {
		return nil, &trial.NotFoundError{Msg: err.Error()}
	}
	so := Options{Ephemeral: true, Deployments: []*deploy.Deployment{o.Deployment}, WithoutAMQP: true, Logger: o.Logger,
		AllowHosts: o.AllowHosts, KeyVault: o.KeyVault}
	t := &trial.Trial{Limit: o.Limit}
	so.Expired = t.Expired
	if !o.RealTime {
		t.Clock = clock.NewVirtual()
		so.Clock = t.Clock
	}
	s, err := Start(ctx, so)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	f, err := trial.Factory(s.factories, "")
	if err != nil {
		return nil, err
	}
	if t.Queue, err = s.starter.Queue(f, f.Trigger(o.Trigger)); err != nil {
		return nil, err
	}
	t.Broker, t.Engine, t.Factory = s.broker, s.engine, f.Name
	return t.Run(ctx, o.Messages)
}
