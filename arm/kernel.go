package arm

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"switchyard/commit"
	"switchyard/memory"
)

// Options is what [NewKernel] needs. Store, Log, Clock, Authenticate and
// TenantID are required.
type Options struct {
	Store  Store
	Log    commit.Log
	Clock  Clock
	Logger *slog.Logger // default: discards
	Rand   io.Reader    // request and operation IDs; default crypto/rand
	// Providers are asked in this order to delete what is in a group.
	Providers []Provider
	// Authenticate identifies who makes a request. An error that is an [*Error]
	// is answered as it is, any other as 401 InvalidAuthenticationToken. It is
	// called only if there is an Authorization header.
	Authenticate func(r *http.Request) (Caller, error)
	// Authorizer decides what a caller may do. Nil, for development: everything.
	Authorizer Authorizer
	// TenantID and DefaultSubscriptionID are GUIDs.
	TenantID              string
	DefaultSubscriptionID string
	// TrustForwarded takes the scheme and host of links from X-Forwarded-Proto and
	// X-Forwarded-Host: for a proxy in front that sets them.
	TrustForwarded bool
	// MaxBody bounds a request's body. Default: 4 MiB, as Azure.
	MaxBody int64
	// Values is the room for the bodies of requests that take more than 1 MiB as values.
	// Default: 256 MiB.
	Values *memory.Room
	// OperationDelay keeps a long-running operation from being seen as ended
	// before this time has passed, to test what polls. Default: none.
	OperationDelay time.Duration
}

// A Kernel serves the control plane's HTTP: paths that begin with
// /subscriptions, /providers or /tenants.
type Kernel struct {
	o         Options
	store     Store
	log       commit.Log
	logger    *slog.Logger
	providers map[string]*provider // by lower-case namespace
	resources Provider             // answers for subscriptions and groups
	groups    Groups

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // of operations

	mu       sync.Mutex
	handlers map[string]OperationFunc // guarded by mu
	randMu   sync.Mutex               // guards o.Rand
}

type provider struct {
	Provider
	types map[string]TypeInfo // by lower-case type
}

// ResourcesNamespace is the provider that answers for what has no provider in
// its path: subscriptions, tenants, resource groups, providers.
const ResourcesNamespace = "Microsoft.Resources"

// DefaultMaxBody is Azure's limit of a request's body.
const DefaultMaxBody = 4 << 20

// NewKernel makes a kernel of its providers. One of them must be
// Microsoft.Resources and implement [Groups].
func NewKernel(o Options) (*Kernel, error) {
	if o.Store == nil || o.Log == nil || o.Clock == nil || o.Authenticate == nil || o.TenantID == "" {
		return nil, fmt.Errorf("new resource manager: Store, Log, Clock, Authenticate and TenantID are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Values == nil {
		o.Values = memory.NewRoom(256 << 20)
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	k := &Kernel{o: o, store: o.Store, log: o.Log, logger: o.Logger, providers: map[string]*provider{},
		handlers: map[string]OperationFunc{}}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	for _, p := range o.Providers {
		key := strings.ToLower(p.Namespace())
		if k.providers[key] != nil {
			return nil, fmt.Errorf("new resource manager: two providers are called %s", p.Namespace())
		}
		types := map[string]TypeInfo{}
		for _, t := range p.Types() {
			types[strings.ToLower(t.Type)] = t
		}
		k.providers[key] = &provider{p, types}
		if g, ok := p.(Groups); ok {
			k.groups = g
		}
	}
	if p := k.providers[strings.ToLower(ResourcesNamespace)]; p != nil {
		k.resources = p.Provider
	}
	if k.resources == nil || k.groups == nil {
		return nil, fmt.Errorf("new resource manager: there is no provider %s that keeps resource groups",
			ResourcesNamespace)
	}
	for _, p := range o.Providers {
		if b, ok := p.(Binder); ok {
			b.Bind(k)
		}
	}
	return k, nil
}

// Providers returns the providers in the order of the options.
func (k *Kernel) Providers() []Provider { return k.o.Providers }

// TenantID is the tenant of every subscription.
func (k *Kernel) TenantID() string { return k.o.TenantID }

// DefaultSubscriptionID is the subscription that lists show.
func (k *Kernel) DefaultSubscriptionID() string { return k.o.DefaultSubscriptionID }

// Now is the time of the kernel's clock, UTC.
func (k *Kernel) Now() time.Time { return k.o.Clock.Now().UTC() }

// Commit makes what add writes durable: the records of operations, which only
// deletions have. It is for changes that need no lock while they are submitted.
func (k *Kernel) Commit(ctx context.Context, add func(u *commit.Unit)) error {
	return commit.Do(ctx, k.log, commit.Frees, nil, add)
}
