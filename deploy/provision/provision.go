// Package provision creates what a folder declares: namespaces through the resource
// manager as every other client does, the factory through its manager. It has no
// goroutine.
package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// Where a folder's resources are in the control plane.
const (
	ResourceGroup = "switchyard"
	Location      = "westeurope"
)

// namespaceSKU is that of a folder's namespaces.
const namespaceSKU = "Standard"

// A Provisioner creates what folders declare. All fields are required.
type Provisioner struct {
	Local        arm.Local
	Subscription string
	Log          commit.Log
	Given        Given
	Broker       *broker.Broker
	Authority    *auth.Authority
	SealRules    func([]auth.AuthorizationRule) []byte
	Factories    *factory.Manager
	// Check refuses a factory whose triggers can't be started.
	Check func(*pipeline.Factory) error
	// Deployed is called when all that a folder declares is durable.
	Deployed func(*deploy.Deployment)
	// Strict leaves namespaces their random keys: everybody knows the development key.
	Strict bool
	Logger *slog.Logger
	// Deploying is called with a folder before anything of it is created.
	Deploying func(*deploy.Deployment)
	// Done is called after all folders are there.
	Done func()
}

// Given remembers which namespaces have been given the development key. The name of
// a namespace is in lower case.
type Given interface {
	Given(namespace string) (bool, error)
	Give(u *commit.Unit, namespace string)
}

// Deploy creates what deployments declare, or brings what is there up to it.
func (p *Provisioner) Deploy(ctx context.Context, folders []*deploy.Deployment) error {
	if p.Strict {
		p.warn()
	}
	declared := map[string]bool{}
	for _, folder := range folders {
		if f := folder.Factory; f != nil {
			if declared[strings.ToLower(f.Name)] {
				return fmt.Errorf("two folders declare a factory of the name %s", f.Name)
			}
			declared[strings.ToLower(f.Name)] = true
		}
		if err := p.deploy(ctx, folder); err != nil {
			return err
		}
		p.Deployed(folder)
	}
	p.Done()
	return nil
}

// warn tells of namespaces that have the development key from an earlier start.
func (p *Provisioner) warn() {
	for _, ns := range p.Broker.Namespaces() {
		r, err := p.Authority.Rule(ns, "", auth.DefaultRuleName)
		if err == nil && (r.PrimaryKey == auth.DevelopmentKey || r.SecondaryKey == auth.DevelopmentKey) {
			p.Logger.Warn("a namespace has the development key, which everybody knows: regenerate the primary key of "+
				auth.DefaultRuleName, "namespace", ns)
		}
	}
}

func (p *Provisioner) group() string {
	return "/subscriptions/" + p.Subscription + "/resourceGroups/" + ResourceGroup
}

// checkBus refuses a folder whose triggers and activities name what neither it declares
// nor is there.
func (p *Provisioner) checkBus(folder *deploy.Deployment) error {
	found := folder.CheckBus(deploy.Existing{
		Namespaces: p.Broker.Namespaces(),
		Queue:      func(ns, path string) bool { _, err := p.Broker.Queue(ns, path); return err == nil },
		Topic:      func(ns, path string) bool { _, err := p.Broker.Topic(ns, path); return err == nil },
	})
	for _, d := range found {
		if d.Severity == pipeline.SeverityWarning {
			p.Logger.Warn(d.Message, "file", d.File, "line", d.Line, "path", d.Path)
		}
	}
	return found.Err()
}

// refused is the error of a definition that the factory refuses, as a diagnostic.
func refused(folder *deploy.Deployment, err error) error {
	e, ok := errors.AsType[*factory.Error](err)
	if !ok {
		return err
	}
	for _, kind := range []error{factory.ErrInvalid, factory.ErrMissingReference, factory.ErrNotSupported} {
		if errors.Is(e, kind) {
			return folder.Refused(e.Message)
		}
	}
	return err
}

func (p *Provisioner) deploy(ctx context.Context, folder *deploy.Deployment) error {
	if err := p.checkBus(folder); err != nil {
		return err
	}
	p.Deploying(folder)
	_, err := p.ensure(ctx, p.group(), "2021-04-01", value.Member{Name: "location", Value: Location})
	if err != nil {
		return err
	}
	for _, ns := range folder.Namespaces {
		if err := p.namespace(ctx, ns.Name); err != nil {
			return fmt.Errorf("namespace %s: %w", ns.Name, err)
		}
	}
	if err := folder.CreateEntities(ctx, p.Broker); err != nil {
		return err
	}
	if folder.Factory == nil {
		return nil
	}
	if err := p.Check(folder.Factory); err != nil {
		return err
	}
	id := factory.ID{Subscription: p.Subscription, ResourceGroup: ResourceGroup}
	return refused(folder, p.Factories.Deploy(ctx, id, Location, folder.Factory))
}

// ensure creates a resource unless it is there and can be read.
func (p *Provisioner) ensure(ctx context.Context, id, apiVersion string, body ...value.Member) (
	created bool, err error) {
	err = p.Local.Do(ctx, http.MethodGet, id, apiVersion, nil)
	e, ok := errors.AsType[*arm.Error](err)
	if absent := ok && e.Status == http.StatusNotFound; !absent && !errors.Is(err, commit.ErrDamaged) {
		return false, err
	}
	return true, p.Local.Do(ctx, http.MethodPut, id, apiVersion, value.NewObject(body...))
}

// rulesSize is about what a namespace's authorization rules take in the log, in bytes.
const rulesSize = 16 << 10

// namespace creates a namespace with the documented development key, which is good
// enough where only this machine can connect: listen makes sure of it. The secondary
// key is a real one. The key is given once: a key that replaced it stays, and so does
// the random one of a namespace that was created in strict mode.
func (p *Provisioner) namespace(ctx context.Context, name string) error {
	id := p.group() + "/providers/Microsoft.ServiceBus/namespaces/" + name
	created, err := p.ensure(ctx, id, "2021-11-01",
		value.Member{Name: "location", Value: Location},
		value.Member{Name: "sku", Value: value.NewObject(value.Member{Name: "name", Value: namespaceSKU})})
	if err == nil && p.Broker.NamespaceDamaged(name) {
		// It gets a new record, and keys if it has lost them.
		_, lost := p.Authority.Rule(name, "", auth.DefaultRuleName)
		created = created || errors.Is(lost, auth.ErrRuleNotFound)
		err = p.Local.Do(ctx, http.MethodPatch, id, "2021-11-01", value.NewObject())
	}
	if err != nil {
		return err
	}
	if given, err := p.Given.Given(strings.ToLower(name)); err != nil || given && !created {
		return err
	}
	if p.Strict {
		return commit.Do(ctx, p.Log, rulesSize, nil, func(u *commit.Unit) { p.Given.Give(u, strings.ToLower(name)) })
	}
	r, err := p.Authority.Rule(name, "", auth.DefaultRuleName)
	if err != nil {
		return err
	}
	r.PrimaryKey = auth.DevelopmentKey
	change := func(u *commit.Unit) (release func(), err error) {
		if _, err := p.Authority.PutRule(name, "", r); err != nil {
			return nil, err
		}
		return p.Broker.AccessEffect(name, "", p.SealRules(p.Authority.Rules(name, ""))).Stage(u)
	}
	return commit.Do(ctx, p.Log, rulesSize, commit.EffectFunc(change), func(u *commit.Unit) {
		p.Given.Give(u, strings.ToLower(name))
	})
}
