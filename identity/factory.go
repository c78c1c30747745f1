package identity

import (
	"fmt"
	"strings"

	"switchyard/auth/issuer"
	"switchyard/pipeline/factory"
)

// managed are the managed identities that programs on this machine may use by their
// ids: those of the factories.
func (i *Identities) managed() []issuer.Identity {
	var all []issuer.Identity
	for _, r := range i.o.Factories() {
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

// OfFactory finds the identity with which the activities of a factory log in.
func (i *Identities) OfFactory(name, credential string) (issuer.Identity, error) {
	if credential != "" {
		return issuer.Identity{}, fmt.Errorf("credential %s: user-assigned identities are not supported by "+
			"this version", credential)
	}
	for _, r := range i.o.Factories() {
		if strings.EqualFold(r.ID.Factory, name) && r.Identity != nil {
			return identityOf(r), nil
		}
	}
	return issuer.Identity{}, fmt.Errorf("data factory %s has no managed identity", name)
}
