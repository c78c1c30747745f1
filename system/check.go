package system

import (
	"context"
	"errors"

	"switchyard/deploy"
	"switchyard/pipeline"
)

// Check reports what the deployment of a folder would refuse where nothing else is, and
// warns of what it would accept and a run would miss. It deploys the folder in memory.
func Check(ctx context.Context, d *deploy.Deployment) (pipeline.Diagnostics, error) {
	found := d.CheckBus(deploy.Existing{})
	if found.Err() != nil {
		return found, nil
	}
	s, err := Start(ctx, Options{
		Ephemeral: true, Deployments: []*deploy.Deployment{d}, WithoutTriggers: true, WithoutAMQP: true,
	})
	if ds, ok := errors.AsType[pipeline.Diagnostics](err); ok {
		return append(found, ds...), nil
	}
	if err != nil {
		return nil, err
	}
	return found, s.Stop()
}
