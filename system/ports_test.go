package system

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/auth"
)

// group and namespace are resource ids of the control plane's tests.
func (s *System) testGroup(name string) string {
	return "/subscriptions/" + s.subscription + "/resourceGroups/" + name
}

func (s *System) testNamespace(group, name string) string {
	return s.testGroup(group) + "/providers/Microsoft.ServiceBus/namespaces/" + name
}

func must(t *testing.T, s *System, method, path, body string) {
	t.Helper()
	if code, answer := request(t, s, method, path+"?api-version=2021-11-01", body); code >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, code, answer)
	}
}

func makeNamespace(t *testing.T, s *System, group, name string) {
	t.Helper()
	must(t, s, "PUT", s.testGroup(group), `{"location":"westeurope"}`)
	must(t, s, "PUT", s.testNamespace(group, name), `{"location":"westeurope"}`)
	must(t, s, "PUT", s.testNamespace(group, name)+"/queues/q", `{"properties":{}}`)
}

func port(t *testing.T, s *System, ns string) string {
	t.Helper()
	cs, err := auth.ParseConnectionString(s.ConnectionString(ns))
	if err != nil {
		t.Fatal(err)
	}
	return cs.Endpoint
}

// wantServed sends a message to queue q with a namespace's connection string and
// receives it.
func wantServed(t *testing.T, s *System, ns string) {
	t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(s.ConnectionString(ns), &azservicebus.ClientOptions{RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	sendTo(t, c, "q", "for-"+ns)
	if ids := left(t, c, "q"); len(ids) != 1 || ids[0] != "for-"+ns {
		t.Errorf("in q of %s: %v, want its own message only", ns, ids)
	}
}

// TestPortOfDeletedNamespace: a port belongs to one namespace, also when another
// was deleted, by itself or with its group, and comes back.
func TestPortOfDeletedNamespace(t *testing.T) {
	for _, c := range []struct {
		name   string
		delete func(s *System) string
	}{
		{"namespace", func(s *System) string { return s.testNamespace("g1", "alpha-1") }},
		{"group", func(s *System) string { return s.testGroup("g1") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startSystem(t, Options{Ephemeral: true})
			makeNamespace(t, s, "g1", "alpha-1")
			if got, want := port(t, s, "alpha-1"), s.amqp.Addr().String(); got != want {
				t.Errorf("first namespace at %s, want %s", got, want)
			}
			must(t, s, "DELETE", c.delete(s), "")
			makeNamespace(t, s, "g2", "beta-12")
			makeNamespace(t, s, "g1", "alpha-1")
			alpha, beta := port(t, s, "alpha-1"), port(t, s, "beta-12")
			if alpha == beta {
				t.Errorf("two namespaces are at %s", alpha)
			}
			if want := s.amqp.Addr().String(); beta != want {
				t.Errorf("the only namespace is at %s, want %s", beta, want)
			}
			wantServed(t, s, "alpha-1")
			wantServed(t, s, "beta-12")
		})
	}
}

// TestFirstNamespaceHasTheMainPort: who lists keys first does not decide whose
// the Service Bus port is.
func TestFirstNamespaceHasTheMainPort(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true})
	makeNamespace(t, s, "g1", "first-1")
	makeNamespace(t, s, "g1", "another-1")
	_ = port(t, s, "another-1")
	if got, want := port(t, s, "first-1"), s.amqp.Addr().String(); got != want {
		t.Errorf("the namespace that was created first is at %s, want %s", got, want)
	}
}

// TestPortsAreReused: namespaces that come and go leave no ports behind.
func TestPortsAreReused(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true})
	makeNamespace(t, s, "g1", "stays-1")
	seen := map[string]bool{}
	for _, name := range []string{"guest-1", "guest-2", "guest-1", "guest-3"} {
		makeNamespace(t, s, "g1", name)
		wantServed(t, s, name)
		seen[port(t, s, name)] = true
		// Names are as they were written, whatever client asks for them.
		must(t, s, "DELETE", s.testNamespace("g1", strings.ToUpper(name)), "")
	}
	if len(seen) != 1 {
		t.Errorf("four guests, one at a time, had %d ports, want 1", len(seen))
	}
	for p := range seen {
		if _, _, err := net.SplitHostPort(p); err != nil || p == s.amqp.Addr().String() {
			t.Errorf("guests were at %q, want a port of their own", p)
		}
	}
}
