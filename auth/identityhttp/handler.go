// Package identityhttp serves what clients need to log in: the description of
// the cloud, the OpenID documents, the token endpoints and the managed identity
// endpoints of [ARM 4]. It stands in for Microsoft Entra ID and speaks HTTP
// only; auth/issuer makes the tokens.
//
// In development, the default, everyone who asks gets a token: any client id with any
// secret. With [Options].Applications only registered applications do. Which
// tokens count is the same in both.
package identityhttp

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"switchyard/auth/issuer"
)

// Options are what [New] needs. Issuer and Now are required.
type Options struct {
	Issuer *issuer.Issuer
	Now    func() time.Time
	Rand   io.Reader    // source of trace ids; default crypto/rand
	Logger *slog.Logger // default: discards
	// Applications are the only ones that may log in. Nil, for development: all
	// may.
	Applications *issuer.Applications
	// CloudName is the name in /metadata/endpoints, default [DefaultCloudName].
	CloudName string
	// Identities finds managed identities. Nil: there are none.
	Identities IdentitySource
	// IdentityHeader is the secret that callers of the App Service style endpoint
	// send (the variable IDENTITY_HEADER). Empty: that endpoint refuses all.
	IdentityHeader string
	// Refused, if not nil, is called for a login that was not accepted: from which client,
	// what it calls itself, "" if it doesn't, and why, without anything secret.
	Refused func(remote, client, why string)
	// Base returns scheme://host[:port] as the client of a request knows it.
	// Default: https or http by the connection, and the request's Host.
	Base func(*http.Request) string
}

// DefaultCloudName is the name of the cloud that is described by default.
const DefaultCloudName = "Switchyard"

// A Handler serves the identity endpoints.
type Handler struct {
	o Options
}

// New returns a handler.
func New(o Options) (*Handler, error) {
	if o.Issuer == nil || o.Now == nil {
		return nil, errors.New("identity endpoints: an issuer and a clock are required")
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CloudName == "" {
		o.CloudName = DefaultCloudName
	}
	if o.Base == nil {
		o.Base = connectionBase
	}
	return &Handler{o: o}, nil
}

// Development reports whether anybody may log in, which is to be said at start.
func (h *Handler) Development() bool { return h.o.Applications == nil }

func connectionBase(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + strings.ToLower(r.Host)
	}
	return "http://" + strings.ToLower(r.Host)
}

// A call is one request on its way through.
type call struct {
	*http.Request
	h      *Handler
	w      http.ResponseWriter
	base   string // scheme://host of the client
	tenant string // first segment of the path, in lower case, where it is a tenant
	trace  string
}

// An endpoint is a shape of path and who serves it.
type endpoint struct {
	methods string // separated by spaces; HEAD goes with GET
	path    string // in lower case; {tenant} stands for one segment
	serve   func(*call) error
}

var endpoints = []endpoint{
	{"GET", "metadata/endpoints", (*call).metadata},
	{"GET", "metadata/identity/oauth2/token", (*call).instanceMetadata},
	{"GET", "msi/token", (*call).appService},
	{"GET", "common/discovery/instance", (*call).instanceDiscovery},
	{"GET", "{tenant}/.well-known/openid-configuration", (*call).openID},
	{"GET", "{tenant}/v2.0/.well-known/openid-configuration", (*call).openID},
	{"GET", "{tenant}/discovery/keys", (*call).keys},
	{"GET", "{tenant}/discovery/v2.0/keys", (*call).keys},
	{"POST", "{tenant}/oauth2/token", (*call).token},
	{"POST", "{tenant}/oauth2/v2.0/token", (*call).token},
	{"GET POST", "{tenant}/oauth2/authorize", (*call).interactive},
	{"GET POST", "{tenant}/oauth2/v2.0/authorize", (*call).interactive},
	{"POST", "{tenant}/oauth2/devicecode", (*call).interactive},
	{"POST", "{tenant}/oauth2/v2.0/devicecode", (*call).interactive},
	{"GET", "{tenant}/userrealm/{user}", (*call).userRealm},
}

// Paths of the managed identity endpoints, for the variables that tell clients
// of them.
const (
	AppServicePath       = "/msi/token"
	InstanceMetadataPath = "/metadata/identity/oauth2/token"
)

