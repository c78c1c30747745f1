package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/google/uuid"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/deploy"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/store"
)

// LanguageEndpoint as the value of a global parameter stands for the address of
// the embedded text-analysis endpoint. In Azure the same parameter holds the
// address of the real service.
const LanguageEndpoint = "switchyard:language"

// languageHost is the name by which Web activities reach that endpoint. A run
// keeps its global parameters over a restart, after which the port may be
// another; the name is the same, and resolved in the process itself.
const languageHost = "language.switchyard.localhost"

// A factory is a deployed data factory.
type factory struct {
	def *pipeline.Factory
	// principal is the object id of the system-assigned identity; it stays the
	// same for the life of the data directory.
	principal string
	triggers  []*trigger.ServiceBus
}

// deploy creates what a deployment declares, or brings what is there up to it.
func (s *System) deploy(ctx context.Context, d *deploy.Deployment) error {
	for _, ns := range d.Namespaces {
		if err := s.putNamespace(ctx, ns.Name); err != nil {
			return fmt.Errorf("namespace %s: %w", ns.Name, err)
		}
		for _, q := range ns.Queues {
			if _, err := s.broker.PutQueue(ctx, ns.Name, q.Name, q.Options); err != nil {
				return fmt.Errorf("queue %s of namespace %s: %w", q.Name, ns.Name, err)
			}
		}
	}
	if d.Factory == nil {
		return nil
	}
	return s.putFactory(d.Factory)
}

func (s *System) putNamespace(ctx context.Context, name string) error {
	if err := s.broker.PutNamespace(ctx, name, broker.NamespaceOptions{}); err != nil {
		return err
	}
	if _, err := s.auth.Rule(name, "", DevelopmentKeyName); err == nil {
		return nil
	}
	// The documented key is good enough where only this machine can connect,
	// which openPorts makes sure of; the secondary key is a real one.
	r, err := auth.NewRule(DevelopmentKeyName, auth.Send|auth.Listen|auth.Manage, s.o.Rand)
	if err != nil {
		return err
	}
	r.PrimaryKey = DevelopmentKey
	if _, err := s.auth.PutRule(name, "", r); err != nil {
		return err
	}
	return s.saveAuthority()
}

// namespaceOf tells which namespace a client means by the host it connects to:
// the one of that name; else, at an address of this machine, the only one or the
// first that was created.
func (s *System) namespaceOf(host string) (string, bool) {
	if ns, err := s.bus.byHost(host); err == nil {
		return ns, true
	}
	if names := s.broker.Namespaces(); len(names) > 0 {
		return names[0], true
	}
	return "", false
}

func (s *System) putFactory(def *pipeline.Factory) error {
	f := &factory{def: def.Clone()}
	f.def.GlobalParameters = f.def.GlobalParameters.Clone()
	for _, m := range f.def.GlobalParameters.Members() {
		if v, ok := m.Value.(string); ok && v == LanguageEndpoint {
			f.def.GlobalParameters.Set(m.Name, "http://"+languageHost)
		}
	}
	var err error
	if f.principal, err = s.identity("factory/" + strings.ToLower(def.Name)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.factories {
		if strings.EqualFold(old.def.Name, def.Name) {
			return fmt.Errorf("two deployments declare a factory of the name %s", def.Name)
		}
	}
	s.factories = append(s.factories, f)
	return nil
}

// identity returns the object id under a name, made when it is first asked for.
func (s *System) identity(name string) (string, error) {
	key := "identity/" + name
	b, err := s.store.Meta(key)
	if err == nil {
		return string(b), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	id, err := uuid.NewRandomFromReader(s.o.Rand)
	if err != nil {
		return "", err
	}
	u := &commit.Unit{}
	s.store.PutMeta(u, key, []byte(id.String()))
	s.store.Submit(u)
	s.store.Sync(u)
	return id.String(), nil
}

// factory finds a factory by name, or the only one if name is empty.
func (s *System) factory(name string) (*factory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" && len(s.factories) == 1 {
		return s.factories[0], nil
	}
	var names []string
	for _, f := range s.factories {
		if strings.EqualFold(f.def.Name, name) {
			return f, nil
		}
		names = append(names, f.def.Name)
	}
	if name == "" && len(names) > 1 {
		return nil, &NotFoundError{fmt.Sprintf("there are several data factories; name one of %s", strings.Join(names, ", "))}
	}
	return nil, &NotFoundError{fmt.Sprintf("data factory %q is not deployed; deployed are: %s", name, strings.Join(names, ", "))}
}

// NotFoundError says what is not there.
type NotFoundError struct{ Msg string }

func (e *NotFoundError) Error() string { return e.Msg }

func (s *System) linkedService(factoryName, name string) (*pipeline.LinkedService, error) {
	f, err := s.factory(factoryName)
	if err != nil {
		return nil, err
	}
	l := f.def.LinkedService(name)
	if l == nil {
		return nil, &NotFoundError{fmt.Sprintf("linked service %s is not in factory %s", name, f.def.Name)}
	}
	return l, nil
}

// startTriggers starts the triggers whose definition says Started.
func (s *System) startTriggers() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.factories {
		for _, def := range f.def.Triggers {
			if !def.Started || def.ServiceBus == nil {
				continue
			}
			ep, err := s.triggerEndpoint(f, def)
			if err != nil {
				return fmt.Errorf("trigger %s of factory %s: %w", def.Name, f.def.Name, err)
			}
			src := &source{bus: s.bus, endpoint: ep, queue: def.ServiceBus.QueueName, log: s.log}
			q, err := src.open()
			if err != nil {
				return fmt.Errorf("trigger %s of factory %s: %w", def.Name, f.def.Name, err)
			}
			t, err := trigger.NewServiceBus(trigger.Options{
				Engine: s.engine, Log: s.store, Clock: activityClock{}, Logger: s.log, Source: src,
				Namespace: q.Namespace(), Factory: f.def, Trigger: def,
			})
			if err != nil {
				return fmt.Errorf("trigger %s of factory %s: %w", def.Name, f.def.Name, err)
			}
			if err := t.Start(s.links); err != nil {
				return fmt.Errorf("trigger %s of factory %s: %w", def.Name, f.def.Name, err)
			}
			f.triggers = append(f.triggers, t)
		}
	}
	return nil
}

