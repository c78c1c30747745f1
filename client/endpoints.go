package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"switchyard/auth"
)

// File is the name of the file that is in the data directory while a Switchyard
// runs on it, readable by its owner only: it holds a key.
const File = "endpoints.json"

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
	// Token opens the management part of HTTP to those who can read the data
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

// WithoutKey is the connection string to be shown, since a terminal is scrolled back,
// copied and recorded: "****" stands for its key, except for the documented
// development key, which is no secret.
func (n Namespace) WithoutKey() string {
	c, err := auth.ParseConnectionString(n.ConnectionString)
	if err == nil && c.Key == auth.DevelopmentKey {
		return n.ConnectionString
	}
	return c.String()
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
	return fmt.Sprintf(
		"no Switchyard is running on the data directory %s: start one with switchyard up, or name its directory with --data",
		e.Dir)
}

// Read finds the Switchyard that runs on a data directory.
func Read(dir string) (Endpoints, error) {
	var e Endpoints
	b, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return e, &NotRunningError{dir}
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%s: %w", filepath.Join(dir, File), err)
	}
	return e, nil
}

// Write writes the endpoints file of a data directory.
func (e Endpoints) Write(dir string) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	// Written aside and renamed, so that nobody reads half of it.
	name := filepath.Join(dir, File)
	tmp := name + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