// notTenants are first segments that other planes serve.
var notTenants = map[string]bool{"subscriptions": true, "providers": true, "tenants": true,
	"metadata": true, "msi": true}

// route finds the endpoint of a path: case does not count, nor do empty
// segments.
func route(path string) (e endpoint, tenant string, ok bool) {
	if len(path) > 2048 {
		return endpoint{}, "", false
	}
	given := strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return r == '/' })
next:
	for _, e := range endpoints {
		shape := strings.Split(e.path, "/")
		if len(shape) != len(given) {
			continue
		}
		tenant = ""
		for i, s := range shape {
			switch {
			case s == "{user}":
			case s == "{tenant}":
				if notTenants[given[i]] || !tenantName(given[i]) {
					continue next
				}
				tenant = given[i]
			case s != given[i]:
				continue next
			}
		}
		return e, tenant, true
	}
	return endpoint{}, "", false
}

// tenantName reports whether s can be a directory's id, domain or alias.
func tenantName(s string) bool {
	return len(s) <= 253 && s[0] != '.' && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
}

// Serves reports whether a request is for this handler.
func (h *Handler) Serves(r *http.Request) bool {
	_, _, ok := route(r.URL.Path)
	return ok
}

// ServeHTTP answers a request, with 404 if [Handler.Serves] is false.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, h: h, w: w, base: h.o.Base(r), trace: h.id()}
	head := w.Header()
	head.Set("Cache-Control", "no-store, no-cache")
	head.Set("Pragma", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Ms-Request-Id", c.trace)
	if id := r.Header.Get("Client-Request-Id"); id != "" && len(id) <= 64 &&
		strings.EqualFold(r.Header.Get("Return-Client-Request-Id"), "true") {
		head.Set("Client-Request-Id", id)
	}
	if err := c.answer(); err != nil {
		c.fail(err)
	}
}

func (c *call) answer() error {
	// Documents and tokens name the host: it must be ours.
	_, host, _ := strings.Cut(c.base, "://")
	if !c.h.o.Issuer.OurHost(host) {
		return &oauthError{status: http.StatusMisdirectedRequest, code: "invalid_request",
			text: "The Host of this request is not served here."}
	}
	e, tenant, ok := route(c.URL.Path)
	if !ok {
		return &oauthError{status: http.StatusNotFound, code: "invalid_request", number: 900144,
			text: "There is no such identity endpoint."}
	}
	method := c.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if !strings.Contains(" "+e.methods+" ", " "+method+" ") {
		c.w.Header().Set("Allow", strings.ReplaceAll(e.methods, " ", ", "))
		return &oauthError{status: http.StatusMethodNotAllowed, code: "invalid_request", number: 900561,
			text: "The endpoint only accepts " + strings.ReplaceAll(e.methods, " ", ", ") + " requests. Received a " +
				printable(c.Method, 20) + " request."}
	}
	if tenant != "" && !c.h.serves(tenant) {
		return &oauthError{status: http.StatusBadRequest, code: "invalid_tenant", number: 90002,
			text: "Tenant '" + printable(tenant, 80) +
				"' not found. Check to make sure you have the correct tenant ID."}
	}
	c.tenant = tenant
	return e.serve(c)
}

// serves reports whether there is a directory of that name. In development
// every name is one for the only directory, so that clients may be configured
// with whatever tenant they like.
func (h *Handler) serves(tenant string) bool {
	switch tenant {
	case h.o.Issuer.TenantID(), "common", "organizations", adfs:
		return true
	}
	return h.Development()
}

// adfs is the tenant that makes MSAL speak the dialect of AD FS, in which it
// asks no other host about the authority.
const adfs = "adfs"

// reply answers 200 with a document.
func (c *call) reply(body any) error { return c.write(http.StatusOK, body) }

func (c *call) write(status int, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	if c.Method != http.MethodHead {
		c.w.Write(b)
	}
	return nil
}

// id makes a random GUID.
func (h *Handler) id() string {
	u, err := uuid.NewRandomFromReader(h.o.Rand)
	if err != nil {
		return uuid.Nil.String()
	}
	return u.String()
}
