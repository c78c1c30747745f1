package identityhttp

import (
	"strings"

	"switchyard/auth/issuer"
)

// ManagedIdentities is an [IdentitySource] of a list of identities.
type ManagedIdentities struct {
	// Default is the system-assigned identity.
	Default issuer.Identity
	// All returns the others, which are found by any of their ids, ignoring case.
	All func() []issuer.Identity
}

// ManagedIdentity implements [IdentitySource].
func (m ManagedIdentities) ManagedIdentity(s IdentitySelector) (issuer.Identity, bool) {
	if s == (IdentitySelector{}) {
		return m.Default, true
	}
	for _, id := range m.All() {
		for _, x := range [][2]string{{s.ClientID, id.ClientID}, {s.ObjectID, id.PrincipalID},
			{s.ResourceID, id.ResourceID}} {
			if x[0] != "" && strings.EqualFold(x[0], x[1]) {
				return id, true
			}
		}
	}
	return issuer.Identity{}, false
}
