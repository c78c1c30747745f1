package servicebusrp

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

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/commit"
	"switchyard/value"
)

// Namespace is the provider's name.
const Namespace = "Microsoft.ServiceBus"

// Options is what [New] needs. Store, Log, Clock, Broker, Authority, SealRules and
// ConnectionString are required.
type Options struct {
	Store  arm.Store
	Log    commit.Log
	Clock  arm.Clock
	Logger *slog.Logger // default: discards
	Rand   io.Reader    // keys and principals; default crypto/rand
	Broker Broker
	// Topics is usually the same broker. Nil: topics are refused by name.
	Topics    Topics
	Authority Authority
	// SealRules makes of the rules of a namespace or an entity what the broker keeps.
	SealRules func([]auth.AuthorizationRule) []byte
	// ConnectionString is what a client is given to connect with a key of a rule;
	// entity is "" for a rule of the namespace.
	ConnectionString func(ns, entity, keyName, key string) string
	// Endpoint is what a namespace shows as serviceBusEndpoint. Default: the form
	// that it has in Azure.
	Endpoint func(ns string) string
	// Changed is called after a namespace or one of its own keys was created, changed
	// or deleted, when that is durable. Default: nobody is told.
	Changed func(ns string, deleted bool)
	// ProvisioningDelay is how long a new namespace is shown as not yet active, to
	// test clients that poll. It is usable at once all the same.
	ProvisioningDelay time.Duration
}

// Provider is Microsoft.ServiceBus. It implements [arm.Provider].
type Provider struct {
	o      Options
	k      *arm.Kernel // set by Bind
	routes map[string]handler

	changing sync.Mutex // held from the decision to change something until it is durable
}

// New makes the provider.
func New(o Options) (*Provider, error) {
	if o.Store == nil || o.Log == nil || o.Clock == nil || o.Broker == nil || o.Authority == nil ||
		o.SealRules == nil || o.ConnectionString == nil {
		return nil, fmt.Errorf(
			"new Service Bus provider: Store, Log, Clock, Broker, Authority, SealRules and ConnectionString are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Changed == nil {
		o.Changed = func(string, bool) {}
	}
	if o.Endpoint == nil {
		o.Endpoint = func(ns string) string { return "https://" + ns + ".servicebus.windows.net:443/" }
	}
	p := &Provider{o: o}
	p.routes = map[string]handler{
		"":                                                  p.handleSubscription,
		"operations":                                        p.handleOperations,
		"namespaces":                                        p.handleNamespace,
		"namespaces/AuthorizationRules":                     p.inNamespace(p.handleRule),
		"namespaces/queues":                                 p.inNamespace(p.handleQueue),
		"namespaces/queues/authorizationRules":              p.inNamespace(p.handleRule),
		"namespaces/topics":                                 p.inNamespace(p.withTopics(p.handleTopic)),
		"namespaces/topics/authorizationRules":              p.inNamespace(p.withTopics(p.handleRule)),
		"namespaces/topics/subscriptions":                   p.inNamespace(p.withTopics(p.handleTopicSubscription)),
		"namespaces/topics/subscriptions/rules":             p.inNamespace(p.withTopics(p.handleFilterRule)),
		"namespaces/networkRuleSets":                        p.inNamespace(p.handleNetworkRules),
		"namespaces/disasterRecoveryConfigs":                p.inNamespace(handleNothing),
		"namespaces/migrationConfigurations":                p.inNamespace(handleNothing),
		"namespaces/privateEndpointConnections":             p.inNamespace(handleNothing),
		"namespaces/privateLinkResources":                   p.inNamespace(handleNothing),
		"namespaces/networkSecurityPerimeterConfigurations": p.inNamespace(handleNothing),
	}
	return p, nil
}

type handler func(ctx context.Context, r *arm.Request) (*arm.Response, error)

// Namespace implements [arm.Provider].
func (p *Provider) Namespace() string { return Namespace }

// Bind implements [arm.Binder].
func (p *Provider) Bind(k *arm.Kernel) { p.k = k }

var versions = []string{"2026-01-01", "2025-05-01-preview", "2024-01-01", "2023-01-01-preview",
	"2022-10-01-preview", "2022-01-01-preview", "2021-11-01", "2021-06-01-preview", "2021-01-01-preview",
	"2018-01-01-preview", "2017-04-01"}

// Types implements [arm.Provider].
func (p *Provider) Types() []arm.TypeInfo {
	var types []arm.TypeInfo
	for _, t := range []string{
		"namespaces", "namespaces/AuthorizationRules", "namespaces/queues", "namespaces/queues/authorizationRules",
		"namespaces/topics", "namespaces/topics/authorizationRules", "namespaces/topics/subscriptions",
		"namespaces/topics/subscriptions/rules", "namespaces/networkRuleSets", "namespaces/disasterRecoveryConfigs",
		"namespaces/migrationConfigurations", "namespaces/privateEndpointConnections",
		"namespaces/privateLinkResources", "namespaces/networkSecurityPerimeterConfigurations",
	} {
		types = append(types, arm.TypeInfo{Type: t, Tracked: t == "namespaces", APIVersions: versions})
	}
	return types
}

// Handle implements [arm.Provider].
func (p *Provider) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.ID.Scope != nil {
		return nil, arm.Errorf(http.StatusNotFound, "InvalidResourceType",
			"Resources of type '%s' can't extend '%s'.", r.ID.Type(), r.ID.Scope)
	}
	// A slash in the name of an entity is escaped, or written as ~ by old clients
	// [ARM 1.4].
	if len(r.ID.Names) > 1 && (r.ID.Types[1] == "queues" || r.ID.Types[1] == "topics") {
		names := append([]string(nil), r.ID.Names...)
		names[1] = strings.ReplaceAll(names[1], "~", "/")
		r.ID.Names = names
	}
	h := p.routes[r.ID.TypePath()]
	if h == nil {
		return nil, arm.MethodNotAllowed(r)
	}
	return h(ctx, r)
}

