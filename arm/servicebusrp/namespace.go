package servicebusrp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/value"
)

const (
	namespacePrefix  = "servicebus/namespaces/"
	namespaceVersion = 1
)

// envelope is what is kept of a namespace beside what the broker has.
type envelope struct {
	Version       int             `json:"version"`
	Name          string          `json:"name"`
	Subscription  string          `json:"subscription"`
	ResourceGroup string          `json:"resourceGroup"`
	Location      string          `json:"location"`
	Tags          json.RawMessage `json:"tags,omitempty"`
	SKU           string          `json:"sku"`
	Capacity      int64           `json:"capacity,omitempty"` // Premium only
	// PrincipalID is of the system-assigned identity; "": there is none.
	PrincipalID string `json:"principalId,omitempty"`
	// The next ones have no effect on one machine and are kept to be shown.
	MinimumTLSVersion string    `json:"minimumTlsVersion"`
	ZoneRedundant     bool      `json:"zoneRedundant,omitempty"`
	Partitions        int64     `json:"premiumMessagingPartitions,omitempty"`
	TrustedServices   bool      `json:"trustedServiceAccessEnabled,omitempty"`
	CreatedAt         time.Time `json:"createdAt"`
	UpdatedAt         time.Time `json:"updatedAt"`
}

func namespaceKey(name string) string { return namespacePrefix + strings.ToLower(name) }

// namespaceID is the namespace that a resource is in.
func namespaceID(id arm.ResourceID) arm.ResourceID {
	id.Types, id.Names = id.Types[:1], id.Names[:1]
	return id
}

func readEnvelope(b []byte) (envelope, error) {
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("namespace record: %w", err)
	}
	if e.Version != namespaceVersion {
		return e, fmt.Errorf("namespace record has version %d, want %d", e.Version, namespaceVersion)
	}
	return e, nil
}

// envelope finds a namespace by name, wherever it is; the error wraps
// [arm.ErrNotFound].
func (p *Provider) envelope(name string) (envelope, error) {
	if description.CheckNamespace(name) != nil {
		return envelope{}, fmt.Errorf("namespace %q: %w", name, arm.ErrNotFound)
	}
	b, err := p.o.Store.Get(namespaceKey(name))
	if err != nil {
		return envelope{}, err
	}
	return readEnvelope(b)
}

// namespaceOf finds the namespace that an ID names or is in. One of another group
// is not found.
func (p *Provider) namespaceOf(id arm.ResourceID) (envelope, error) {
	e, err := p.envelope(id.Names[0])
	if err == nil && !e.in(id.Subscription, id.ResourceGroup) {
		err = fmt.Errorf("namespace %q in resource group %q: %w", id.Names[0], id.ResourceGroup, arm.ErrNotFound)
	}
	return e, err
}

func (e envelope) in(subscription, group string) bool {
	return strings.EqualFold(e.Subscription, subscription) &&
		(group == "" || strings.EqualFold(e.ResourceGroup, group))
}

func (e envelope) id() arm.ResourceID {
	return arm.ResourceID{Subscription: e.Subscription, ResourceGroup: e.ResourceGroup,
		Provider: Namespace}.Child("namespaces", e.Name)
}

// NamespaceID finds a namespace by name, whatever subscription and group it is in.
// The error wraps [arm.ErrNotFound].
func (p *Provider) NamespaceID(name string) (arm.ResourceID, error) {
	e, err := p.envelope(name)
	return e.id(), err
}

func (p *Provider) putEnvelope(u *commit.Unit, e envelope) {
	e.Version = namespaceVersion
	b, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("servicebusrp: namespace record that is not JSON: %v", err))
	}
	p.o.Store.Put(u, namespaceKey(e.Name), b)
}

func (e envelope) sku() *value.Object {
	o := object("name", e.SKU, "tier", e.SKU)
	if e.Capacity > 0 {
		o.Set("capacity", e.Capacity)
	}
	return o
}

func (e envelope) tags() *value.Object {
	if v, err := value.Parse(e.Tags); err == nil {
		if o, ok := v.(*value.Object); ok {
			return o
		}
	}
	return value.NewObject()
}

func (e envelope) identity(tenant string) *value.Object {
	return object("type", "SystemAssigned", "principalId", e.PrincipalID, "tenantId", tenant)
}

// state is the provisioningState and the status of a namespace.
func (p *Provider) state(e envelope) (provisioning, status string) {
	if p.o.Clock.Now().Sub(e.CreatedAt) < p.o.ProvisioningDelay {
		return "Created", "Activating"
	}
	return "Succeeded", "Active"
}

// shown is a time of the provider's clock as clients see it.
func (p *Provider) shown(t time.Time) string { return arm.FormatTime(clock.Shown(p.o.Clock, t)) }

