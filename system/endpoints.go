package system

import (
	"os"
	"path/filepath"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/client"
	"switchyard/identity"
	"switchyard/listen"
)

// Endpoints says how to connect to this Switchyard.
func (s *System) Endpoints() client.Endpoints {
	e := client.Endpoints{
		PID: os.Getpid(), DataDir: s.o.absDataDir(), Ephemeral: s.o.Ephemeral, HTTP: "http://" + listen.Local(s.http.Addr().String()), HTTPS: s.httpsURL(), Token: s.token,
		Namespaces: []client.Namespace{}, Factories: []client.Factory{},
		TenantID: s.identities.TenantID(), SubscriptionID: s.subscription,
		ClientID: identity.DevelopmentClientID, ClientSecret: identity.DevelopmentClientSecret,
		CAFile:     filepath.Join(s.control.certDir, listen.AuthorityFile),
		BundleFile: filepath.Join(s.control.certDir, listen.BundleFile),
	}
	if s.identities.Strict() {
		e.ClientID, e.ClientSecret = "", "" // registered ones only
	}
	if s.amqp != nil {
		e.AMQP = listen.Local(s.amqp.Addr().String())
	}
	for i, name := range s.broker.Namespaces() {
		n := client.Namespace{Name: name, ConnectionString: s.ConnectionString(name), Queues: []string{}, Topics: []string{},
			Subscriptions: []string{}}
		if i == 0 {
			e.ConnectionString = n.ConnectionString
		}
		queues, err := s.broker.Queues(name)
		if err != nil {
			continue // deleted meanwhile
		}
		for _, q := range queues {
			n.Queues = append(n.Queues, q.Path)
		}
		topics, err := s.broker.Topics(name)
		if err != nil {
			continue
		}
		for _, t := range topics {
			n.Topics = append(n.Topics, t.Path)
			subscriptions, _ := s.broker.Subscriptions(name, t.Path) // none of a topic deleted meanwhile
			for _, sub := range subscriptions {
				n.Subscriptions = append(n.Subscriptions, broker.SubscriptionPath(t.Path, sub.Name))
			}
		}
		e.Namespaces = append(e.Namespaces, n)
	}
	for _, name := range s.factories.Names() {
		f, err := s.factories.Factory(name)
		if err != nil {
			continue // deleted meanwhile
		}
		x := client.Factory{Name: f.Name, Pipelines: []string{}, Triggers: []string{}}
		for _, p := range f.Pipelines {
			x.Pipelines = append(x.Pipelines, p.Name)
		}
		for _, t := range f.Triggers {
			x.Triggers = append(x.Triggers, t.Name)
		}
		e.Factories = append(e.Factories, x)
	}
	return e
}

func (s *System) httpsURL() string { return "https://" + listen.Local(s.http.Addr().String()) }

// ConnectionString is what an Azure client on this machine connects to a namespace with.
func (s *System) ConnectionString(namespace string) string {
	r, err := s.auth.Rule(namespace, "", auth.DefaultRuleName)
	if err != nil {
		return ""
	}
	return s.connectionString(true, namespace, "", r.Name, r.PrimaryKey)
}

// connectionString is that for a key, of an entity unless it is "", for clients on this
// machine or on others.
func (s *System) connectionString(local bool, namespace, entity, keyName, key string) string {
	if s.amqp == nil {
		return ""
	}
	host, err := s.ports.Address(namespace)
	if err != nil {
		s.log.Error("a namespace has no port", "namespace", namespace, "err", err)
		return ""
	}
	c := auth.ConnectionString{Endpoint: listen.Local(host), KeyName: keyName, Key: key, EntityPath: entity, Emulator: local}
	if !local {
		c.Endpoint = s.o.Exposure.Public(host)
	}
	return c.Format()
}
