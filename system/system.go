// Package system is the wiring: options in, a running Switchyard out. It decides
// the order in which the packages start and stop, adapts them to the interfaces
// that they declare for each other, and owns the one real clock.
//
// Start order: the store, the broker and its namespaces, the ports, the
// deployments, the engine with the runs that were in flight, the triggers, and
// last whoever connects. Stop is the reverse: nothing new is taken before what
// runs is given its time to finish.
package system

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"switchyard/arm/servicebusrp"
	"switchyard/auth"
	"switchyard/auth/issuer"
	"switchyard/bridge"
	"switchyard/broker"
	"switchyard/client"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/language"
	"switchyard/listen"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/trigger"
	"switchyard/ports"
	"switchyard/store"
)

// A System is a running Switchyard.
type System struct {
	o      Options
	log    *slog.Logger
	clock  *clock.Process // the one clock of everything below
	store  *store.Store
	broker *broker.Broker
	auth   *auth.Authority
	bus    *bridge.Bus
	engine *engine.Engine
	// registry is filled before the engine starts.
	registry *activity.Registry

	amqp, http net.Listener
	token      string // opens the management part of HTTP

	// links ends when no more links are wanted, ctx when the ports close.
	links, ctx               context.Context
	cancelLinks, cancelPorts context.CancelFunc

	ports  *ports.Ports
	server *server
	wg     sync.WaitGroup // cancellations of runs

	factories *factory.Manager
	control   controlPlane
	// applications are the only ones that may log in; nil in development.
	applications *issuer.Applications

	// tenant and subscription are GUIDs that stay the same for the life of the
	// data directory.
	tenant, subscription string

	publishing sync.Mutex // held while the endpoints file is written; before mu

	mu      sync.Mutex
	stopped bool // guarded by mu
	serves  bool // the ports are served; guarded by mu
}