func (s *System) stopTriggers() {
	s.mu.Lock()
	var all []*trigger.ServiceBus
	for _, f := range s.factories {
		all = append(all, f.triggers...)
		f.triggers = nil
	}
	s.mu.Unlock()
	for _, t := range all {
		t.Stop()
	}
}

// triggerEndpoint resolves the linked service of a trigger: only linkedService()
// can occur in its expressions.
func (s *System) triggerEndpoint(f *factory, def *pipeline.Trigger) (activity.Endpoint, error) {
	ref := def.ServiceBus.LinkedService
	l := f.def.LinkedService(ref.Name)
	if l == nil {
		return activity.Endpoint{}, fmt.Errorf("linked service %s is not in the factory", ref.Name)
	}
	if l.ServiceBus == nil {
		return activity.Endpoint{}, fmt.Errorf("linked service %s is of type %s, not AzureServiceBus", ref.Name, l.Type)
	}
	params := &expr.Object{}
	for _, p := range l.Parameters {
		v := p.Default
		if ref.Parameters != nil {
			if given, ok := ref.Parameters.Lookup(p.Name); ok {
				v = given
			}
		}
		params.Set(p.Name, v)
	}
	c := &expr.Context{Now: s.broker.Now(), LinkedService: params}
	read := func(v expr.Value) (string, error) {
		if o, ok := v.(*expr.Object); ok {
			if secret, ok := o.Lookup("value"); ok {
				v = secret
			}
		}
		v, err := c.Evaluate(v)
		if err != nil || v == nil {
			return "", err
		}
		return expr.Text(v), nil
	}
	var ep activity.Endpoint
	var err error
	if ep.FullyQualifiedNamespace, err = read(l.ServiceBus.FullyQualifiedNamespace); err != nil {
		return ep, err
	}
	ep.ConnectionString, err = read(l.ServiceBus.ConnectionString)
	return ep, err
}

func (s *System) httpURL() string { return "http://" + s.http.Addr().String() }

// ConnectionString is what an Azure client connects to a namespace with.
func (s *System) ConnectionString(namespace string) string {
	r, err := s.auth.Rule(namespace, "", DevelopmentKeyName)
	if err != nil || s.amqp == nil {
		return ""
	}
	host := s.amqp.Addr().String()
	if names := s.broker.Namespaces(); len(names) > 0 && !strings.EqualFold(names[0], namespace) {
		// At an address alone, clients mean the first namespace; the others are
		// told apart by name.
		if _, port, err := net.SplitHostPort(host); err == nil {
			host = strings.ToLower(namespace) + ".localhost:" + port
		}
	}
	return "Endpoint=sb://" + host + ";SharedAccessKeyName=" + r.Name + ";SharedAccessKey=" + r.PrimaryKey + ";UseDevelopmentEmulator=true;"
}
