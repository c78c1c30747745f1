package system

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"switchyard/arm"
	"switchyard/arm/datafactoryrp"
	"switchyard/arm/resourcesrp"
	"switchyard/arm/servicebusrp"
	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
	"switchyard/listen"
	"switchyard/servicebus"
	"switchyard/value"
)

// A controlPlane is the resource manager with what it needs: the providers, the
// identity endpoints and the certificates.
type controlPlane struct {
	kernel    *arm.Kernel
	resources *resourcesrp.Resources
	bus       busProvider
	certs     *listen.Certificates
	certDir   string // where ca.pem and bundle.pem are
	// issuer and identity are made when they are first needed: an RSA key takes
	// longer to make than everything else at the first start.
	issuer   *issuer.Lazy
	identity func() (*identityhttp.Handler, error)
}

func (s *System) openControlPlane(context.Context) error {
	c := &s.control
	if s.applications == nil {
		s.auth.AcceptBearer(c.issuer, nil)
	} else {
		s.auth.AcceptBearer(c.issuer, dataRoles{s})
	}
	c.identity = sync.OnceValues(s.openIdentityEndpoints)
	var err error
	if c.resources, err = resourcesrp.New(resourcesrp.Options{Store: records{s.store}, Log: s.store, Clock: s.clock}); err != nil {
		return err
	}
	providers, err := s.providers()
	if err != nil {
		return err
	}
	c.kernel, err = arm.NewKernel(arm.Options{
		Store: records{s.store}, Log: s.store, Clock: s.clock, Logger: s.log, Rand: s.o.Rand,
		Providers: providers, Authenticate: s.authenticate, TenantID: s.tenant, DefaultSubscriptionID: s.subscription,
	})
	if err != nil {
		return err
	}
	s.server.tls, s.server.web = c.certs.Config(), newWeb(s.ctx, s.log, s.routes())
	s.server.dialect = servicebus.Options{Broker: s.broker, Auth: s.auth, Clock: s.clock, Logger: s.log, Rand: s.o.Rand}
	return nil
}

func (s *System) openIdentityEndpoints() (*identityhttp.Handler, error) {
	iss, err := s.control.issuer.Issuer()
	if err != nil {
		return nil, err
	}
	o := identityhttp.Options{Issuer: iss, Now: s.clock.Now, Rand: s.o.Rand, Logger: s.log, Applications: s.applications, IdentityHeader: s.token,
		Identities: identityhttp.ManagedIdentities{Default: developer, All: s.identities}}
	return identityhttp.New(o)
}

// authenticate tells who makes a request to the resource manager: the token of
// the endpoints file is good for whoever may read the data directory.
func (s *System) authenticate(r *http.Request) (arm.Caller, error) {
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) == 1 {
		return s.self(), nil
	}
	h, err := s.control.identity()
	if err != nil {
		return arm.Caller{}, err
	}
	c, err := h.Authenticate(r)
	if u, ok := errors.AsType[*identityhttp.Unauthorized](err); ok {
		return arm.Caller{}, &arm.Error{Status: http.StatusUnauthorized, Code: u.Code, Message: u.Message, Header: http.Header{"Www-Authenticate": {u.Challenge}}}
	}
	if err != nil {
		return arm.Caller{}, err
	}
	return arm.Caller{ObjectID: c.ObjectID, AppID: c.AppID, TenantID: c.TenantID}, nil
}

// self is the process as a caller of its own resource manager.
func (s *System) self() arm.Caller {
	return arm.Caller{ObjectID: developer.PrincipalID, AppID: developer.ClientID, TenantID: s.tenant, Name: "Switchyard"}
}

// openCertificates loads the certificates, or makes them; those of an ephemeral
// Switchyard are in a temporary directory, so that clients find the authority.
func (s *System) openCertificates(context.Context) error {
	c := &s.control
	dir, err := filepath.Abs(filepath.Join(s.o.DataDir, "tls"))
	if s.o.Ephemeral {
		dir, err = os.MkdirTemp("", "switchyard-tls-")
	}
	if err != nil {
		return err
	}
	c.certDir = dir
	c.certs, err = listen.OpenCertificates(listen.CertificateOptions{Dir: dir, Names: certificateNames, Now: s.clock.Now})
	return err
}

// certificateNames are the names of Azure by which clients may be sent here.
var certificateNames = []string{".servicebus.windows.net"}

