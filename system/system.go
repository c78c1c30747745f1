// Package system is the wiring: options in, a running Switchyard out. It decides
// the order in which the packages start and stop, adapts them to the interfaces
// that they declare for each other, and owns the one real clock.
//
// Start order: the store, the broker and its namespaces, the ports, the
// deployments, the engine with the runs that were in flight, the triggers, and
// last the clients. Stop is the reverse: nothing new is taken before what runs is
// given its time to finish.
package system

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"switchyard/arm"
	"switchyard/arm/servicebusrp"
	"switchyard/auth"
	"switchyard/auth/issuer"
	"switchyard/bridge"
	"switchyard/broker"
	"switchyard/callback"
	"switchyard/client"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/descriptors"
	"switchyard/eventlog"
	"switchyard/identity"
	"switchyard/language"
	"switchyard/listen"
	"switchyard/memory"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/fence"
	"switchyard/pipeline/trigger"
	"switchyard/ports"
	"switchyard/servicebus"
	"switchyard/store"
	"switchyard/value"
	"switchyard/vault"
	"switchyard/vault/azure"
)

// A System is a running Switchyard.
type System struct {
	o      Options
	log    *slog.Logger
	events *eventlog.Log
	// clock is the one clock of everything that is kept. What is compared with the time of
	// clients (tokens, certificates, the times in their messages) takes that of the machine.
	clock  *clock.Process
	store  *store.Store
	broker *broker.Broker
	auth   *auth.Authority
	vault  *vault.Vault
	secret pipeline.SecretFunc // of the vault that references are answered by
	bus    *bridge.Bus
	engine *engine.Engine
	// registry is filled before the engine starts.
	registry *activity.Registry

	amqp, http net.Listener
	token      string // opens the management part of HTTP to those who may read the data directory

	cancelLinks, cancelPorts context.CancelFunc // end the contexts of dialects

	ports    *ports.Ports
	dialects *dialects
	keys     servicebusrp.Keys
	wg       sync.WaitGroup // cancellations of runs, what follows changes of endpoints, the clock's watch

	factories    *factory.Manager
	starter      bridge.Starter
	firings      *trigger.Firings
	identities   *identity.Identities
	subscription string // a GUID that stays the same for the life of the data directory
	control      controlPlane

	callbacks *callback.Desk
	files     descriptors.Shares // of the file descriptors
	values    *memory.Room       // for what is made of JSON that clients and endpoints send

	endpoints client.Publisher

	mu      sync.Mutex
	stopped bool // guarded by mu

	since time.Time // when they began to be served; set by serve
}

