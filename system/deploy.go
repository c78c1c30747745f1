package system

import (
	"context"

	"switchyard/arm"
	"switchyard/deploy"
	"switchyard/deploy/provision"
)

// provisioner creates what folders declare.
func provisioner(s *System) *provision.Provisioner {
	return &provision.Provisioner{
		Local:        arm.Local{Kernel: s.control.kernel, Caller: s.identities.Self(), BaseURL: s.httpsURL()},
		Subscription: s.identities.SubscriptionID(), Log: s.store, Given: kept{s.store}, Broker: s.broker, Authority: s.auth,
		SealRules: s.keys.SealRules, Factories: s.factories, Check: s.starter.Check,
		Strict: s.identities.Strict(), Logger: s.log, Deployed: s.events.Deployed,
		Deploying: func(d *deploy.Deployment) { s.vault.Give(d.Env.Lookup) }, Done: s.endpoints.Publish,
	}
}

// deploy creates what the folders declare.
func (s *System) deploy(ctx context.Context) error {
	return provisioner(s).Deploy(ctx, s.o.Deployments)
}
