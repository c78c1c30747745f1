// Package identity keeps who may do something in a Switchyard: the tenant, the
// issuer of its tokens, the applications that log in and the managed identities of
// its factories. It owns no goroutine.
package identity

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"switchyard/arm"
	"switchyard/arm/resourcesrp"
	"switchyard/auth"
	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
	"switchyard/commit"
	"switchyard/pipeline/factory"
)

// The application of a data directory's own environment variables, which logs in;
// in development any other does too.
const (
	DevelopmentClientID     = "00000000-0000-0000-0000-0000005717c4"
	DevelopmentClientSecret = "switchyard"
)

// developer is that application's identity.
var developer = issuer.Identity{ClientID: DevelopmentClientID, PrincipalID: issuer.ObjectID(DevelopmentClientID)}

// A Store keeps what must be the same after a restart.
type Store interface {
	// Kept returns what Keep has kept under a name, nil if there is nothing.
	Kept(name string) ([]byte, error)
	// Keep makes a value durable.
	Keep(name string, value []byte) error
	// Seal makes a secret unreadable for who has not the key of the store; Open
	// reverses it.
	Seal(secret []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Names of what is kept. They are on disks.
const (
	keptIssuerKey    = "auth/issuer-key"
	keptTenant       = "identity/tenant"
	keptSubscription = "identity/subscription"
	keptMode         = "auth/mode"
	keptOwner        = "auth/owner"
)

// Options are what [Open] needs. All are required but Mode and Applications.
type Options struct {
	Store  Store
	Now    func() time.Time
	Rand   io.Reader
	Logger *slog.Logger
	// URL is where the identity endpoints are.
	URL string
	// Exposed says that other machines are served, which takes strict mode.
	Exposed bool
	// OurHost reports whether a host is a name of this server beside those of every
	// machine for itself; nil: none is.
	OurHost func(host string) bool
	// Token is the secret of those who may read the data directory: with it they
	// act as the process itself.
	Token string
	// Mode says who may log in; "": as it was the last time.
	Mode Mode
	// Applications is the JSON list of applications that may log in in strict mode,
	// as [issuer.ParseApplications] reads it. Nil: one that owns everything, made by the
	// first start in strict mode.
	Applications []byte
	// OwnerDir is the directory where that one's secret is written to [OwnerFile], once.
	OwnerDir string
	// Ephemeral says that nothing is written: none is made.
	Ephemeral bool
	// Refused, if not nil, is called for a login or a token that was not accepted.
	Refused func(what, remote, who, why string)
	// Factories lists the factories, whose managed identities log in.
	Factories func() []*factory.Resource
}

// Identities are who may do something here.
type Identities struct {
	o            Options
	applications *issuer.Applications
	tenant       string
	subscription string
	issuer       *issuer.Lazy
	// handler is made when it is first needed, with the issuer.
	handler func() (*identityhttp.Handler, error)
}

// Open reads who a Switchyard is, or decides it at the first start.
func Open(o Options) (_ *Identities, err error) {
	i := &Identities{o: o}
	if i.tenant, err = i.guid(keptTenant); err != nil {
		return nil, err
	}
	if i.subscription, err = i.guid(keptSubscription); err != nil {
		return nil, err
	}
	strict, err := i.decide()
	if err != nil {
		return nil, err
	}
	if strict {
		if i.applications, err = issuer.ParseApplications(i.o.Applications); err != nil {
			return nil, fmt.Errorf("applications that may log in: %w", err)
		}
	}
	i.warn()
	i.issuer = issuer.NewLazy(issuer.LazyOptions{Keys: keys{o.Store}, Rand: o.Rand, TenantID: i.tenant, URL: o.URL, OurHost: func(h string) bool { return issuer.LoopbackHost(h) || o.OurHost != nil && o.OurHost(h) }})
	i.handler = sync.OnceValues(i.newHandler)
	return i, nil
}

func (i *Identities) newHandler() (*identityhttp.Handler, error) {
	iss, err := i.issuer.Issuer()
	if err != nil {
		return nil, err
	}
	return identityhttp.New(identityhttp.Options{
		Issuer: iss, Now: i.o.Now, Rand: i.o.Rand, Logger: i.o.Logger, Applications: i.applications, Refused: i.refused("login"),
		IdentityHeader: i.o.Token, Identities: identityhttp.ManagedIdentities{Default: developer, All: i.managed},
	})
}

// guid returns the GUID kept under a name, made when it is first asked for.
func (i *Identities) guid(name string) (string, error) {
	b, err := i.o.Store.Kept(name)
	if errors.Is(err, commit.ErrDamaged) {
		return "", fmt.Errorf("%w; all that the resource manager has is below this id: "+
			"restore a copy of the data directory", err)
	}
	if err != nil || b != nil {
		return string(b), err
	}
	id, err := uuid.NewRandomFromReader(i.o.Rand)
	if err != nil {
		return "", err
	}
	return id.String(), i.o.Store.Keep(name, []byte(id.String()))
}

// TenantID is the tenant, a GUID that stays the same for the life of the store.
func (i *Identities) TenantID() string { return i.tenant }

// SubscriptionID is the default subscription, a GUID that stays the same too.
func (i *Identities) SubscriptionID() string { return i.subscription }

// Issuer makes and verifies the tokens.
func (i *Identities) Issuer() *issuer.Lazy { return i.issuer }

// Strict reports whether only registered applications log in.
func (i *Identities) Strict() bool { return i.applications != nil }

// Mode is who may log in.
func (i *Identities) Mode() Mode {
	if i.Strict() {
		return Strict
	}
	return Development
}

// Grants are the roles that the file of registered applications gives them.
func (i *Identities) Grants() []resourcesrp.Grant {
	if !i.Strict() {
		return nil
	}
	var all []resourcesrp.Grant
	for _, a := range i.applications.List() {
		for _, r := range a.Roles {
			all = append(all, resourcesrp.Grant{PrincipalID: issuer.ObjectID(a.ID), Role: r.Role, Scope: r.Scope})
		}
	}
	return all
}

// warn tells of applications that can log in and, but for assigned roles, no more.
func (i *Identities) warn() {
	if !i.Strict() {
		return
	}
	for _, a := range i.applications.List() {
		if len(a.Roles) == 0 {
			i.o.Logger.Warn("a registered application has no roles in the file: it may do what role assignments allow it; "+
				`add "roles": [{"role": "Reader", "scope": "/"}] or assign roles to its object id`,
				"application", a.ID, "object", issuer.ObjectID(a.ID))
		}
	}
}

// Self is the process as a caller of its own resource manager.
func (i *Identities) Self() arm.Caller {
	return arm.Caller{ObjectID: developer.PrincipalID, AppID: developer.ClientID, TenantID: i.tenant,
		Name: "Switchyard", Operator: true}
}

// Authenticate tells who makes a request to the resource manager.
func (i *Identities) Authenticate(r *http.Request) (arm.Caller, error) {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if ok && subtle.ConstantTimeCompare([]byte(given), []byte(i.o.Token)) == 1 {
		return i.Self(), nil
	}
	h, err := i.handler()
	if err != nil {
		return arm.Caller{}, err
	}
	c, err := h.Authenticate(r)
	if u, ok := errors.AsType[*identityhttp.Unauthorized](err); ok {
		if u.Err != nil { // without a token it is only asked which is wanted
			i.refused("token")(r.RemoteAddr, "", auth.Reason(u.Err))
		}
		return arm.Caller{}, &arm.Error{Status: http.StatusUnauthorized, Code: u.Code, Message: u.Message,
			Header: http.Header{"Www-Authenticate": {u.Challenge}}}
	}
	return arm.Caller{ObjectID: c.ObjectID, AppID: c.AppID, TenantID: c.TenantID}, err
}

// refused tells of what was not accepted.
func (i *Identities) refused(what string) func(remote, who, why string) {
	return func(remote, who, why string) {
		if i.o.Refused != nil {
			i.o.Refused(what, remote, who, why)
		}
	}
}

// Manages reports whether a token for a resource opens the resource manager, as
// [Identities.Authenticate] would take it by one of its names.
func (i *Identities) Manages(resource string) bool {
	h, err := i.handler()
	return err == nil && h.Manages(strings.TrimSuffix(resource, "/.default"))
}

// Or serves the endpoints at which clients log in, and leaves every other path to next.
func (i *Identities) Or(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := i.handler()
		switch {
		case err != nil:
			i.o.Logger.Error("the identity endpoints can't be opened", "err", err)
			http.Error(w, "the identity endpoints can't be opened; the log says why", http.StatusInternalServerError)
		case h.Serves(r):
			h.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// keys keeps the issuer's key, sealed, an [issuer.KeyStore].
type keys struct{ Store }

// Key implements [issuer.KeyStore]. In place of one that can't be read the issuer makes
// another: clients log in again.
func (k keys) Key() ([]byte, error) {
	sealed, err := k.Kept(keptIssuerKey)
	if errors.Is(err, commit.ErrDamaged) {
		return nil, nil
	}
	if err != nil || len(sealed) == 0 {
		return nil, err
	}
	return k.Open(sealed)
}

// Keep implements [issuer.KeyStore].
func (k keys) Keep(key []byte) error { return k.Store.Keep(keptIssuerKey, k.Seal(key)) }
