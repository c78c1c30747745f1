// Package ports says where clients find a namespace, and which namespace they mean.
//
// In Azure the host of a connection names the namespace. Here most clients connect
// to an address, so the Service Bus port belongs to one namespace, the first; each
// further one gets a port of its own. Which one is kept, so that connection strings
// survive a restart. The port of a deleted namespace stays open for the next one
// that needs a port.
//
// The package opens ports, and lets its owner serve them. It starts no goroutine.
package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"switchyard/commit"
	"switchyard/listen"
)

// A Store keeps the port of each namespace.
type Store interface {
	// Port returns what Keep has kept of a namespace, "" if there is nothing.
	Port(ns string) (string, error)
	// Keep and Forget add to a unit. Names are in lower case.
	Keep(u *commit.Unit, ns, port string)
	Forget(u *commit.Unit, ns string)
}

// mainPort is what is kept of the namespace at the Service Bus port; of others it
// is host:port.
const mainPort = "main"

// recordSize is more than what is kept of one namespace, in bytes.
const recordSize = 512

// Options are what [New] needs. All but Main and Names are required.
type Options struct {
	// Main is the Service Bus port, open; its owner closes it. Nil: there is none,
	// and no namespace has a port.
	Main net.Listener
	// Names are those of [Directory].
	Names []string
	// Namespaces returns the names of all namespaces, sorted. It must not call back.
	Namespaces func() []string
	Store      Store
	Log        commit.Log
}

// A ServeFunc serves a port, without waiting for its end. namespace returns the namespace
// that a client of the port means by the host it names; it is not called before
// ServeFunc has returned.
type ServeFunc func(l net.Listener, namespace func(host string) (ns string, ok bool))

// Ports are the ports of all namespaces. The methods are safe for concurrent use.
type Ports struct {
	o Options

	mu    sync.Mutex
	byNS  map[string]net.Listener // by name in lower case; guarded by mu
	spare []net.Listener          // belong to no namespace; guarded by mu
	serve ServeFunc               // nil: not yet; guarded by mu
}

var errNone = errors.New("there is no Service Bus endpoint")

// New opens the ports of the namespaces that there are. They are not served yet.
func New(o Options) (*Ports, error) {
	p := &Ports{o: o, byNS: map[string]net.Listener{}}
	if o.Main == nil {
		return p, nil
	}
	// First those that have had a port: a new one must not take theirs.
	var fresh []string
	for _, ns := range o.Namespaces() {
		kept, err := o.Store.Port(strings.ToLower(ns))
		if err == nil && kept == "" {
			fresh = append(fresh, ns)
			continue
		}
		if err == nil {
			_, err = p.Address(ns)
		}
		if err != nil {
			p.Close()
			return nil, err
		}
	}
	for _, ns := range fresh {
		if _, err := p.Address(ns); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// Serve begins to serve the Service Bus port, all others and those to come. What is
// also served is as good as the Service Bus port.
func (p *Ports) Serve(serve ServeFunc, also ...net.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = serve
	for _, l := range p.own() {
		p.begin(l, l.Addr().String())
	}
	if p.o.Main != nil {
		also = append(also, p.o.Main)
	}
	for _, l := range also {
		p.begin(l, p.main())
	}
}

// begin serves a port as if it were the one at an address, if the time for that has
// come. The caller holds mu.
func (p *Ports) begin(l net.Listener, address string) {
	if p.serve != nil {
		p.serve(l, func(host string) (string, bool) { return p.find(host, address) })
	}
}

// main returns the address of the Service Bus port, "" if there is none.
func (p *Ports) main() string {
	if p.o.Main == nil {
		return ""
	}
	return p.o.Main.Addr().String()
}

// own returns the ports beside the Service Bus port. The caller holds mu.
func (p *Ports) own() []net.Listener {
	all := slices.Clone(p.spare)
	for _, l := range p.byNS {
		if l != p.o.Main {
			all = append(all, l)
		}
	}
	return all
}

// Listens reports whether a port is the Service Bus port or one of the others.
func (p *Ports) Listens(port uint16) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	is := func(l net.Listener) bool {
		a, ok := l.Addr().(*net.TCPAddr)
		return ok && a.Port == int(port)
	}
	return p.o.Main != nil && is(p.o.Main) || slices.ContainsFunc(p.own(), is)
}

// Close closes the ports beside the Service Bus port.
func (p *Ports) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.own() {
		l.Close()
	}
}

