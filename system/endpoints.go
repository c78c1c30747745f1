package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"switchyard/listen"
)

// endpointsFile is written into the data directory while a Switchyard runs on
// it, readable by its owner only: it holds a key.
const endpointsFile = "endpoints.json"

// Endpoints says how to connect to a running Switchyard.
type Endpoints struct {
	PID              int         `json:"pid"`
	AMQP             string      `json:"amqp"`  // host:port
	HTTP             string      `json:"http"`  // URL without trailing slash
	HTTPS            string      `json:"https"` // the same port, with TLS: the control plane
	ConnectionString string      `json:"connectionString"`
	Namespaces       []Namespace `json:"namespaces"`
	Factories        []Factory   `json:"factories"`
	// TenantID and SubscriptionID are those of this data directory. ClientID and
	// ClientSecret log in; with the development default any others do too.
	TenantID       string `json:"tenantId"`
	SubscriptionID string `json:"subscriptionId"`
	ClientID       string `json:"clientId"`
	ClientSecret   string `json:"clientSecret,omitempty"`
	// CAFile is the certificate authority's certificate, BundleFile that and the
	// system's.
	CAFile     string `json:"caFile"`
	BundleFile string `json:"bundleFile"`
	// Token opens the management part of HTTP to whoever can read the data
	// directory.
	Token string `json:"token,omitempty"`
}

// Namespace is a namespace as [Endpoints] lists it.
type Namespace struct {
	Name             string   `json:"name"`
	ConnectionString string   `json:"connectionString"`
	Queues           []string `json:"queues"`
	Topics           []string `json:"topics"`
}

// Factory is a data factory as [Endpoints] lists it.
type Factory struct {
	Name      string   `json:"name"`
	Pipelines []string `json:"pipelines"`
	Triggers  []string `json:"triggers"`
}

// Public returns the endpoints without the token, to be printed.
func (e Endpoints) Public() Endpoints { e.Token = ""; return e }

// NotRunningError says that no Switchyard runs on a data directory.
type NotRunningError struct{ Dir string }

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("no Switchyard is running on the data directory %s: start one with switchyard up, or name its directory with --data", e.Dir)
}

// ReadEndpoints finds the Switchyard that runs on a data directory.
func ReadEndpoints(dir string) (Endpoints, error) {
	var e Endpoints
	b, err := os.ReadFile(filepath.Join(dir, endpointsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, &NotRunningError{dir}
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%s: %w", filepath.Join(dir, endpointsFile), err)
	}
	return e, nil
}

func (e Endpoints) write(dir string) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	// Written aside and renamed, so that nobody reads half of it.
	name := filepath.Join(dir, endpointsFile)
	tmp := name + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// publish writes the endpoints file anew, once there is one: whoever reads it finds
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
	if err := s.Endpoints().write(s.o.DataDir); err != nil {
		s.log.Error("the endpoints file can't be written", "err", err)
	}
}

// Endpoints says how to connect to this Switchyard.
func (s *System) Endpoints() Endpoints {
	e := Endpoints{
		PID: os.Getpid(), HTTP: s.httpURL(), HTTPS: s.httpsURL(), Token: s.token, Namespaces: []Namespace{}, Factories: []Factory{},
		TenantID: s.tenant, SubscriptionID: s.subscription, ClientID: DevelopmentClientID, ClientSecret: DevelopmentClientSecret,
		CAFile: filepath.Join(s.control.certDir, listen.AuthorityFile), BundleFile: filepath.Join(s.control.certDir, listen.BundleFile),
	}
	if s.applications != nil {
		e.ClientID, e.ClientSecret = "", "" // registered ones only
	}
	if s.amqp != nil {
		e.AMQP = s.amqp.Addr().String()
	}
	for i, name := range s.broker.Namespaces() {
		n := Namespace{Name: name, ConnectionString: s.ConnectionString(name), Queues: []string{}, Topics: []string{}}
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
		x := Factory{Name: f.Name, Pipelines: []string{}, Triggers: []string{}}
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
