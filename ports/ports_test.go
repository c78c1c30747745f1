package ports_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/commit"
	"switchyard/ports"
)

// A disk is a store and its log.
type disk struct {
	mu   sync.Mutex
	kept map[string]string
	full error
}

func (d *disk) Port(ns string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept[ns], nil
}

func (d *disk) Keep(u *commit.Unit, ns, port string) {
	u.Then(func() { d.set(ns, port) })
}

func (d *disk) Forget(u *commit.Unit, ns string) { u.Then(func() { d.set(ns, "") }) }

func (d *disk) set(ns, port string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept[ns] = port; port == "" {
		delete(d.kept, ns)
	}
}

func (d *disk) Admit(_ context.Context, bytes int) error {
	if bytes == 0 {
		return nil // what frees space passes
	}
	return d.full
}
func (d *disk) Submit(*commit.Unit) {}
func (d *disk) Sync(u *commit.Unit) {
	for _, f := range u.Callbacks() {
		f()
	}
}

// A machine is a disk, the namespaces that there are, and the Service Bus port.
type machine struct {
	*testing.T
	*disk
	names []string
	main  net.Listener
	*ports.Ports
}

func newMachine(t *testing.T, kept map[string]string, names ...string) *machine {
	t.Helper()
	m := &machine{T: t, disk: &disk{kept: kept}, names: names}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.main = l
	t.Cleanup(func() { l.Close() })
	m.open()
	return m
}

// open starts anew with what is on disk.
func (m *machine) open() {
	m.Helper()
	if m.Ports != nil {
		m.Ports.Close()
	}
	p, err := ports.New(ports.Options{Main: m.main, Namespaces: func() []string { return m.names }, Store: m.disk, Log: m.disk})
	if err != nil {
		m.Fatal(err)
	}
	m.Ports = p
	m.Cleanup(p.Close)
}

func (m *machine) address(ns string) string {
	m.Helper()
	a, err := m.Address(ns)
	if err != nil {
		m.Fatal(err)
	}
	return a
}

// add creates a namespace.
func (m *machine) add(ns string) string {
	m.Helper()
	m.names = append(m.names, ns)
	slices.Sort(m.names)
	return m.address(ns)
}

// remove deletes one.
func (m *machine) remove(ns string) {
	m.Helper()
	m.names = slices.DeleteFunc(m.names, func(n string) bool { return strings.EqualFold(n, ns) })
	if err := m.Ports.Forget(ns, func(u *commit.Unit) { u.Set([]byte("with"), nil) }); err != nil {
		m.Fatal(err)
	}
}

// TestPortsAreKept: each namespace has a port, the same after a restart; the first
// has the Service Bus port.
func TestPortsAreKept(t *testing.T) {
	m := newMachine(t, map[string]string{})
	first, second := m.add("Second-1"), m.add("another-1")
	if main := m.main.Addr().String(); first != main || second == main {
		t.Errorf("the first is at %s, the second at %s; the Service Bus port is %s", first, second, main)
	}
	if again := m.address("SECOND-1"); again != first {
		t.Errorf("the same name in other letters is at %s, want %s", again, first)
	}
	m.open()
	for ns, want := range map[string]string{"Second-1": first, "another-1": second} {
		if got := m.address(ns); got != want {
			t.Errorf("%s is at %s after a restart, before at %s", ns, got, want)
		}
	}
	if want := map[string]string{"second-1": "main", "another-1": second}; m.kept["second-1"] != "main" || m.kept["another-1"] != second {
		t.Errorf("kept: %v, want %v", m.kept, want)
	}
}

// TestStartOrder: a namespace that has had the Service Bus port keeps it before one
// that has had none.
func TestStartOrder(t *testing.T) {
	m := newMachine(t, map[string]string{"zulu-1": "main"}, "alpha-1", "zulu-1")
	if got, want := m.address("zulu-1"), m.main.Addr().String(); got != want {
		t.Errorf("zulu-1 is at %s, want %s", got, want)
	}
	if m.address("alpha-1") == m.main.Addr().String() {
		t.Error("two namespaces are at the Service Bus port")
	}
}

