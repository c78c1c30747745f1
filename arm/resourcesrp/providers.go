package resourcesrp

import (
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/value"
)

// handleProviders answers for the list of providers and their registration
// [ARM 5.3]. Every namespace is registered, whether we have it or not.
func (p *Resources) handleProviders(r *arm.Request) (*arm.Response, error) {
	if r.Collection && len(r.ID.Types) == 2 {
		return arm.List(), nil // resourceTypes and providerPermissions
	}
	switch {
	case r.Method == http.MethodGet && r.Collection:
		var items []*value.Object
		for _, provider := range p.k.Providers() {
			items = append(items, p.provider(r.ID.Subscription, provider.Namespace()))
		}
		return r.Page(items, resourcePage)
	case r.Method == http.MethodGet && len(r.ID.Types) == 1,
		r.Method == http.MethodPost && len(r.ID.Types) == 1 && (r.Action == "register" || r.Action == "unregister"):
		if !namespaceName(r.ID.Names[0]) {
			return nil, arm.Errorf(http.StatusBadRequest, "InvalidResourceNamespace",
				"The resource namespace '%s' is invalid.", r.ID.Names[0])
		}
		return arm.OK(p.provider(r.ID.Subscription, r.ID.Names[0])), nil
	case len(r.ID.Types) != 1:
		return nil, notFound(r)
	}
	return nil, arm.MethodNotAllowed(r)
}

func namespaceName(s string) bool {
	return len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '-'
	})
}

func (p *Resources) provider(subscription, namespace string) *value.Object {
	types := value.Array{}
	for _, known := range p.k.Providers() {
		if !strings.EqualFold(known.Namespace(), namespace) {
			continue
		}
		namespace = known.Namespace()
		for _, t := range known.Types() {
			types = append(types, resourceType(t))
		}
	}
	id := "/providers/" + namespace
	if subscription != "" {
		id = "/subscriptions/" + subscription + id
	}
	return object("id", id, "namespace", namespace, "registrationPolicy", "RegistrationRequired",
		"registrationState", "Registered", "resourceTypes", types)
}

func resourceType(t arm.TypeInfo) *value.Object {
	locations, apiVersions := value.Array{}, value.Array{}
	capabilities := "None"
	if t.Tracked {
		capabilities = "SupportsTags, SupportsLocation"
	}
	for _, g := range arm.Regions() {
		locations = append(locations, g.DisplayName)
	}
	for _, v := range t.APIVersions {
		apiVersions = append(apiVersions, v)
	}
	o := object("resourceType", t.Type, "locations", locations, "apiVersions", apiVersions)
	if len(t.APIVersions) > 0 {
		o.Set("defaultApiVersion", t.APIVersions[0])
	}
	o.Set("capabilities", capabilities)
	return o
}
