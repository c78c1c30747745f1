// Package conformance runs real Pulumi programs, in Go, Node and Python, through the
// life of a stack with the real engine and the local provider. It needs time and
// downloads, so it runs only when it is asked to:
//
//	SWITCHYARD_CONFORMANCE=1 go test ./conformance     against a Switchyard that it builds
//	SWITCHYARD_CONFORMANCE=fake go test ./conformance  against the Resource Manager of armtest
package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"switchyard/infra/pulumi/local"
	"switchyard/infra/pulumi/provider/armclient"
	"switchyard/infra/pulumi/provider/armtest"
)

// world is a control plane, an engine and the local provider.
type world struct {
	*local.Pulumi
	env map[string]string
	arm *armclient.Client
	dir string
}

var shared struct {
	sync.Mutex
	*world
	stop []func()
}

// TestMain ends what the tests started.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range shared.stop {
		f()
	}
	os.Exit(code)
}

// start makes the world, once for all tests.
func start(t *testing.T) *world {
	t.Helper()
	mode := os.Getenv("SWITCHYARD_CONFORMANCE")
	if mode == "" {
		t.Skip("set SWITCHYARD_CONFORMANCE=1 to run Pulumi's engine")
	}
	if mode == "fake" {
		return fake(t)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.world != nil {
		return shared.world
	}
	dir, err := os.MkdirTemp("", "switchyard-conformance-")
	if err != nil {
		t.Fatal(err)
	}
	shared.stop = append(shared.stop, func() { os.RemoveAll(dir) })
	s, err := local.Start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	shared.stop = append([]func(){s.Stop}, shared.stop...)
	w := attach(t, dir, s.Env)
	shared.stop = append([]func(){w.Stop}, shared.stop...)
	shared.world = w
	return w
}

// fake makes a world of the test's own.
func fake(t *testing.T) *world {
	dir := t.TempDir()
	w := attach(t, dir, armtest.New(t).Env())
	t.Cleanup(w.Stop)
	return w
}

func attach(t *testing.T, dir string, env map[string]string) *world {
	t.Helper()
	engine, err := local.Engine(context.WithoutCancel(t.Context()), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	p, err := local.Attach(dir, engine, env, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	arm, err := armclient.New(armclient.Options{MetadataHost: env["ARM_METADATA_HOSTNAME"], SubscriptionID: env["ARM_SUBSCRIPTION_ID"],
		TenantID: env["ARM_TENANT_ID"], ClientID: env["ARM_CLIENT_ID"], ClientSecret: env["ARM_CLIENT_SECRET"], CertFile: env["SSL_CERT_FILE"], UserAgent: "conformance"})
	if err != nil {
		t.Fatal(err)
	}
	return &world{Pulumi: p, env: env, arm: arm, dir: dir}
}

// Api-versions that the tests ask with.
const (
	groupVersion   = "2024-03-01"
	busVersion     = "2024-01-01"
	factoryVersion = "2018-06-01"
)

func (w *world) group(name string) string {
	return "/subscriptions/" + w.arm.SubscriptionID() + "/resourceGroups/" + name
}

func (w *world) queue(group, ns, name string) string {
	return w.group(group) + "/providers/Microsoft.ServiceBus/namespaces/" + ns + "/queues/" + name
}

// get reads a resource as any client would.
func (w *world) get(t *testing.T, id, version string) map[string]any {
	t.Helper()
	r, err := w.arm.Do(t.Context(), "GET", id, version, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Body
}

// gone checks that a resource does not exist.
func (w *world) gone(t *testing.T, id, version string) {
	t.Helper()
	if _, err := w.arm.Do(t.Context(), "GET", id, version, nil); !armclient.IsNotFound(err) {
		t.Errorf("GET %s: %v; want it gone", id, err)
	}
}

// property is properties.name of a resource, as text.
func property(body map[string]any, name string) string {
	p, _ := body["properties"].(map[string]any)
	return fmt.Sprint(p[name])
}

// run runs a program of another language with the world's environment.
func (w *world) run(t *testing.T, dir string, extra map[string]string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	env := maps.Clone(w.Env)
	maps.Copy(env, extra)
	env["PATH"] = w.Bin() + string(os.PathListSeparator) + os.Getenv("PATH")
	cmd.Env = os.Environ()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copyTo copies a folder of testdata to where packages may be installed.
func (w *world) copyTo(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(w.dir, filepath.Base(from))
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}