// Address returns where clients that know no names find a namespace, host:port. A
// namespace that has no port gets one.
func (p *Ports) Address(ns string) (string, error) {
	if p.o.Main == nil {
		return "", errNone
	}
	key := strings.ToLower(ns)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.byNS[key]
	if l == nil {
		var err error
		if l, err = p.give(key); err != nil {
			return "", fmt.Errorf("port of namespace %s: %w", ns, err)
		}
	}
	return l.Addr().String(), nil
}

// give finds a port for a namespace that has none. The caller holds mu.
func (p *Ports) give(key string) (net.Listener, error) {
	kept, err := p.o.Store.Port(key)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	where := mainPort
	if (kept == mainPort || kept == "") && !p.mainTaken() {
		l = p.o.Main
	} else {
		address := kept
		if kept == mainPort {
			address = "" // kept of a namespace whose deletion a crash interrupted
		}
		if l, err = p.free(address); err != nil {
			return nil, err
		}
		where = l.Addr().String()
	}
	if kept != where {
		keep := func(u *commit.Unit) { p.o.Store.Keep(u, key, where) }
		if err := commit.Do(context.Background(), p.o.Log, recordSize, nil, keep); err != nil {
			if l != p.o.Main {
				p.spare = append(p.spare, l)
			}
			return nil, err
		}
	}
	p.byNS[key] = l
	return l, nil
}

// mainTaken reports whether a namespace is at the Service Bus port. The caller
// holds mu.
func (p *Ports) mainTaken() bool {
	for _, l := range p.byNS {
		if l == p.o.Main {
			return true
		}
	}
	return false
}

// free returns a port that belongs to no namespace, at the address if that is not
// taken. The caller holds mu.
func (p *Ports) free(address string) (net.Listener, error) {
	// At the host of the Service Bus port, whatever that was when a port was kept.
	host, _, err := net.SplitHostPort(p.main())
	if err != nil {
		return nil, err
	}
	port := "0"
	if address != "" {
		if _, port, err = net.SplitHostPort(address); err != nil {
			return nil, err
		}
	}
	at := net.JoinHostPort(host, port)
	for i, l := range p.spare {
		if address == "" || at == l.Addr().String() {
			p.spare = slices.Delete(p.spare, i, i+1)
			return l, nil
		}
	}
	l, err := listen.Open(at, true)
	if err == nil {
		p.begin(l, l.Addr().String())
	}
	return l, err
}

// Forget frees the port of a namespace that was deleted and forgets what is kept of
// it; add writes more into the same unit.
func (p *Ports) Forget(ns string, add func(u *commit.Unit)) error {
	key := strings.ToLower(ns)
	free := commit.EffectFunc(func(u *commit.Unit) (release func(), err error) {
		p.mu.Lock()
		p.o.Store.Forget(u, key)
		if l := p.byNS[key]; l != nil && l != p.o.Main {
			p.spare = append(p.spare, l)
		}
		delete(p.byNS, key)
		return p.mu.Unlock, nil
	})
	return commit.Do(context.Background(), p.o.Log, commit.Frees, free, add)
}

// find returns the namespace that a client means; see [Directory.Find].
func (p *Ports) find(host, through string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.directory().Find(host, through)
}

// directory is where everything is now. The caller holds mu.
func (p *Ports) directory() Directory {
	d := Directory{Names: p.o.Names, Main: p.main()}
	for _, ns := range p.o.Namespaces() {
		place := Place{Namespace: ns}
		if l := p.byNS[strings.ToLower(ns)]; l != nil {
			place.Address = l.Addr().String()
		}
		d.Places = append(d.Places, place)
	}
	return d
}

// Named returns the namespace that the factory means by the host of a linked
// service.
func (p *Ports) Named(host string) (string, error) {
	if ns, ok := p.find(host, ""); ok {
		return ns, nil
	}
	return "", fmt.Errorf("namespace %s is not served here; served are: %s",
		host, strings.Join(p.o.Namespaces(), ", "))
}
