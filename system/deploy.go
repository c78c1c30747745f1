package system

import (
	"context"

	"switchyard/arm"
	"switchyard/deploy/provision"
)

// deploy creates what the folders declare.
func (s *System) deploy(ctx context.Context) error {
	p := provision.Provisioner{
		Local:        arm.Local{Kernel: s.control.kernel, Caller: s.identities.Self(), BaseURL: s.httpsURL()},
		Subscription: s.identities.SubscriptionID(), Log: s.store, Given: kept{s.store}, Broker: s.broker, Authority: s.auth,
		SealRules: s.keys.SealRules, Factories: s.factories, Check: s.starter.Check,
		Strict: s.identities.Strict(), Logger: s.log, Deployed: s.events.Deployed,
	}
	for _, d := range s.o.Deployments {
		s.vault.Give(d.Env.Lookup)
	}
	return p.Deploy(ctx, s.o.Deployments)
}