// object is a namespace as clients see it [ARM 6.1].
func (p *Provider) object(e envelope) *value.Object {
	provisioning, status := p.state(e)
	o := object("sku", e.sku(), "id", e.id().String(), "name", e.Name, "type", "Microsoft.ServiceBus/Namespaces",
		"location", e.Location, "tags", e.tags())
	if e.PrincipalID != "" {
		o.Set("identity", e.identity(p.k.TenantID()))
	}
	o.Set("properties", object(
		"premiumMessagingPartitions", e.Partitions, "minimumTlsVersion", e.MinimumTLSVersion,
		"publicNetworkAccess", "Enabled",
		"disableLocalAuth", false, "zoneRedundant", e.ZoneRedundant, "provisioningState", provisioning,
		"metricId", e.Subscription+":"+strings.ToLower(e.Name), "createdAt", p.shown(e.CreatedAt),
		"updatedAt", p.shown(e.UpdatedAt),
		"serviceBusEndpoint", p.o.Endpoint(e.Name), "status", status))
	return o
}

// namespaces returns those of a group, or of a whole subscription if group is "",
// in the order of their names.
func (p *Provider) namespaces(subscription, group string) ([]envelope, error) {
	var all []envelope
	err := p.o.Store.List(namespacePrefix, func(_ string, b []byte, damage error) error {
		if damage != nil {
			return damage
		}
		e, err := readEnvelope(b)
		if err == nil && e.in(subscription, group) {
			all = append(all, e)
		}
		return err
	})
	return all, err
}

// GroupResources implements [arm.Provider].
func (p *Provider) GroupResources(subscription, group string) []*value.Object {
	all, err := p.namespaces(subscription, group)
	if err != nil {
		p.o.Logger.Error("namespaces can't be listed", "err", err)
	}
	var items []*value.Object
	for _, e := range all {
		provisioning, _ := p.state(e)
		o := object("id", e.id().String(), "name", e.Name, "type", "Microsoft.ServiceBus/namespaces",
			"location", e.Location, "tags", e.tags(), "sku", e.sku())
		if e.PrincipalID != "" {
			o.Set("identity", e.identity(p.k.TenantID()))
		}
		o.Set("createdTime", p.shown(e.CreatedAt))
		o.Set("changedTime", p.shown(e.UpdatedAt))
		o.Set("provisioningState", provisioning)
		items = append(items, o)
	}
	return items
}

// DeleteGroup implements [arm.Provider].
func (p *Provider) DeleteGroup(ctx context.Context, subscription, group string) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	all, err := p.namespaces(subscription, group)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := p.deleteNamespace(ctx, e); err != nil {
			return fmt.Errorf("delete namespace %q: %w", e.Name, err)
		}
	}
	return nil
}

func (p *Provider) handleNamespace(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	switch {
	case r.Action != "":
		return nil, arm.MethodNotAllowed(r)
	case r.Collection:
		all, err := p.namespaces(r.ID.Subscription, r.ID.ResourceGroup)
		if err != nil {
			return nil, err
		}
		return arm.PageOf(r, all, arm.PageSize, p.object)
	case r.ID.ResourceGroup == "":
		return nil, arm.MethodNotAllowed(r)
	}
	switch r.Method {
	case http.MethodGet:
		e, err := p.namespaceOf(r.ID)
		if err != nil {
			return nil, missing(r, err)
		}
		return arm.OK(p.object(e)), nil
	case http.MethodPut:
		return p.putNamespace(ctx, r)
	case http.MethodPatch:
		return p.patchNamespace(ctx, r)
	case http.MethodDelete:
		p.changing.Lock()
		defer p.changing.Unlock()
		e, err := p.namespaceOf(r.ID)
		if errors.Is(err, arm.ErrNotFound) {
			return arm.NoContent(), nil
		}
		if p.replaceable(r, err) {
			e = envelope{Name: r.ID.Names[0], Subscription: r.ID.Subscription, ResourceGroup: r.ID.ResourceGroup}
			err = nil
		}
		if err == nil {
			if err = r.Precondition(true, ""); err == nil {
				err = p.deleteNamespace(ctx, e)
			}
		}
		if err != nil {
			return nil, p.fail(r, err)
		}
		return arm.OK(nil), nil
	}
	return nil, arm.MethodNotAllowed(r)
}

func missing(r *arm.Request, err error) error {
	if errors.Is(err, arm.ErrNotFound) {
		return arm.ResourceNotFound(r.ID)
	}
	return err
}

// replaceable reports whether who makes a request may take the place of an envelope that
// can't be read. Nobody knows whose it is, and the namespace has keys and messages: where
// roles decide, only who has the data directory may.
func (p *Provider) replaceable(r *arm.Request, err error) bool {
	return errors.Is(err, commit.ErrDamaged) && p.k.Trusts(r.Caller)
}

