package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/listen"
	"switchyard/servicebus"
	"switchyard/store"
)

// In Azure the host of a connection tells the namespace. Here most clients
// connect to an address, so the Service Bus port belongs to one namespace, the
// first; each further one gets a port of its own. Which one is kept, so that
// connection strings survive a restart.
const metaDoor = "door/" // + namespace in lower case -> mainDoor or host:port

const mainDoor = "main"

// A door is a port of one namespace's own. It stays open when the namespace goes,
// for the next one that needs a port.
type door struct {
	net.Listener
	ns string // in lower case, "" while there is none; guarded by System.mu
}

// address returns where clients that know no names find a namespace.
func (s *System) address(ns string) (string, error) {
	if s.amqp == nil {
		return "", errors.New("there is no Service Bus endpoint")
	}
	key := strings.ToLower(ns)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.doors[key]; l != nil {
		return l.Addr().String(), nil
	}
	kept, err := s.store.Meta(metaDoor + key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	address := string(kept)
	if address == mainDoor || address == "" {
		// What is kept of a namespace whose deletion a crash interrupted is no claim.
		if owner := s.mainOwner(); owner == "" || owner == key {
			s.setDoor(key, s.amqp)
			return s.amqp.Addr().String(), s.keepDoor(key, kept, mainDoor)
		}
		address = ""
	}
	d, err := s.spareDoor(address)
	if err != nil {
		return "", fmt.Errorf("port of namespace %s: %w", ns, err)
	}
	d.ns = key
	s.setDoor(key, d)
	return d.Addr().String(), s.keepDoor(key, kept, d.Addr().String())
}

// spareDoor returns a door that belongs to nobody, at the address if that is not
// taken. The caller holds mu.
func (s *System) spareDoor(address string) (*door, error) {
	for i, d := range s.spare {
		if address == "" || address == d.Addr().String() {
			s.spare = slices.Delete(s.spare, i, i+1)
			return d, nil
		}
	}
	if address == "" {
		host, _, err := net.SplitHostPort(s.amqp.Addr().String())
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, "0")
	}
	l, err := listen.Open(address, true)
	if err != nil {
		return nil, err
	}
	d := &door{Listener: l}
	if s.web != nil {
		s.serveDoor(d)
	}
	return d, nil
}

func (s *System) serveDoor(d *door) {
	s.servePort(d, func(string) (string, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return d.ns, d.ns != ""
	})
}

// mainOwner returns the namespace, in lower case, that the Service Bus port
// belongs to, "" if it is free. The caller holds mu.
func (s *System) mainOwner() string {
	for _, n := range s.broker.Namespaces() {
		key := strings.ToLower(n)
		if kept, err := s.store.Meta(metaDoor + key); err == nil && string(kept) == mainDoor {
			return key
		}
	}
	return ""
}

func (s *System) setDoor(key string, l net.Listener) {
	if s.doors == nil {
		s.doors = map[string]net.Listener{}
	}
	s.doors[key] = l
}

func (s *System) keepDoor(key string, kept []byte, value string) error {
	if string(kept) == value {
		return nil
	}
	u := &commit.Unit{}
	s.store.PutMeta(u, metaDoor+key, []byte(value))
	s.store.Submit(u)
	s.store.Sync(u)
	return nil
}

// forgetNamespace frees the port of a deleted namespace and forgets what is kept
// of it here.
func (s *System) forgetNamespace(ns string) {
	key := strings.ToLower(ns)
	u := &commit.Unit{}
	s.store.DeleteMeta(u, metaDoor+key)
	s.store.DeleteMeta(u, metaDevelopmentKey+key)
	s.mu.Lock()
	if d, ok := s.doors[key].(*door); ok {
		d.ns = ""
		s.spare = append(s.spare, d)
	}
	delete(s.doors, key)
	s.store.Submit(u)
	s.mu.Unlock()
	s.store.Sync(u)
}

// namespaceOf tells which namespace a client of the Service Bus port means: the
// one that it names; else the one that the port belongs to.
func (s *System) namespaceOf(host string) (string, bool) {
	if ns, ok := s.namespaceByName(host); ok {
		return ns, true
	}
	for _, n := range s.broker.Namespaces() {
		if kept, err := s.store.Meta(metaDoor + strings.ToLower(n)); err == nil && string(kept) == mainDoor {
			return n, true
		}
	}
	if names := s.broker.Namespaces(); len(names) > 0 {
		return names[0], true
	}
	return "", false
}

// serve begins to accept. Every port tells protocols apart, with TLS and
// without, so a client that mistakes one for the other is served all the same.
func (s *System) serve() error {
	for _, n := range s.broker.Namespaces() {
		if s.amqp == nil {
			break
		}
		if _, err := s.address(n); err != nil {
			return err
		}
	}
	web := &http.Server{
		Handler:           listen.WithTLS(listen.Guard(s.routes(), certificateNames...)),
		ConnContext:       listen.ConnContext,
		ReadHeaderTimeout: firstByte,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.mu.Lock()
	s.web = web
	for _, d := range s.ownDoors() {
		s.serveDoor(d)
	}
	for _, l := range []net.Listener{s.amqp, s.http} {
		if l != nil {
			s.servePort(l, s.namespaceOf)
		}
	}
	s.mu.Unlock()
	context.AfterFunc(s.ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if web.Shutdown(ctx) != nil {
			web.Close()
		}
	})
	if s.applications == nil && s.amqp != nil {
		s.log.Info("development: any client id with any secret logs in to the control plane; --auth strict asks for registered applications")
	}
	if s.o.Ephemeral {
		return nil
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	return s.Endpoints().write(s.o.DataDir)
}

// ownDoors returns the ports beside the Service Bus port, those that belong to
// nobody included. The caller holds mu.
func (s *System) ownDoors() []*door {
	all := slices.Clone(s.spare)
	for _, l := range s.doors {
		if d, ok := l.(*door); ok {
			all = append(all, d)
		}
	}
	return all
}

// servePort serves one port until the ports close. The caller holds mu.
func (s *System) servePort(l net.Listener, namespace func(host string) (string, bool)) {
	dialect := servicebus.NewHandler(servicebus.Options{
		Broker: s.broker, Auth: s.auth, Clock: s.clock, Logger: s.log, Rand: s.o.Rand, Namespace: namespace,
	})
	s.dialects = append(s.dialects, dialect)
	web := s.web
	// Sockets know the machine's time only.
	mux := listen.NewMux(l, firstByte, clock.Wall{}.Now)
	am, ht := mux.Listener(listen.AMQP), mux.Listener(listen.HTTP)
	mux.TerminateTLS(s.control.certs.Config(), func(remote net.Addr, err error) {
		s.log.Debug("TLS handshake failed; does the client trust our authority?", "remote", remote.String(), "err", err)
	})
	s.wg.Go(func() {
		if err := mux.Serve(s.ctx); err != nil {
			s.log.Error("a port failed", "address", l.Addr().String(), "err", err)
		}
	})
	s.wg.Go(func() { s.serveAMQP(dialect, am) })
	s.wg.Go(func() {
		if err := web.Serve(ht); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("HTTP failed", "err", err)
		}
	})
}

// entityChanged detaches the links of an entity that was changed or deleted, as
// Azure does [SB-AMQP 3.6].
func (s *System) entityChanged(ns, path string) {
	s.mu.Lock()
	all := append([]*servicebus.Handler(nil), s.dialects...)
	s.mu.Unlock()
	for _, d := range all {
		d.EntityChanged(ns, path)
	}
}