// TestDeletedNamespace: a freed port is used again, and what is kept of a namespace
// whose deletion was interrupted takes nobody's port.
func TestDeletedNamespace(t *testing.T) {
	m := newMachine(t, map[string]string{})
	main := m.add("one-123")
	port := m.add("two-123")
	m.remove("TWO-123")
	if got := m.add("three-1"); got != port {
		t.Errorf("the next namespace is at %s, want the free port %s", got, port)
	}
	m.remove("one-123")
	if len(m.kept) != 1 {
		t.Errorf("kept: %v, want the port of three-1 only", m.kept)
	}
	if got := m.add("four-12"); got != main {
		t.Errorf("the next namespace is at %s, want the Service Bus port", got)
	}
	m.set("ghost-1", "main") // a crash left it behind
	if got := m.add("ghost-1"); got == main || m.kept["ghost-1"] != got {
		t.Errorf("a namespace made again is at %s, kept is %q; the Service Bus port %s is four-12's", got, m.kept["ghost-1"], main)
	}
}

// TestServe: ports that are open and ports to come are served, each for the
// namespace that it belongs to at the time.
func TestServe(t *testing.T) {
	m := newMachine(t, map[string]string{})
	served := map[string]func(string) (string, bool){}
	m.add("one-123")
	two := m.add("two-123")
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	m.Serve(func(l net.Listener, namespace func(string) (string, bool)) {
		if served[l.Addr().String()] != nil {
			t.Errorf("%s is served twice", l.Addr())
		}
		served[l.Addr().String()] = namespace
	}, web)
	want := func(address, host, ns string) {
		t.Helper()
		f := served[address]
		if f == nil {
			t.Fatalf("%s is not served", address)
		}
		if got, ok := f(host); got != ns || ok != (ns != "") {
			t.Errorf("%s at %s means %q, want %q", host, address, got, ns)
		}
	}
	main := m.main.Addr().String()
	want(main, "127.0.0.1", "one-123")
	want(web.Addr().String(), "127.0.0.1", "one-123")
	want(main, "two-123.servicebus.windows.net", "two-123")
	want(two, "127.0.0.1", "two-123")
	three := m.add("three-1")
	want(three, "127.0.0.1", "three-1")
	m.remove("two-123")
	want(two, "127.0.0.1", "")
	if got := m.add("two-123"); got != two {
		t.Errorf("the namespace made again is at %s, want %s", got, two)
	}
	want(two, "127.0.0.1", "two-123")
	if len(served) != 4 {
		t.Errorf("%d ports are served, want 4", len(served))
	}
	for host, ns := range map[string]string{two: "two-123", "one-123.servicebus.windows.net": "one-123"} {
		if got, err := m.Named(host); err != nil || got != ns {
			t.Errorf("a linked service with %s means %q, %v; want %s", host, got, err, ns)
		}
	}
	if _, err := m.Named("four-12"); err == nil || !strings.Contains(err.Error(), "four-12 is not served here; served are: one-123, three-1, two-123") {
		t.Errorf("error %v, want one that names what is served", err)
	}
}

// TestFullDisk: a namespace whose port can't be kept has none; the port is not lost.
func TestFullDisk(t *testing.T) {
	m := newMachine(t, map[string]string{})
	m.add("one-123")
	m.full = errors.New("disk full")
	if _, err := m.Address("two-123"); !errors.Is(err, m.full) || !strings.Contains(err.Error(), "port of namespace two-123") {
		t.Errorf("error %v, want that of the disk with the namespace", err)
	}
	m.full = nil
	two := m.add("two-123")
	if m.kept["two-123"] != two {
		t.Errorf("kept: %v, want %s", m.kept, two)
	}
}

// TestNoServiceBus: without a Service Bus port no namespace has one, and linked
// services find namespaces by name.
func TestNoServiceBus(t *testing.T) {
	d := &disk{kept: map[string]string{}}
	p, err := ports.New(ports.Options{Namespaces: func() []string { return []string{"one-123"} }, Store: d, Log: d})
	if err != nil {
		t.Fatal(err)
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	var served func(string) (string, bool)
	p.Serve(func(l net.Listener, namespace func(string) (string, bool)) {
		if served = namespace; l != web {
			t.Errorf("%s is served", l.Addr())
		}
	}, web)
	if ns, ok := served("one-123"); ns != "one-123" || !ok {
		t.Errorf("one-123 means %q, %v", ns, ok)
	}
	if a, err := p.Address("one-123"); err == nil {
		t.Errorf("one-123 is at %s", a)
	}
	if ns, err := p.Named("one-123.servicebus.windows.net"); ns != "one-123" || err != nil {
		t.Errorf("the linked service means %q, %v", ns, err)
	}
	if err := p.Forget("one-123", func(*commit.Unit) {}); err != nil {
		t.Error(err)
	}
	p.Close()
}

func (d *disk) Wait(u *commit.Unit) error {
	d.Sync(u)
	return nil
}
func (d *disk) Stalled() (<-chan struct{}, error) { return nil, nil }
