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
	"switchyard/commit"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/factory"
	"switchyard/store"
	"switchyard/value"
)

// LanguageEndpoint as the value of a global parameter stands for the address of
// the embedded text-analysis endpoint. In Azure the same parameter holds the
// address of the real service.
const LanguageEndpoint = "switchyard:language"

// languageHost is the name by which Web activities reach that endpoint. A run
// keeps its global parameters over a restart, after which the port may be
// another; the name is the same, and resolved in the process itself.
const languageHost = "language.switchyard.localhost"

// Where a folder's resources are in the control plane.
const (
	DefaultResourceGroup = "switchyard"
	DefaultLocation      = "westeurope"
)

func (s *System) openFactories(context.Context) error {
	m, err := factory.New(factory.Options{
		Store: records{s.store}, Log: s.store, Clock: s.clock, Sealer: s.store, Logger: s.log, Rand: s.o.Rand,
		TenantID: s.tenant, Starter: s.starter(), Retire: factory.RetireRuns(s.engine),
		GlobalParameter: func(v value.Value) value.Value {
			if v == LanguageEndpoint {
				return "http://" + languageHost
			}
			return v
		},
	})
	s.factories = m
	return err
}

func (s *System) starter() bridge.Starter {
	return bridge.Starter{
		Bus: s.bus, Engine: s.engine, Log: s.store, Clock: s.clock, Logger: s.log, Context: s.links,
	}
}

// deployAll creates what the folders declare.
func (s *System) deployAll(ctx context.Context) error {
	declared := map[string]bool{}
	for _, d := range s.o.Deployments {
		if d.Factory != nil {
			name := strings.ToLower(d.Factory.Name)
			if declared[name] {
				return fmt.Errorf("two folders declare a factory of the name %s", d.Factory.Name)
			}
			declared[name] = true
		}
		if err := s.deploy(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// rulesSize is about what the authorization rules take in the log, in bytes.
const rulesSize = 16 << 10

// deploy creates what a deployment declares, or brings what is there up to it:
// namespaces through the resource manager as every other client does, the factory
// through its manager.
func (s *System) deploy(ctx context.Context, d *deploy.Deployment) error {
	if err := s.putGroup(ctx); err != nil {
		return err
	}
	for _, ns := range d.Namespaces {
		if err := s.putNamespace(ctx, ns.Name); err != nil {
			return fmt.Errorf("namespace %s: %w", ns.Name, err)
		}
	}
	if err := d.CreateEntities(ctx, s.broker); err != nil {
		return err
	}
	if d.Factory == nil {
		return nil
	}
	if err := s.starter().Check(d.Factory); err != nil {
		return err
	}
	id := factory.ID{Subscription: s.subscription, ResourceGroup: DefaultResourceGroup}
	return s.factories.Deploy(ctx, id, DefaultLocation, d.Factory)
}

// putNamespace creates a namespace through the resource manager, with the
// documented development key, which is good enough where only this machine can
// connect: listen makes sure of it. The secondary key is a real one. The key is
// given once: who has it replaced does not find it back after the next start.
func (s *System) putNamespace(ctx context.Context, name string) error {
	const apiVersion = "2021-11-01"
	id := s.groupID() + "/providers/Microsoft.ServiceBus/namespaces/" + name
	given, err := s.store.Meta(metaDevelopmentKey + strings.ToLower(name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var notThere *arm.Error
	if err := s.arm(ctx, http.MethodGet, id, apiVersion, nil); errors.As(err, &notThere) && notThere.Status == http.StatusNotFound {
		given = nil
		err := s.arm(ctx, http.MethodPut, id, apiVersion, value.NewObject(
			value.Member{Name: "location", Value: DefaultLocation},
			value.Member{Name: "sku", Value: value.NewObject(value.Member{Name: "name", Value: "Standard"})}))
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if given != nil {
		return nil
	}
	r, err := s.auth.Rule(name, "", DevelopmentKeyName)
	if err != nil {
		return err
	}
	r.PrimaryKey = DevelopmentKey
	return commit.Do(ctx, s.store, rulesSize, commit.EffectFunc(func(u *commit.Unit) (release func(), err error) {
		if _, err := s.auth.PutRule(name, "", r); err != nil {
			return nil, err
		}
		return s.broker.AccessEffect(name, "", s.sealRules(s.auth.Rules(name, ""))).Stage(u)
	}), func(u *commit.Unit) { s.store.PutMeta(u, metaDevelopmentKey+strings.ToLower(name), []byte("given")) })
}

// factory finds a factory by name, or the only one if name is empty.
func (s *System) factory(name string) (*pipeline.Factory, error) {
	names := s.factories.Names()
	switch {
	case name != "":
	case len(names) == 1:
		name = names[0]
	case len(names) == 0:
		return nil, &NotFoundError{"no data factory is deployed"}
	default:
		return nil, &NotFoundError{fmt.Sprintf("there are several data factories; name one of %s", strings.Join(names, ", "))}
	}
	f, err := s.factories.Factory(name)
	if err != nil {
		return nil, &NotFoundError{fmt.Sprintf("data factory %q is not deployed; deployed are: %s", name, strings.Join(names, ", "))}
	}
	return f, nil
}

// NotFoundError says what is not there.
type NotFoundError struct{ Msg string }

func (e *NotFoundError) Error() string { return e.Msg }

func (s *System) httpURL() string { return "http://" + s.http.Addr().String() }

// ConnectionString is what an Azure client connects to a namespace with.
func (s *System) ConnectionString(namespace string) string {
	r, err := s.auth.Rule(namespace, "", DevelopmentKeyName)
	if err != nil {
		return ""
	}
	return s.connectionString(namespace, "", r.Name, r.PrimaryKey)
}

func (s *System) connectionString(namespace, entity, keyName, key string) string {
	if s.amqp == nil {
		return ""
	}
	host, err := s.ports.Address(namespace)
	if err != nil {
		s.log.Error("a namespace has no port", "namespace", namespace, "err", err)
		return ""
	}
	return auth.ConnectionString{Endpoint: host, KeyName: keyName, Key: key, EntityPath: entity, Emulator: true}.Format()
}
