package system

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"

	"switchyard/arm"
	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
	"switchyard/commit"
	"switchyard/pipeline/factory"
	"switchyard/store"
)

// The application of a data directory's own environment variables, which logs in;
// in development any other does too.
const (
	DevelopmentClientID     = "00000000-0000-0000-0000-0000005717c4"
	DevelopmentClientSecret = "switchyard"
)

// developer is that application's identity.
var developer = issuer.Identity{ClientID: DevelopmentClientID, PrincipalID: issuer.ObjectID(DevelopmentClientID)}

// identities are who may do something here.
type identities struct {
	tenant string
	token  string // of those who may read the data directory
	issuer *issuer.Lazy
	// handler is made when it is first needed, with the issuer.
	handler   func() (*identityhttp.Handler, error)
	factories *factory.Manager
}

// openIdentities reads who this Switchyard is, or decides it at the first start.
func (s *System) openIdentities(context.Context) (err error) {
	var apps *issuer.Applications
	if s.o.Applications != nil {
		if apps, err = issuer.ParseApplications(s.o.Applications); err != nil {
			return fmt.Errorf("applications that may log in: %w", err)
		}
	}
	i := &identities{token: s.token}
	if i.tenant, err = guid(s.store, s.o, metaTenant); err != nil {
		return err
	}
	if s.subscription, err = guid(s.store, s.o, metaSubscription); err != nil {
		return err
	}
	i.issuer = issuer.NewLazy(issuer.LazyOptions{
		Keys: issuerKey{s.store}, Rand: s.o.Rand, TenantID: i.tenant, URL: s.httpsURL(),
	})
	i.handler = sync.OnceValues(func() (*identityhttp.Handler, error) {
		iss, err := i.issuer.Issuer()
		if err != nil {
			return nil, err
		}
		return identityhttp.New(identityhttp.Options{
			Issuer: iss, Now: s.clock.Now, Rand: s.o.Rand, Logger: s.log, Applications: apps, IdentityHeader: s.token,
			Identities: identityhttp.ManagedIdentities{Default: developer, All: i.all},
		})
	})
	s.identities = i
	return nil
}

// guid returns the GUID kept under a name, made when it is first asked for.
func guid(st *store.Store, o Options, name string) (string, error) {
	b, err := st.Meta(name)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return string(b), err
	}
	id, err := uuid.NewRandomFromReader(o.Rand)
	if err != nil {
		return "", err
	}
	return id.String(), keep(st, name, []byte(id.String()))
}

// self is the process as a caller of its own resource manager.
func (i *identities) self() arm.Caller {
	return arm.Caller{ObjectID: developer.PrincipalID, AppID: developer.ClientID, TenantID: i.tenant, Name: "Switchyard"}
}

// authenticate tells who makes a request to the resource manager: the token of the
// endpoints file is good for those who may read the data directory.
func (i *identities) authenticate(r *http.Request) (arm.Caller, error) {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if ok && subtle.ConstantTimeCompare([]byte(given), []byte(i.token)) == 1 {
		return i.self(), nil
	}
	h, err := i.handler()
	if err != nil {
		return arm.Caller{}, err
	}
	c, err := h.Authenticate(r)
	if u, ok := errors.AsType[*identityhttp.Unauthorized](err); ok {
		return arm.Caller{}, &arm.Error{Status: http.StatusUnauthorized, Code: u.Code, Message: u.Message,
			Header: http.Header{"Www-Authenticate": {u.Challenge}}}
	}
	return arm.Caller{ObjectID: c.ObjectID, AppID: c.AppID, TenantID: c.TenantID}, err
}

// all are the managed identities that programs on this machine may use by their
// ids: those of the factories.
func (i *identities) all() []issuer.Identity {
	var all []issuer.Identity
	for _, r := range i.factories.List("", "") {
		if r.Identity != nil {
			all = append(all, identityOf(r))
		}
	}
	return all
}

func identityOf(r *factory.Resource) issuer.Identity {
	return issuer.Identity{
		ClientID: r.Identity.PrincipalID, PrincipalID: r.Identity.PrincipalID,
		ResourceID: "/subscriptions/" + r.ID.Subscription + "/resourceGroups/" + r.ID.ResourceGroup +
			"/providers/Microsoft.DataFactory/factories/" + r.ID.Factory,
	}
}

// ofFactory finds the identity with which the activities of a factory log in.
func (i *identities) ofFactory(name, credential string) (issuer.Identity, error) {
	if credential != "" {
		return issuer.Identity{}, fmt.Errorf("credential %s: user-assigned identities are not supported by this version", credential)
	}
	for _, r := range i.factories.List("", "") {
		if strings.EqualFold(r.ID.Factory, name) && r.Identity != nil {
			return identityOf(r), nil
		}
	}
	return issuer.Identity{}, &NotFoundError{"data factory " + name + " has no managed identity"}
}

// issuerKey keeps the issuer's key, sealed, an [issuer.KeyStore].
type issuerKey struct{ *store.Store }

// Key implements [issuer.KeyStore].
func (k issuerKey) Key() ([]byte, error) {
	sealed, err := k.Meta(metaIssuerKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return k.Open(sealed)
}

// Keep implements [issuer.KeyStore].
func (k issuerKey) Keep(key []byte) error { return keep(k.Store, metaIssuerKey, k.Seal(key)) }

// keep makes a record of system's own durable.
func keep(st *store.Store, name string, value []byte) error {
	return commit.Do(context.Background(), st, len(value), nil, func(u *commit.Unit) { st.PutMeta(u, name, value) })
}
