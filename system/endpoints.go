package system

import (
	"os"
	"path/filepath"

	"switchyard/auth"
	"switchyard/client"
	"switchyard/identity"
	"switchyard/listen"
)

// publish writes the endpoints file anew, once there is one: a client that reads it finds
// the namespaces that there are now, and their keys.
func (s *System) publish() {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.mu.Lock()
	serves := s.serves && !s.stopped
	s.mu.Unlock()
	if !serves || s.o.Ephemeral {
		return
	}
	if err := s.Endpoints().Write(s.o.DataDir); err != nil {
		s.log.Error("the endpoints file can't be written", "err", err)
	}
}

// Endpoints says how to connect to this Switchyard.
func (s *System) Endpoints() client.Endpoints {
	e := client.Endpoints{
		PID: os.Getpid(), HTTP: "http://" + s.http.Addr().String(), HTTPS: s.httpsURL(), Token: s.token,
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
		e.AMQP = s.amqp.Addr().String()
	}
	for i, name := range s.broker.Namespaces() {
		n := client.Namespace{Name: name, ConnectionString: s.ConnectionString(name), Queues: []string{}, Topics: []string{}}
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

func (s *System) httpsURL() string { return "https://" + s.http.Addr().String() }

// ConnectionString is what an Azure client connects to a namespace with.
func (s *System) ConnectionString(namespace string) string {
	r, err := s.auth.Rule(namespace, "", auth.DefaultRuleName)
	if err != nil {
		return ""
	}
	return s.connectionString(namespace, "", r.Name, r.PrimaryKey)
}

// connectionString is that for a key, of an entity unless it is "".
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
