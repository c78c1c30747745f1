package system

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/bridge"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/deploy"
	"switchyard/pipeline/factory"
	"switchyard/store"
	"switchyard/value"
)

// Where a folder's resources are in the control plane.
const (
	DefaultResourceGroup = "switchyard"
	DefaultLocation      = "westeurope"
)

// deploy creates what the folders declare.
func (s *System) deploy(ctx context.Context) error {
	d := deployer{
		local: arm.Local{Kernel: s.control.kernel, Caller: s.identities.self(), BaseURL: s.httpsURL()},
		group: "/subscriptions/" + s.subscription + "/resourceGroups/" + DefaultResourceGroup,
		store: s.store, broker: s.broker, auth: s.auth, seal: s.keys.SealRules, starter: s.starter, factories: s.factories,
		id: factory.ID{Subscription: s.subscription, ResourceGroup: DefaultResourceGroup},
	}
	declared := map[string]bool{}
	for _, folder := range s.o.Deployments {
		if f := folder.Factory; f != nil {
			if declared[strings.ToLower(f.Name)] {
				return fmt.Errorf("two folders declare a factory of the name %s", f.Name)
			}
			declared[strings.ToLower(f.Name)] = true
		}
		if err := d.deploy(ctx, folder); err != nil {
			return err
		}
	}
	return nil
}

// A deployer creates what a folder declares: namespaces through the resource manager
// as every other client does, the factory through its manager.
type deployer struct {
	local     arm.Local
	group     string // resource id of what folders declare
	store     *store.Store
	broker    *broker.Broker
	auth      *auth.Authority
	seal      func([]auth.AuthorizationRule) []byte
	starter   bridge.Starter
	factories *factory.Manager
	id        factory.ID // of the factory, but for its name
}

// deploy creates what a deployment declares, or brings what is there up to it.
func (d *deployer) deploy(ctx context.Context, folder *deploy.Deployment) error {
	_, err := d.ensure(ctx, d.group, "2021-04-01", value.Member{Name: "location", Value: DefaultLocation})
	if err != nil {
		return err
	}
	for _, ns := range folder.Namespaces {
		if err := d.namespace(ctx, ns.Name); err != nil {
			return fmt.Errorf("namespace %s: %w", ns.Name, err)
		}
	}
	if err := folder.CreateEntities(ctx, d.broker); err != nil {
		return err
	}
	if folder.Factory == nil {
		return nil
	}
	if err := d.starter.Check(folder.Factory); err != nil {
		return err
	}
	return d.factories.Deploy(ctx, d.id, DefaultLocation, folder.Factory)
}

// ensure creates a resource unless it is there.
func (d *deployer) ensure(ctx context.Context, id, apiVersion string, body ...value.Member) (created bool, err error) {
	err = d.local.Do(ctx, http.MethodGet, id, apiVersion, nil)
	if e, ok := errors.AsType[*arm.Error](err); !ok || e.Status != http.StatusNotFound {
		return false, err
	}
	return true, d.local.Do(ctx, http.MethodPut, id, apiVersion, value.NewObject(body...))
}

// rulesSize is about what a namespace's authorization rules take in the log, in bytes.
const rulesSize = 16 << 10

// namespace creates a namespace with the documented development key, which is good
// enough where only this machine can connect: listen makes sure of it. The secondary
// key is a real one. The key is given once: a key that replaced it stays.
func (d *deployer) namespace(ctx context.Context, name string) error {
	created, err := d.ensure(ctx, d.group+"/providers/Microsoft.ServiceBus/namespaces/"+name, "2021-11-01",
		value.Member{Name: "location", Value: DefaultLocation},
		value.Member{Name: "sku", Value: value.NewObject(value.Member{Name: "name", Value: "Standard"})})
	if err != nil {
		return err
	}
	given := metaDevelopmentKey + strings.ToLower(name)
	if _, err := d.store.Meta(given); !created && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	r, err := d.auth.Rule(name, "", DevelopmentKeyName)
	if err != nil {
		return err
	}
	r.PrimaryKey = DevelopmentKey
	change := func(u *commit.Unit) (release func(), err error) {
		if _, err := d.auth.PutRule(name, "", r); err != nil {
			return nil, err
		}
		return d.broker.AccessEffect(name, "", d.seal(d.auth.Rules(name, ""))).Stage(u)
	}
	return commit.Do(ctx, d.store, rulesSize, commit.EffectFunc(change), func(u *commit.Unit) {
		d.store.PutMeta(u, given, []byte("given"))
	})
}
