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
	"time"

	"github.com/google/uuid"

	"switchyard/arm"
	"switchyard/arm/datafactoryrp"
	"switchyard/arm/resourcesrp"
	"switchyard/arm/servicebusrp"
	"switchyard/auth"
	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
	"switchyard/commit"
	"switchyard/listen"
	"switchyard/pipeline/factory"
	"switchyard/servicebus"
	"switchyard/store"
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
	temporary bool   // certDir goes with the process
	// issuer and identity are made when they are first needed: an RSA key takes
	// longer to make than everything else at the first start.
	issuer   func() (*issuer.Issuer, error)
	identity func() (*identityhttp.Handler, error)
}

// DevelopmentClient is the application that Endpoints.Environment logs in with.
// In development any other does too.
const (
	DevelopmentClientID     = "00000000-0000-0000-0000-0000005717c4"
	DevelopmentClientSecret = "switchyard"
)

func (s *System) openIdentities() error {
	var err error
	if s.tenant, err = s.guid(metaTenant); err != nil {
		return err
	}
	s.subscription, err = s.guid(metaSubscription)
	return err
}

// guid returns the GUID kept under a name, made when it is first asked for.
func (s *System) guid(name string) (string, error) {
	b, err := s.store.Meta(name)
	if err == nil {
		return string(b), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	id, err := uuid.NewRandomFromReader(s.o.Rand)
	if err != nil {
		return "", err
	}
	u := &commit.Unit{}
	s.store.PutMeta(u, name, []byte(id.String()))
	s.store.Submit(u)
	s.store.Sync(u)
	return id.String(), nil
}

func (s *System) openControlPlane() error {
	c := &s.control
	c.issuer = sync.OnceValues(s.openIssuer)
	if s.applications == nil {
		s.auth.AcceptBearer(bearer{s}, nil)
	} else {
		s.auth.AcceptBearer(bearer{s}, dataRoles{s})
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

func (s *System) openIssuer() (*issuer.Issuer, error) {
	var key *issuer.Key
	sealed, err := s.store.Meta(metaIssuerKey)
	switch {
	case err == nil:
		plain, err := s.store.Open(sealed)
		if err != nil {
			return nil, fmt.Errorf("issuer's key: %w", err)
		}
		if key, err = issuer.ParseKey(plain); err != nil {
			return nil, fmt.Errorf("issuer's key: %w", err)
		}
	case errors.Is(err, store.ErrNotFound):
		if key, err = issuer.GenerateKey(s.o.Rand); err != nil {
			return nil, err
		}
		u := &commit.Unit{}
		s.store.PutMeta(u, metaIssuerKey, s.store.Seal(key.Marshal()))
		s.store.Submit(u)
		s.store.Sync(u)
	default:
		return nil, err
	}
	return issuer.New(issuer.Options{Key: key, TenantID: s.tenant, URL: s.httpsURL()})
}

func (s *System) openIdentityEndpoints() (*identityhttp.Handler, error) {
	iss, err := s.control.issuer()
	if err != nil {
		return nil, err
	}
	o := identityhttp.Options{Issuer: iss, Now: s.broker.Now, Rand: s.o.Rand, Logger: s.log, Applications: s.applications, IdentityHeader: s.token, Identities: identities{s}}
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

// identities are the managed identities that programs on this machine may use:
// by default the application of [Endpoints.Environment], by any of its ids that
// of a factory.
type identities struct{ s *System }

// ManagedIdentity implements [identityhttp.IdentitySource].
func (i identities) ManagedIdentity(sel identityhttp.IdentitySelector) (issuer.Identity, bool) {
	if sel == (identityhttp.IdentitySelector{}) {
		return issuer.Identity{ClientID: DevelopmentClientID, PrincipalID: issuer.ObjectID(DevelopmentClientID)}, true
	}
	for _, r := range i.s.factories.List("", "") {
		if r.Identity == nil {
			continue
		}
		id := i.s.factoryIdentity(r)
		for _, x := range [][2]string{{sel.ClientID, id.ClientID}, {sel.ObjectID, id.PrincipalID}, {sel.ResourceID, id.ResourceID}} {
			if x[0] != "" && strings.EqualFold(x[0], x[1]) {
				return id, true
			}
		}
	}
	return issuer.Identity{}, false
}

func (s *System) factoryIdentity(r *factory.Resource) issuer.Identity {
	return issuer.Identity{
		ClientID: r.Identity.PrincipalID, PrincipalID: r.Identity.PrincipalID,
		ResourceID: "/subscriptions/" + r.ID.Subscription + "/resourceGroups/" + r.ID.ResourceGroup + "/providers/Microsoft.DataFactory/factories/" + r.ID.Factory,
	}
}

// self is the process as a caller of its own resource manager.
func (s *System) self() arm.Caller {
	return arm.Caller{ObjectID: issuer.ObjectID(DevelopmentClientID), AppID: DevelopmentClientID, TenantID: s.tenant, Name: "Switchyard"}
}

// factoryTokens gives activities the tokens of their factory's identity.
type factoryTokens struct{ s *System }

func (t factoryTokens) Token(ctx context.Context, factory, credential, resource string) (string, error) {
	iss, err := t.s.control.issuer()
	if err != nil {
		return "", err
	}
	f := &issuer.FactoryTokens{Issuer: iss, Now: t.s.broker.Now, Identity: func(name, credential string) (issuer.Identity, error) {
		if credential != "" {
			return issuer.Identity{}, fmt.Errorf("credential %s: user-assigned identities are not supported by this version", credential)
		}
		for _, r := range t.s.factories.List("", "") {
			if strings.EqualFold(r.ID.Factory, name) && r.Identity != nil {
				return t.s.factoryIdentity(r), nil
			}
		}
		return issuer.Identity{}, &NotFoundError{"data factory " + name + " has no managed identity"}
	}}
	return f.Token(ctx, factory, credential, resource)
}

// openCertificates loads the certificates, or makes them; those of an ephemeral
// Switchyard are in a temporary directory, so that clients find the authority.
func (s *System) openCertificates() error {
	c := &s.control
	dir, err := filepath.Abs(s.o.DataDir)
	if err != nil {
		return err
	}
	c.certDir = filepath.Join(dir, "tls")
	if s.o.Ephemeral {
		dir, err := os.MkdirTemp("", "switchyard-tls-")
		if err != nil {
			return err
		}
		c.certDir, c.temporary = dir, true
	}
	c.certs, err = listen.OpenCertificates(listen.CertificateOptions{Dir: c.certDir, Names: certificateNames, Now: s.broker.Now})
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

// bearer verifies tokens with an issuer that is made when it is first needed.
type bearer struct{ s *System }

func (b bearer) VerifyBearer(token string, audience func(string) bool, now time.Time) (auth.Principal, error) {
	iss, err := b.s.control.issuer()
	if err != nil {
		return auth.Principal{}, err
	}
	return iss.VerifyBearer(token, audience, now)
}

// dataRoles tells which roles of the data plane a principal has, in strict mode.
type dataRoles struct{ s *System }

// DataRoles implements [auth.RoleSource].
func (d dataRoles) DataRoles(objectID, ns, path string) []string {
	id, err := d.s.control.bus.NamespaceID(ns)
	if err != nil {
		return nil
	}
	var names []string
	for _, a := range d.s.control.resources.Roles().Assignments(objectID) {
		role, ok := resourcesrp.LookUpRole(a.RoleID[strings.LastIndexByte(a.RoleID, '/')+1:])
		if ok && covers(a.Scope, id.String(), path) {
			names = append(names, role.Name)
		}
	}
	return names
}

// covers reports whether a scope is the entity of a namespace that is at a path,
// the namespace itself if that is "", or above it.
func covers(scope, namespace, path string) bool {
	scope = strings.TrimSuffix(strings.ToLower(scope), "/") + "/"
	namespace = strings.ToLower(namespace) + "/"
	if strings.HasPrefix(namespace, scope) {
		return true
	}
	entity, ok := strings.CutPrefix(scope, namespace)
	if !ok {
		return false
	}
	kind, entity, _ := strings.Cut(entity, "/")
	entity = strings.ReplaceAll(entity, "~", "/") // as it stands in a resource id
	below, ok := strings.CutPrefix(strings.ToLower(path)+"/", entity)
	if !ok || kind != "queues" && kind != "topics" {
		return false
	}
	// Below queue a are its dead letters, not queue a/b.
	return below == "" || below[0] == '$' || strings.HasPrefix(below, "subscriptions/")
}
