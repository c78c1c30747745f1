package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

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

// openIdentities reads who this Switchyard is, or decides it at the first start.
func (s *System) openIdentities(context.Context) (err error) {
	if s.tenant, err = s.guid(metaTenant); err != nil {
		return err
	}
	if s.subscription, err = s.guid(metaSubscription); err != nil {
		return err
	}
	s.control.issuer = issuer.NewLazy(issuer.LazyOptions{
		Keys: issuerKey{s.store}, Rand: s.o.Rand, TenantID: s.tenant, URL: s.httpsURL(),
	})
	return nil
}

// guid returns the GUID kept under a name, made when it is first asked for.
func (s *System) guid(name string) (string, error) {
	b, err := s.store.Meta(name)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return string(b), err
	}
	id, err := uuid.NewRandomFromReader(s.o.Rand)
	if err != nil {
		return "", err
	}
	return id.String(), keep(s.store, name, []byte(id.String()))
}

// identities are the managed identities that programs on this machine may use by
// their ids: those of the factories.
func (s *System) identities() []issuer.Identity {
	var all []issuer.Identity
	for _, r := range s.factories.List("", "") {
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

// factoryIdentity finds the identity with which the activities of a factory log in.
func (s *System) factoryIdentity(name, credential string) (issuer.Identity, error) {
	if credential != "" {
		return issuer.Identity{}, fmt.Errorf("credential %s: user-assigned identities are not supported by this version", credential)
	}
	for _, r := range s.factories.List("", "") {
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
func (k issuerKey) Keep(key []byte) error {
	return keep(k.Store, metaIssuerKey, k.Seal(key))
}

// keep makes a record of system's own durable.
func keep(st *store.Store, name string, value []byte) error {
	return commit.Do(context.Background(), st, len(value), nil, func(u *commit.Unit) { st.PutMeta(u, name, value) })
}