// Start makes a Switchyard out of options. What fails half-way is taken down
// again. The context bounds the start only: a System runs until [System.Stop].
func Start(ctx context.Context, o Options) (_ *System, err error) {
	o.defaults()
	s := &System{o: o, log: o.Logger, clock: clock.NewProcess(o.Clock), auth: &auth.Authority{}, dialects: &dialects{},
		files: descriptors.Divide(descriptors.Limit()), values: memory.NewRoom(memory.Part(o.Memory, 8))}
	s.events = eventlog.New(s.log, s.clock)
	s.dialects.ctx, s.cancelPorts = context.WithCancel(context.Background())
	s.dialects.links, s.cancelLinks = context.WithCancel(s.dialects.ctx)
	defer func() {
		if err != nil {
			s.teardown()
		}
	}()
	if n := descriptors.Limit(); n < descriptors.Enough {
		s.log.Warn("the limit of open files is too small (ulimit -n)", "limit", n, "least", descriptors.Enough)
	}
	var token [24]byte
	if _, err := io.ReadFull(o.Rand, token[:]); err != nil {
		return nil, err
	}
	s.token = hex.EncodeToString(token[:])
	for _, step := range []func(context.Context) error{
		s.openPorts, s.openStore, s.openIdentities, s.startBroker, s.startEngine, s.openFactories,
		s.openControlPlane, s.deploy, s.resume, s.serve,
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
	o := store.Options{Logger: s.log, Clock: s.clock, InMemory: s.o.Ephemeral, MinFree: s.o.MinFree, Ballast: s.o.Ballast,
		AfterCommit: s.o.AfterCommit, MaxOpenFiles: s.files.Store}
	if s.o.KeyFile != "" {
		key, err := store.ReadKey(s.o.KeyFile)
		if err != nil {
			return err
		}
		o.Key = key
	}
	o.AcceptDataLoss = s.o.AcceptDataLoss
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
	s.store, s.keys = st, servicebusrp.Keys{Authority: s.auth, Sealer: st}
	s.vault = vault.New(vault.Options{
		Store: recordsIn(st), NotFound: arm.ErrNotFound, Log: st, Sealer: st, Clock: s.clock})
	return nil
}

// openIdentities reads who this Switchyard is, or decides it at the first start.
func (s *System) openIdentities(context.Context) (err error) {
	s.identities, err = identity.Open(identity.Options{
		Store: kept{s.store}, Now: s.o.Clock.Now, Rand: s.o.Rand, Logger: s.log, URL: s.httpsURL(), Token: s.token,
		Mode: s.o.Auth, Applications: s.o.Applications, Refused: s.events.Refused,
		OwnerDir: s.o.DataDir, Ephemeral: s.o.Ephemeral,
		OurHost: s.o.Exposure.Ours, Exposed: s.o.Exposure.Beyond(),
		Factories: func() []*factory.Resource { return s.factories.List("", "") },
	})
	if err != nil {
		return err
	}
	s.subscription = s.identities.SubscriptionID()
	if s.o.Exposure.Beyond() {
		s.auth.Refuse(auth.DevelopmentKey)
	}
	return nil
}

func (s *System) startBroker(ctx context.Context) error {
	old, err := s.store.Meta(metaAuthority)
	if err == nil {
		forget := func(u *commit.Unit) { s.store.DeleteMeta(u, metaAuthority) }
		err = s.keys.Move(ctx, old, s.store, s.store, forget)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := servicebusrp.MoveSpellings(ctx, recordsIn(s.store), s.store, s.store); err != nil {
		return err
	}
	changed := func(ns, path string) { s.dialects.entityChanged(ns, path); s.endpoints.Changed() }
	b, err := broker.New(broker.Options{
		Store: s.store, Log: s.store, Clock: s.clock, Logger: s.log, Rand: s.o.Rand, AcceptDataLoss: s.o.AcceptDataLoss,
		Encoding:   servicebus.StoredEncoding,
		Belongings: func(ns, path string) func(u *commit.Unit) { return s.control.bus.Belongings(ns, path) },
		Events: broker.EventListener{QueueDeleted: s.queueDeleted, EntityChanged: changed, IdleDeleted: s.events.IdleDeleted,
			DeadLettered: s.events.DeadLettered, Expired: s.o.Expired},
	})
	if err != nil {
		return err
	}
	s.broker = b
	s.ports, err = ports.New(
		ports.Options{Main: s.amqp, Names: s.o.Exposure.Names, Namespaces: b.Namespaces, Store: portStore{s.store}, Log: s.store})
	if err != nil {
		return err
	}
	bus := bridge.Options{Broker: b, Keys: s.auth, Logger: s.log, Namespace: s.ports.Named}
	if s.identities.Strict() {
		bus.Roles = s.factoryRights
	}
	s.bus = bridge.New(bus)
	if err := b.AccessRules(s.keys.Load); err != nil {
		return err
	}
	b.Start(s.dialects.ctx)
	return nil
}

func (s *System) startEngine(context.Context) error {
	outside := &fence.Fence{Own: s.owns, Allow: s.o.AllowHosts}
	if s.secret = s.vault.Resolve; s.o.KeyVault == azure.Vaults {
		s.secret = azure.New(outside, clock.Wall{}).Resolve
	}
	s.registry = activity.Executors(activity.Options{Bus: s.bus, Web: activity.WebOptions{
		Room:    memory.NewRoom(memory.Part(s.o.Memory, 8)),
		Values:  s.values,
		Clock:   s.clock,
		MaxOpen: s.files.Outbound,
		Tokens: &issuer.FactoryTokens{Issuer: s.identities.Issuer().Issuer, Now: s.o.Clock.Now,
			Identity: s.identities.OfFactory},
		Fence:   outside,
		Own:     activity.OwnEndpoint{Host: language.Host, Address: listen.Local(s.http.Addr().String()), Prefixes: []string{"/language/", callback.Path}},
		Manages: s.identities.Manages,
	}})
	for name, x := range s.o.Executors {
		s.registry.Register(name, x)
	}
	s.callbacks = callback.New(callback.Options{Key: s.store.Derive("callback"), Base: s.o.Exposure.Web(s.http.Addr().String()), Values: s.values})
	e, err := engine.New(engine.Options{
		Memory: s.o.Memory, RunMemory: s.o.RunMemory, RunSize: s.o.RunSize, History: s.store, Log: s.store, Sealer: s.store,
		Clock: s.clock, Logger: s.log, Registry: s.registry,
		Retention:        engine.Retention{Age: s.o.HistoryAge, Size: s.o.HistorySize, Wall: s.o.Clock},
		ActivityFinished: s.events.Activities(), SnapshotEvery: s.o.snapshotEvery,
		Finish:  trigger.Finish(s.bus, func() *trigger.Firings { return s.firings }),
		Release: func(id string) commit.Effect { return s.broker.ReleaseRun(broker.RunID(id)) },
		Factory: func(name string) (*pipeline.Factory, error) { return s.factories.OfRun(name) },
		LinkedService: func(factory, name string) (*pipeline.LinkedService, error) {
			return s.factories.LinkedService(factory, name)
		}, Dataset: func(factory, name string) (*pipeline.Dataset, error) { return s.factories.Dataset(factory, name) },
		Secret: s.secret, CallBack: s.callbacks.Address,
	})
	if err != nil {
		return err
	}
	s.engine = e
	e.OnFinished(s.events.RunFinished)
	return nil
}

// owns reports whether an address is one of this process's ports, which all serve the
// resource manager.
func (s *System) owns(a netip.AddrPort) bool {
	return s.o.Exposure.Owns(a, s.http.Addr().String(), s.ports.Listens(a.Port()))
}

func (s *System) openFactories(context.Context) (err error) {
	s.firings = trigger.NewFirings(trigger.FiringsOptions{
		Records: recordsIn(s.store), Log: s.store, Clock: s.clock, Logger: s.log, Engine: s.engine,
		Awaited: func(factory, trigger string) bool { return s.factories.Awaited(factory, trigger) },
	})
	s.starter = bridge.Starter{
		Bus: s.bus, Engine: s.engine, Log: s.store, Clock: s.clock, Logger: s.log, Context: s.dialects.links,
		Rooms:  trigger.Rooms{Batches: memory.NewRoom(memory.Part(s.o.Memory, 8)), Values: s.values},
		Secret: s.secret, Firings: s.firings,
	}
	s.factories, err = factory.New(factory.Options{
		Store: recordsIn(s.store), Log: s.store, Clock: s.clock, Sealer: s.store, Logger: s.log, Rand: s.o.Rand,
		Changed:  s.endpoints.Changed,
		TenantID: s.identities.TenantID(), Starter: s.starter, Retire: factory.RetireRuns(s.engine, s.firings.DeleteOf), Forget: s.firings.Forget,
		Events:          s.events.Triggers(),
		Relaxed:         s.o.Relaxed,
		GlobalParameter: func(v value.Value) value.Value { return language.Resolve(v) },
	})
	return err
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
				s.log.Warn("a run whose queue was deleted can't be cancelled",
					"queue", path, "namespace", ns, "run", run, "err", err)
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
	l, err := s.o.Exposure.Open(what, address, fallback)
	if err == nil && address != "" && l.Addr().String() != address && !strings.HasSuffix(address, ":0") {
		s.log.Info("the default address is in use; serving on another",
			"what", what, "default", address, "address", l.Addr().String())
	}
	return l, err
}

// serve begins to accept.
func (s *System) serve(context.Context) error {
	s.ports.Serve(s.dialects.serve, s.http)
	if !s.identities.Strict() && s.amqp != nil {
		s.log.Info("development: any client id with any secret logs in to the control plane; --auth strict " +
			"asks for registered applications")
	}
	s.wg.Go(func() { s.clock.Watch(s.dialects.ctx) })
	s.wg.Go(func() { s.firings.Sweep(s.dialects.links) })
	s.since = s.o.Clock.Now()
	s.events.Started(s.o.Version, string(s.identities.Mode()), s.http.Addr(), s.amqp, s.Endpoints())
	if s.amqp == nil {
		return nil
	}
	dir := s.o.DataDir
	if s.o.Ephemeral {
		dir = s.control.certDir
	}
	follow, err := s.endpoints.Begin(s.dialects.ctx, dir, s.Endpoints, s.log)
	s.wg.Go(follow)
	return err
}

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
	s.endpoints.End()
	err := within(s.o.Grace, s.teardown, s.store.Full)
	s.events.Close()
	if err == nil {
		s.events.Stopped(s.o.Clock.Now().Sub(s.since))
	}
	return err
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
	s.dialects.server.Wait()
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