// Start makes a Switchyard out of options. What fails half-way is taken down
// again. The context bounds the start only: a System runs until [System.Stop].
func Start(ctx context.Context, o Options) (_ *System, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.Wall{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	s := &System{o: o, log: o.Logger, clock: clock.NewProcess(o.Clock), auth: &auth.Authority{}}
	s.ctx, s.cancelPorts = context.WithCancel(context.Background())
	s.links, s.cancelLinks = context.WithCancel(s.ctx)
	s.server = &server{log: s.log, clock: s.clock, links: s.links, ctx: s.ctx}
	defer func() {
		if err != nil {
			s.teardown()
		}
	}()
	if o.Applications != nil {
		if s.applications, err = issuer.ParseApplications(o.Applications); err != nil {
			return nil, fmt.Errorf("applications that may log in: %w", err)
		}
	}
	// The token is for those who may read the data directory.
	var token [24]byte
	if _, err := io.ReadFull(o.Rand, token[:]); err != nil {
		return nil, err
	}
	s.token = hex.EncodeToString(token[:])
	for _, step := range []func(context.Context) error{
		s.openPorts, s.openStore, s.openIdentities, s.startBroker, s.startEngine, s.openFactories,
		s.openCertificates, s.openControlPlane, s.deployAll, s.resume, s.serve,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if !o.WithoutTriggers {
		// A trigger that can't be started is logged and tried again; it must not
		// keep everything else from being served.
		if err := s.factories.Start(ctx); ctx.Err() != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *System) openStore(context.Context) error {
	o := store.Options{Logger: s.log, Clock: s.clock, InMemory: s.o.Ephemeral, AfterCommit: s.o.AfterCommit}
	if s.o.KeyFile != "" {
		key, err := store.ReadKey(s.o.KeyFile)
		if err != nil {
			return err
		}
		o.Key = key
	}
	dir := s.o.DataDir
	if s.o.Ephemeral {
		dir = "memory"
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	st, err := store.Open(dir, o)
	if err != nil {
		return err
	}
	s.store = st
	return nil
}

func (s *System) startBroker(ctx context.Context) error {
	if err := s.moveRules(ctx); err != nil {
		return err
	}
	if err := servicebusrp.MoveSpellings(ctx, records{s.store}, s.store, s.store); err != nil {
		return err
	}
	b, err := broker.New(broker.Options{
		Store: s.store, Log: s.store, Clock: s.clock, Logger: s.log, Rand: s.o.Rand,
		Events: broker.EventListener{QueueDeleted: s.queueDeleted, EntityChanged: s.server.entityChanged},
	})
	if err != nil {
		return err
	}
	s.broker = b
	s.ports, err = ports.New(ports.Options{Main: s.amqp, Namespaces: b.Namespaces, Store: portStore{s.store}, Log: s.store})
	if err != nil {
		return err
	}
	s.bus = bridge.New(bridge.Options{Broker: b, Keys: s.auth, Logger: s.log, Namespace: s.ports.Named})
	if err := b.AccessRules(s.loadRules); err != nil {
		return err
	}
	b.Start(s.ctx)
	return nil
}

func (s *System) startEngine(context.Context) error {
	s.registry = activity.Executors(activity.Options{Bus: s.bus, Web: activity.WebOptions{
		Clock: s.clock, Tokens: &issuer.FactoryTokens{Issuer: s.control.issuer.Issuer, Now: s.clock.Now, Identity: s.factoryIdentity}, Hosts: map[string]string{languageHost: s.http.Addr().String()},
	}})
	e, err := engine.New(engine.Options{
		History: s.store, Log: s.store, Clock: s.clock, Logger: s.log, Registry: s.registry, Sealer: s.store,
		Finish: trigger.Finish(s.bus), LinkedService: func(factory, name string) (*pipeline.LinkedService, error) {
			return s.factories.LinkedService(factory, name)
		}, Dataset: func(factory, name string) (*pipeline.Dataset, error) {
			return s.factories.Dataset(factory, name)
		},
	})
	if err != nil {
		return err
	}
	s.engine = e
	return nil
}

// resume takes up what was under way: the runs, after the locks of runs that do not
// exist were released, and the deletions of the resource manager.
func (s *System) resume(ctx context.Context) error {
	active := map[broker.RunID]bool{}
	runs, err := s.store.ActiveRuns()
	if err != nil {
		return err
	}
	for _, r := range runs {
		active[broker.RunID(r.ID)] = true
	}
	if err := s.bus.ReleaseOthers(ctx, s.store, active); err != nil {
		return err
	}
	if err := s.engine.Start(ctx); err != nil {
		return err
	}
	return s.control.kernel.Start()
}

// queueDeleted cancels the runs whose messages went with their queue.
func (s *System) queueDeleted(ns, path string, runs []broker.RunID) {
	if len(runs) == 0 {
		return
	}
	s.wg.Go(func() {
		for _, run := range runs {
			if err := s.engine.Cancel(string(run), true); err != nil && !errors.Is(err, engine.ErrRunFinished) {
				s.log.Warn("a run whose queue was deleted can't be cancelled", "queue", path, "namespace", ns, "run", run, "err", err)
			}
		}
	})
}

// openPorts opens the Service Bus port and the HTTP port.
func (s *System) openPorts(context.Context) (err error) {
	if !s.o.WithoutAMQP {
		if s.amqp, err = s.open("Service Bus", s.o.AMQPAddress, s.o.AMQPFallback); err != nil {
			return err
		}
	}
	s.http, err = s.open("HTTP", s.o.HTTPAddress, s.o.HTTPFallback)
	return err
}

func (s *System) open(what, address string, fallback bool) (net.Listener, error) {
	l, err := listen.OpenLoopback(what, address, fallback)
	if err == nil && address != "" && l.Addr().String() != address && !strings.HasSuffix(address, ":0") {
		s.log.Info("the default address is in use; serving on another",
			"what", what, "default", address, "address", l.Addr().String())
	}
	return l, err
}

// serve begins to accept.
func (s *System) serve(context.Context) error {
	s.ports.Serve(s.server.serve, s.http)
	s.mu.Lock()
	s.serves = true
	s.mu.Unlock()
	if s.applications == nil && s.amqp != nil {
		s.log.Info("development: any client id with any secret logs in to the control plane; --auth strict asks for registered applications")
	}
	if s.o.Ephemeral {
		return nil
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	return s.Endpoints().Write(s.o.DataDir)
}

// forgetNamespace frees the port of a deleted namespace and forgets what is kept
// of it here.
func (s *System) forgetNamespace(ns string) {
	err := s.ports.Forget(ns, func(u *commit.Unit) { s.store.DeleteMeta(u, metaDevelopmentKey+strings.ToLower(ns)) })
	if err != nil {
		s.log.Error("the port of a deleted namespace is not free", "namespace", ns, "err", err)
	}
}

func (s *System) language() http.Handler { return language.NewHandler(language.Options{}) }

// Stop ends the Switchyard in good order: no new links, runs or triggers; the
// connections are closed; activities get Options.Grace to finish, and what is
// left stays in flight and is taken up at the next start.
func (s *System) Stop() error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.stopped = true
	s.mu.Unlock()
	s.publishing.Lock() // whoever writes the endpoints file has, and nobody begins to
	//lint:ignore SA2001 waiting is the point
	s.publishing.Unlock()
	return s.teardown()
}

func (s *System) teardown() error {
	if s.factories != nil {
		s.factories.Close()
	}
	s.cancelLinks()
	if s.engine != nil {
		s.engine.Stop(s.o.Grace)
	}
	s.cancelPorts()
	for _, l := range []net.Listener{s.amqp, s.http} {
		if l != nil {
			l.Close()
		}
	}
	if s.ports != nil {
		s.ports.Close()
	}
	s.server.wg.Wait()
	s.wg.Wait()
	if s.broker != nil {
		s.broker.Close()
	}
	if s.control.kernel != nil {
		s.control.kernel.Close()
	}
	if s.o.Ephemeral && s.control.certDir != "" {
		os.RemoveAll(s.control.certDir)
	}
	if s.store != nil {
		if !s.o.Ephemeral {
			os.Remove(filepath.Join(s.o.DataDir, client.File))
		}
		if err := s.store.Close(); err != nil {
			return fmt.Errorf("close the data directory: %w", err)
		}
	}
	return nil
}
