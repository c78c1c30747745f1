package system

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"switchyard/arm"
	"switchyard/arm/datafactoryrp"
	"switchyard/arm/resourcesrp"
	"switchyard/arm/servicebusrp"
	"switchyard/auth"
	"switchyard/bridge"
	"switchyard/callback"
	"switchyard/client"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/health"
	"switchyard/language"
	"switchyard/listen"
	"switchyard/servicebus"
	"switchyard/status"
	"switchyard/vault"
)

// A controlPlane is the resource manager with what it needs: the providers and the
// certificates.
type controlPlane struct {
	kernel    *arm.Kernel
	resources *resourcesrp.Resources
	bus       *servicebusrp.Provider
	certs     *listen.Certificates
	certDir   string // where ca.pem and bundle.pem are
}

func (s *System) openControlPlane(context.Context) (err error) {
	c := &s.control
	if err := c.openCertificates(s.o); err != nil {
		return err
	}
	records := recordsIn(s.store)
	c.resources, err = resourcesrp.New(resourcesrp.Options{
		Store: records, Log: s.store, Clock: s.clock, Grants: s.identities.Grants(),
	})
	if err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	c.bus, err = servicebusrp.New(servicebusrp.Options{
		Store: records, Log: s.store, Clock: s.clock, Logger: s.log, Rand: s.o.Rand, Broker: s.broker, Topics: s.broker,
		Authority: s.auth, SealRules: s.keys.SealRules, ConnectionString: func(ns, entity, name, key string) string {
			return s.connectionString(!s.o.Exposure.Beyond(), ns, entity, name, key)
		}, Changed: s.namespaceChanged,
	})
	if err != nil {
		return err
	}
	runs := datafactoryrp.EngineRuns{Engine: s.engine, Factories: s.factories, Firings: s.firings, Strict: s.o.Strict}
	// In the order in which a group's deletion asks them: factories before the
	// namespaces that their runs hold messages of.
	providers := append([]arm.Provider{datafactoryrp.New(s.factories, runs), c.bus}, c.resources.Providers()...)
	var authorizer arm.Authorizer
	var dataRoles auth.RoleSource
	if s.identities.Strict() {
		authorizer, dataRoles = c.resources.Roles(), entityRoles{c}
	}
	c.kernel, err = arm.NewKernel(arm.Options{
		Authorizer: authorizer, Values: s.values, Store: records, Log: s.store, Clock: s.clock, Logger: s.log, Rand: s.o.Rand,
		Providers:    providers,
		Authenticate: s.identities.Authenticate, TenantID: s.identities.TenantID(), DefaultSubscriptionID: s.subscription,
	})
	if err != nil {
		return err
	}
	s.auth.AcceptBearer(s.identities.Issuer(), dataRoles)
	s.dialects.options = servicebus.Options{
		Broker: s.broker, Auth: s.auth, Clock: s.o.Clock, Logger: s.log, Rand: s.o.Rand,
		Idle: servicebus.ServiceIdle, Shared: servicebus.NewShared(s.o.Clients), Events: s.events.Connections()}
	s.dialects.server = listen.Server{
		Logger: s.log, TLS: c.certs.Config(), Encrypted: s.o.Exposure.Beyond(), Now: clock.Wall{}.Now,
		MaxConnections: s.files.Inbound,
		Web:            listen.NewWeb(s.dialects.ctx, s.log, clock.Wall{}.Now, s.o.RequestMemory, s.routes(), append(certificateNames, s.o.Exposure.Served()...)...),
	}
	return nil
}

// openCertificates loads the certificates, or makes them; those of an ephemeral
// Switchyard are in a temporary directory, so that clients find the authority.
func (c *controlPlane) openCertificates(o Options) error {
	dir, err := filepath.Abs(filepath.Join(o.DataDir, "tls"))
	if o.Ephemeral {
		dir, err = os.MkdirTemp("", client.TempPattern)
	}
	if err != nil {
		return err
	}
	c.certDir = dir
	c.certs, err = listen.OpenCertificates(
		listen.CertificateOptions{Dir: dir, Names: append(certificateNames, o.Exposure.Served()...), Own: o.Exposure.Own, Now: o.Clock.Now})
	return err
}

// certificateNames are the names of Azure by which clients may be sent here.
var certificateNames = []string{".servicebus.windows.net"}

// routes is the whole HTTP interface: the identity endpoints, the resource manager,
// and what is beside them.
func (s *System) routes() http.Handler {
	mux := http.NewServeMux()
	text := sync.OnceValue(func() http.Handler { return language.NewHandler(language.Options{}) })
	mux.Handle("/language/", listen.OnlyHere(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { text().ServeHTTP(w, r) })))
	degraded := func() []string { return append(s.engine.Aside(), s.store.Damage()...) }
	state := health.Handler(listen.FromHere, degraded, s.broker.Damage, s.store.Trouble)
	mux.Handle("GET /health", state)
	mux.Handle("GET /ready", state)
	mux.Handle("GET "+client.StatusPath, status.Handler(statusOptions(s)))
	mux.Handle("POST "+client.DeployPath, provisioner(s).Handler(s.token))
	mux.Handle(callback.Path, s.callbacks.Handler(s.engine.CallBack))
	secrets := s.vault.Handler(s.token)
	mux.Handle(vault.Path, secrets)
	mux.Handle(vault.Path+"/", secrets)
	mux.Handle("/", s.identities.Or(servicebus.MissingAPI(http.NotFoundHandler())))
	// The resource manager comes before the mux, which would redirect paths with
	// empty segments: az sends them.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimLeft(r.URL.Path, "/"), "/")
		switch strings.ToLower(first) {
		case "subscriptions", "providers", "tenants":
			s.control.kernel.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// namespaceChanged gives a namespace its port, in the order of creation, or takes it
// back, and tells the endpoints file.
func (s *System) namespaceChanged(ns string, deleted bool) {
	var err error
	if deleted {
		err = s.ports.Forget(ns, func(u *commit.Unit) { s.store.DeleteMeta(u, metaDevelopmentKey+strings.ToLower(ns)) })
	} else if s.amqp != nil {
		_, err = s.ports.Address(ns)
	}
	if err != nil {
		s.log.Error("the port of a namespace can't be kept", "namespace", ns, "deleted", deleted, "err", err)
	}
	s.endpoints.Publish()
}

// entityRoles tells which roles of the data plane a principal has, in strict mode.
type entityRoles struct{ c *controlPlane }

// DataRoles implements [auth.RoleSource].
func (d entityRoles) DataRoles(objectID, ns, path string) []string {
	id, err := d.c.bus.NamespaceID(ns)
	if err != nil {
		return nil
	}
	return d.c.resources.Roles().At(objectID, id, path)
}

// factoryRights tells what a factory's identity may do with an entity, in strict mode.
func (s *System) factoryRights(factory, ns, path string) (x bridge.Assigned, err error) {
	id, err := s.identities.OfFactory(factory, "")
	if at, absent := s.control.bus.NamespaceID(ns); err == nil && absent == nil {
		x.Principal, x.Scope = id.PrincipalID, at.String()
		for _, role := range s.control.resources.Roles().At(id.PrincipalID, at, path) {
			x.Rights |= auth.RoleRights(role)
		}
	}
	return x, err
}