// inNamespace lets a handler see only requests whose namespace is there.
func (p *Provider) inNamespace(h handler) handler {
	return func(ctx context.Context, r *arm.Request) (*arm.Response, error) {
		if _, err := p.namespaceOf(r.ID); err != nil {
			return nil, parentError(r, namespaceID(r.ID), err)
		}
		return h(ctx, r)
	}
}

// withTopics refuses by name what a broker without topics does not have.
func (p *Provider) withTopics(h handler) handler {
	if p.o.Topics != nil {
		return h
	}
	return func(ctx context.Context, r *arm.Request) (*arm.Response, error) {
		switch {
		case r.Method == http.MethodGet && r.Collection:
			return arm.List(), nil
		case r.Method == http.MethodDelete:
			return arm.NoContent(), nil
		case r.Method == http.MethodGet:
			return nil, p.notFound(r)
		}
		return nil, p.refused(r, "Topics are not supported")
	}
}

// handleNothing answers for features of Premium that there are not: nothing is
// listed and nothing can be created.
func handleNothing(_ context.Context, r *arm.Request) (*arm.Response, error) {
	switch {
	case r.Method == http.MethodGet && r.Collection:
		return arm.List(), nil
	case r.Method == http.MethodGet:
		return nil, arm.ResourceNotFound(r.ID)
	case r.Method == http.MethodDelete:
		return arm.NoContent(), nil
	}
	return nil, arm.BadRequest("Resources of type '%s' are not supported.", r.ID.Type())
}

// apply makes one change durable: what the effect does and what add puts beside
// it. It is called with changing held.
func (p *Provider) apply(ctx context.Context, e commit.Effect, add func(u *commit.Unit)) error {
	return p.do(ctx, changeSize, e, add)
}

// free is apply for a deletion, which the log takes while it refuses everything else.
func (p *Provider) free(ctx context.Context, e commit.Effect, add func(u *commit.Unit)) error {
	return p.do(ctx, commit.Frees, e, add)
}

func (p *Provider) do(ctx context.Context, bytes int, e commit.Effect, add func(u *commit.Unit)) error {
	if add == nil {
		return commit.Do(ctx, p.o.Log, bytes, e)
	}
	return commit.Do(ctx, p.o.Log, bytes, e, add)
}

// changeSize is about what a change takes in the log, in bytes.
const changeSize = 16 << 10

func object(members ...any) *value.Object {
	o := value.NewObject()
	for i := 0; i < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}