// putNamespace creates a namespace or replaces what can be written of it.
func (p *Provider) putNamespace(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if why := description.CheckNamespace(r.ID.Names[0]); why != nil {
		return nil, p.refused(r, "The namespace name '%s' is not valid: %v", r.ID.Names[0], why)
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	if err := p.k.CheckGroup(r.ID); err != nil {
		return nil, err
	}
	now := p.o.Clock.Now().UTC()
	old, err := p.envelope(r.ID.Names[0])
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, arm.ErrNotFound) && !p.replaceable(r, err):
		return nil, err
	case exists && !old.in(r.ID.Subscription, r.ID.ResourceGroup):
		return nil, p.failf(r, http.StatusConflict, "Conflict", 40900,
			"The namespace name '%s' is already in use", old.Name)
	}
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	e := envelope{Name: r.ID.Names[0], Subscription: r.ID.Subscription, ResourceGroup: r.ID.ResourceGroup,
		SKU: broker.SKUStandard, MinimumTLSVersion: "1.2", CreatedAt: now, UpdatedAt: now}
	if exists {
		e.Name, e.CreatedAt, e.TrustedServices = old.Name, old.CreatedAt, old.TrustedServices
	}
	if err := p.readNamespace(r, &e, old); err != nil {
		return nil, err
	}
	if exists {
		if err := p.checkReplaced(r, old, e); err != nil {
			return nil, err
		}
	}
	return p.saveNamespace(ctx, r, e)
}

// patchNamespace changes what is given [ARM 6.7].
func (p *Provider) patchNamespace(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	old, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, missing(r, err)
	}
	if err := r.Precondition(true, ""); err != nil {
		return nil, err
	}
	e := old
	if err := p.readNamespace(r, &e, old); err != nil {
		return nil, err
	}
	if err := p.checkReplaced(r, old, e); err != nil {
		return nil, err
	}
	e.UpdatedAt = p.o.Clock.Now().UTC()
	return p.saveNamespace(ctx, r, e)
}

func (p *Provider) checkReplaced(r *arm.Request, old, e envelope) error {
	switch {
	case old.Location != e.Location:
		return arm.Errorf(http.StatusConflict, "InvalidResourceLocation",
			"The resource '%s' already exists in location '%s' in resource group '%s'. A resource with the same "+
				"name cannot be created in location '%s'. Please select a new resource name.",
			old.Name, old.Location, old.ResourceGroup, e.Location)
	case old.SKU != e.SKU && (old.SKU == broker.SKUPremium || e.SKU == broker.SKUPremium):
		return p.refused(r, "The SKU of namespace '%s' can't change from %s to %s", old.Name, old.SKU, e.SKU)
	}
	return nil
}

// saveNamespace makes definition, envelope and, for a new namespace, its first
// authorization rule one unit.
func (p *Provider) saveNamespace(ctx context.Context, r *arm.Request, e envelope) (*arm.Response, error) {
	_, err := p.o.Authority.Rule(e.Name, "", auth.DefaultRuleName)
	var root *auth.AuthorizationRule
	if errors.Is(err, auth.ErrRuleNotFound) {
		rule, err := auth.NewRule(auth.DefaultRuleName, auth.Manage|auth.Listen|auth.Send, p.o.Rand)
		if err != nil {
			return nil, err
		}
		rule.CreatedAt, rule.ModifiedAt = e.CreatedAt, e.CreatedAt
		root = &rule
	} else if err != nil {
		return nil, err
	}
	var access [][]byte
	if root != nil {
		access = append(access, p.o.SealRules(append(p.o.Authority.Rules(e.Name, ""), *root)))
	}
	err = p.apply(ctx, p.o.Broker.PutNamespaceEffect(
		e.Name, broker.NamespaceOptions{SKU: e.SKU}, access...), func(u *commit.Unit) {
		p.putEnvelope(u, e)
		if root == nil {
			return
		}
		if _, err := p.o.Authority.PutRule(e.Name, "", *root); err != nil {
			// it is valid and the first
			panic(fmt.Sprintf("servicebusrp: rule of a namespace without rules is refused: %v", err))
		}
	})
	if err != nil {
		return nil, p.fail(r, err)
	}
	p.o.Changed(e.Name, false)
	return arm.OK(p.object(e)), nil
}

// deleteNamespace removes a namespace with all that is in it. It is called with
// changing held.
func (p *Provider) deleteNamespace(ctx context.Context, e envelope) error {
	err := p.free(ctx, p.o.Broker.DeleteNamespaceEffect(e.Name, true), func(u *commit.Unit) {
		p.o.Store.Delete(u, namespaceKey(e.Name))
		p.k.DeleteScope(u, e.id())
		p.o.Authority.DeleteNamespace(e.Name)
	})
	if err == nil {
		p.o.Changed(e.Name, true)
	}
	return err
}
