package resourcesrp

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/value"
)

// Options is what [New] needs; all of it is required but Grants.
type Options struct {
	Store arm.Store
	Log   commit.Log
	Clock arm.Clock
	// Grants are roles beside those that are assigned.
	Grants []Grant
}

// Resources is the provider Microsoft.Resources. It implements [arm.Provider],
// [arm.Groups] and [arm.Binder].
type Resources struct {
	store arm.Store
	log   commit.Log
	clock arm.Clock
	k     *arm.Kernel // set by Bind
	roles *Roles

	changing sync.Mutex // held from the decision to change a group until it is durable
}

// New reads what is stored. The providers to give to the kernel are those of
// [Resources.Providers].
func New(o Options) (*Resources, error) {
	if o.Store == nil || o.Log == nil || o.Clock == nil {
		return nil, fmt.Errorf("new resources provider: Store, Log and Clock are required")
	}
	roles, err := newRoles(o)
	if err != nil {
		return nil, err
	}
	return &Resources{store: o.Store, log: o.Log, clock: o.Clock, roles: roles}, nil
}

// Providers returns the providers of this package.
func (p *Resources) Providers() []arm.Provider {
	return []arm.Provider{p, &authorization{p}, &insights{}}
}

// Roles answers questions about role assignments.
func (p *Resources) Roles() *Roles { return p.roles }

// Namespace implements [arm.Provider].
func (p *Resources) Namespace() string { return arm.ResourcesNamespace }

var versions = []string{"2025-04-01", "2024-11-01", "2024-03-01", "2022-09-01", "2021-04-01",
	"2020-06-01", "2019-11-01"}

// Types implements [arm.Provider].
func (p *Resources) Types() []arm.TypeInfo {
	var types []arm.TypeInfo
	for _, t := range []string{"tenants", "subscriptions", "locations", "providers", "resourceGroups",
		"resources", "tagNames", "tags"} {
		types = append(types, arm.TypeInfo{Type: t, APIVersions: versions})
	}
	return types
}

// Bind implements [arm.Binder].
func (p *Resources) Bind(k *arm.Kernel) {
	p.k = k
	k.HandleOperation(deleteGroupKind, p.deleteGroup)
}

// DeleteGroup implements [arm.Provider]: nothing of this provider is in a group
// but what the deletion itself removes.
func (p *Resources) DeleteGroup(context.Context, string, string) error { return nil }

// GroupResources implements [arm.Provider].
func (p *Resources) GroupResources(string, string) []*value.Object { return nil }

// Handle implements [arm.Provider]. Most of what it answers has no provider in
// its path.
func (p *Resources) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.ID.Provider != "" {
		if len(r.ID.Types) == 1 && r.ID.Types[0] == "tags" {
			return p.handleTags(ctx, r)
		}
		if r.Collection && r.ID.Types[0] == "operations" {
			return arm.List(), nil
		}
		return nil, notFound(r)
	}
	first := ""
	if len(r.ID.Types) > 0 {
		first = strings.ToLower(r.ID.Types[0])
	}
	switch {
	case r.ID.ResourceGroup != "" && first == "" && r.Action == "":
		return p.handleGroup(ctx, r)
	case r.ID.ResourceGroup != "" && first == "":
		return nil, arm.NotSupported("The action '%s' of resource groups is not supported.", r.Action)
	case r.ID.ResourceGroup != "" && first == "resources" && r.Collection:
		return p.listResources(r)
	case r.ID.ResourceGroup != "":
		return nil, notFound(r)
	case first == "providers":
		return p.handleProviders(r)
	case r.Method != http.MethodGet:
		return nil, arm.MethodNotAllowed(r)
	case r.ID.Subscription == "" && first == "subscriptions" && r.Collection:
		return p.listSubscriptions(r)
	case r.ID.Subscription == "" && first == "tenants" && r.Collection:
		return p.listTenants(r)
	case r.ID.Subscription == "":
		return nil, notFound(r)
	case first == "":
		return p.getSubscription(r)
	case !r.Collection || len(r.ID.Types) > 1:
		return nil, notFound(r)
	}
	switch first {
	case "locations":
		return p.listLocations(r)
	case "resourcegroups":
		return p.listGroups(r)
	case "resources":
		return p.listResources(r)
	case "tagnames":
		return arm.List(), nil
	}
	return nil, notFound(r)
}

func notFound(r *arm.Request) error {
	return arm.Errorf(http.StatusNotFound, "NotFound", "There is nothing at '%s'.", r.ID)
}

// changeSize is about what a change takes in the log, in bytes.
const changeSize = 4 << 10

// commit makes what add writes durable.
func (p *Resources) commit(ctx context.Context, add func(u *commit.Unit)) error {
	return commit.Do(ctx, p.log, changeSize, nil, add)
}

// free is commit for what a deletion writes, which the log takes while it refuses
// everything else.
func (p *Resources) free(ctx context.Context, add func(u *commit.Unit)) error {
	return commit.Do(ctx, p.log, commit.Frees, nil, add)
}

func object(members ...any) *value.Object {
	o := value.NewObject()
	for i := 0; i < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}
