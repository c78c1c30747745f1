package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

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
	// DataDir is the absolute path of the data directory; of an ephemeral Switchyard
	// that of the one that it was started for and does not touch, "" for one that
	// nobody else is meant to find.
	DataDir   string `json:"dataDir"`
	Ephemeral bool   `json:"ephemeral"`
}

// Namespace is a namespace as [Endpoints] lists it.
type Namespace struct {
	Name             string   `json:"name"`
	ConnectionString string   `json:"connectionString"`
	Queues           []string `json:"queues"`
	Topics           []string `json:"topics"`
	Subscriptions    []string `json:"subscriptions"` // each as topic/subscriptions/name
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

// Dir is the directory in which [Read] finds these endpoints.
func (e Endpoints) Dir() string {
	if e.Ephemeral {
		return filepath.Dir(e.CAFile)
	}
	return e.DataDir
}

// NotRunningError says that no Switchyard runs on a data directory.
type NotRunningError struct {
	Dir string
	// Why is what speaks for that although there is an endpoints file; it may be "".
	Why string
	// Elsewhere are the data directories that an ephemeral one of this user was started
	// for.
	Elsewhere []string
}

func (e *NotRunningError) Error() string {
	why := ""
	if e.Why != "" {
		why = " (" + e.Why + ")"
	}
	elsewhere := ""
	if len(e.Elsewhere) > 0 {
		elsewhere = ", such as " + strings.Join(slices.Compact(slices.Sorted(slices.Values(e.Elsewhere))), " or ")
	}
	return fmt.Sprintf(
		"no Switchyard is running on the data directory %s%s: start one with switchyard up, or name its directory with --data%s",
		e.Dir, why, elsewhere)
}

// Read finds the Switchyard that runs on a data directory, or the ephemeral one that was
// started in its place. A process that was killed leaves its file: [Find] tells.
func Read(dir string) (Endpoints, error) {
	e, err := read(dir)
	if err == nil && e.accepts() {
		return e, nil
	}
	other, elsewhere, ok := ephemeral(dir)
	if ok {
		return other, nil
	}
	if not, ok := errors.AsType[*NotRunningError](err); ok {
		not.Elsewhere = elsewhere
	}
	return e, err
}

// read reads the endpoints file of a directory.
func read(dir string) (Endpoints, error) {
	var e Endpoints
	name := filepath.Join(dir, File)
	b, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e, &NotRunningError{Dir: dir}
	case errors.Is(err, syscall.ENOTDIR):
		return e, &NotRunningError{Dir: dir, Why: "it is a file, not a directory"}
	case errors.Is(err, fs.ErrPermission):
		return e, fmt.Errorf("%s can't be read: only who started that Switchyard may; name another one with --data", name)
	case err != nil:
		return e, fmt.Errorf("%s can't be read: %w; name another Switchyard with --data", name, bare(err))
	}
	if json.Unmarshal(b, &e) != nil || !strings.HasPrefix(e.HTTP, "http://") {
		return e, &damagedError{name}
	}
	return e, nil
}

// damagedError is the error of an endpoints file that no Switchyard has left so.
type damagedError struct{ name string }

func (e *damagedError) Error() string {
	return e.name + " is damaged: it does not say how to connect; a Switchyard that is started again on that directory " +
		"writes it anew"
}

// bare is what the operating system says of a file, without the call and the name.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
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
