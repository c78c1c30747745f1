package identityhttp_test

import (
	"testing"

	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
)

func TestManagedIdentities(t *testing.T) {
	own := issuer.Identity{ClientID: "own"}
	one := issuer.Identity{ClientID: "client-1", PrincipalID: "principal-1", ResourceID: "/factories/One"}
	two := issuer.Identity{ClientID: "client-2", PrincipalID: "principal-2", ResourceID: "/factories/Two"}
	m := identityhttp.ManagedIdentities{Default: own, All: func() []issuer.Identity { return []issuer.Identity{one, two} }}
	for _, c := range []struct {
		s    identityhttp.IdentitySelector
		want issuer.Identity
		ok   bool
	}{
		{identityhttp.IdentitySelector{}, own, true},
		{identityhttp.IdentitySelector{ClientID: "CLIENT-2"}, two, true},
		{identityhttp.IdentitySelector{ObjectID: "principal-1"}, one, true},
		{identityhttp.IdentitySelector{ResourceID: "/FACTORIES/two"}, two, true},
		{identityhttp.IdentitySelector{ClientID: "principal-1"}, issuer.Identity{}, false},
		{identityhttp.IdentitySelector{ClientID: "own"}, issuer.Identity{}, false},
	} {
		if got, ok := m.ManagedIdentity(c.s); got != c.want || ok != c.ok {
			t.Errorf("%+v: %+v, %v, want %+v, %v", c.s, got, ok, c.want, c.ok)
		}
	}
}
