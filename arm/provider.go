package arm

import (
	"context"

	"switchyard/commit"
	"switchyard/value"
)

// A Provider is a resource provider: the resources of one namespace, such as
// Microsoft.ServiceBus. Its methods are safe for concurrent use.
type Provider interface {
	// Namespace is the name in canonical casing.
	Namespace() string
	// Types are all resource types, children included. The kernel refuses every
	// other with InvalidResourceType before Handle is called.
	Types() []TypeInfo
	// Handle answers a request. Errors that are not an [*Error] are logged and
	// answered with 500 InternalServerError.
	Handle(ctx context.Context, r *Request) (*Response, error)
	// DeleteGroup deletes everything in a resource group, data included. It is
	// repeated after a crash, so what is already gone is not an error.
	DeleteGroup(ctx context.Context, subscription, group string) error
	// GroupResources describes the top-level tracked resources of a group, or of
	// the whole subscription if group is "": id, name, type, location, tags, sku,
	// kind, identity, createdTime, changedTime, provisioningState, as far as a
	// resource has them.
	GroupResources(subscription, group string) []*value.Object
}

// A TypeInfo describes a resource type.
type TypeInfo struct {
	// Type is the path of types below the namespace in canonical casing, such as
	// namespaces/queues.
	Type string
	// Tracked says that a resource has a location and tags: PUT needs a location.
	Tracked bool
	// APIVersions are shown by the providers API, newest first. A request may
	// name any version.
	APIVersions []string
}

// A Binder is a [Provider] that wants to know the kernel that serves it. Bind is
// called once, by [NewKernel].
type Binder interface{ Bind(k *Kernel) }

// A Group is what the kernel needs to know of a resource group.
type Group struct {
	Name     string // as created
	Location string
	Deleting bool
}

// Groups is implemented by the provider that keeps the resource groups.
type Groups interface {
	// Group finds a group, ignoring case. The error wraps [ErrNotFound].
	Group(subscription, name string) (Group, error)
}

// A ScopeListener is a [Provider] that keeps something of its own about the
// resources of others, such as role assignments.
type ScopeListener interface {
	// DeleteScope adds to u the removal of what belongs to a resource or to
	// anything in it.
	DeleteScope(u *commit.Unit, id ResourceID)
}

// DeleteScope adds to the unit that deletes a resource what other providers
// remove with it. Every provider calls it for the resources that it deletes.
func (k *Kernel) DeleteScope(u *commit.Unit, id ResourceID) {
	for _, p := range k.o.Providers {
		if l, ok := p.(ScopeListener); ok {
			l.DeleteScope(u, id)
		}
	}
}