func (s *System) httpsURL() string { return "https://" + s.http.Addr().String() }

// routes is the whole HTTP interface: the identity endpoints, the resource manager,
// and what is beside them.
func (s *System) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/language/", s.language())
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"healthy","message":"Service is healthy."}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h, err := s.control.identity()
		if err != nil {
			s.log.Error("the identity endpoints can't be opened", "err", err)
			http.Error(w, "the identity endpoints can't be opened; the log says why", http.StatusInternalServerError)
			return
		}
		if !h.Serves(r) {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
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

// arm makes one request to the resource manager on behalf of the process itself.
func (s *System) arm(ctx context.Context, method, id, apiVersion string, body *value.Object) error {
	rid, err := arm.ParseID(id)
	if err != nil {
		return err
	}
	raw := value.Append(nil, body)
	_, err = s.control.kernel.Dispatch(ctx, &arm.Request{
		Method: method, ID: rid, APIVersion: apiVersion, Query: map[string][]string{"api-version": {apiVersion}}, Header: http.Header{},
		Body: body, RawBody: raw, BaseURL: s.httpsURL(), Path: id,
		Caller: s.self(),
	})
	return err
}

func (s *System) groupID() string {
	return "/subscriptions/" + s.subscription + "/resourceGroups/" + DefaultResourceGroup
}

// putGroup makes the resource group of what folders declare.
func (s *System) putGroup(ctx context.Context) error {
	if _, err := s.control.resources.Group(s.subscription, DefaultResourceGroup); err == nil {
		return nil
	}
	return s.arm(ctx, http.MethodPut, s.groupID(), "2021-04-01", value.NewObject(value.Member{Name: "location", Value: DefaultLocation}))
}

// providers are the resource providers, in the order in which a group's deletion
// asks them: factories before the namespaces that their runs hold messages of.
func (s *System) providers() ([]arm.Provider, error) {
	bus, err := servicebusrp.New(servicebusrp.Options{
		Store: records{s.store}, Log: s.store, Clock: s.clock, Logger: s.log, Rand: s.o.Rand,
		Broker: s.broker, Topics: s.broker, Authority: s.auth, SealRules: s.sealRules, ConnectionString: s.connectionString,
	})
	if err != nil {
		return nil, err
	}
	s.control.bus = busProvider{bus, s}
	return append([]arm.Provider{datafactoryrp.New(s.factories, runsAPI{s}), s.control.bus}, s.control.resources.Providers()...), nil
}

// busProvider tells connected clients what the control plane has changed.
type busProvider struct {
	*servicebusrp.Provider
	s *System
}

// Handle implements [arm.Provider].
func (p busProvider) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	resp, err := p.Provider.Handle(ctx, r)
	if err != nil || r.Method == http.MethodGet || r.Collection {
		return resp, err
	}
	names := r.ID.Names
	if t := strings.ToLower(strings.Join(r.ID.Types, "/")); t == "namespaces" || t == "namespaces/authorizationrules" && !strings.EqualFold(r.Action, "listKeys") {
		defer p.s.publish()
	}
	if t := strings.ToLower(strings.Join(r.ID.Types, "/")); t != "namespaces" {
		return resp, nil
	}
	switch {
	case r.Method == http.MethodDelete:
		p.s.forgetNamespace(names[0])
	case r.Method == http.MethodPut && p.s.amqp != nil:
		// Now, so that ports are given in the order of creation.
		if _, err := p.s.ports.Address(names[0]); err != nil {
			p.s.log.Error("a namespace has no port", "namespace", names[0], "err", err)
		}
	}
	return resp, err
}

// DeleteGroup implements [arm.Provider].
func (p busProvider) DeleteGroup(ctx context.Context, subscription, group string) error {
	before := p.s.broker.Namespaces()
	err := p.Provider.DeleteGroup(ctx, subscription, group)
	after := p.s.broker.Namespaces()
	for _, n := range before {
		if !slices.Contains(after, n) {
			p.s.forgetNamespace(n)
			defer p.s.publish()
		}
	}
	return err
}

// dataRoles tells which roles of the data plane a principal has, in strict mode.
type dataRoles struct{ s *System }

// DataRoles implements [auth.RoleSource].
func (d dataRoles) DataRoles(objectID, ns, path string) []string {
	id, err := d.s.control.bus.NamespaceID(ns)
	if err != nil {
		return nil
	}
	return d.s.control.resources.Roles().At(objectID, id, path)
}
