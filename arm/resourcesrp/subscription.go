package resourcesrp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/value"
)

const (
	subscriptionPrefix  = "resources/subscriptions/"
	subscriptionVersion = 1
	displayName         = "Switchyard"
)

// subscriptionRecord is what is stored of a subscription: nothing unless it has
// tags.
type subscriptionRecord struct {
	Version int             `json:"version"`
	Tags    json.RawMessage `json:"tags,omitempty"`
}

func (p *Resources) subscriptionTags(id string) (*value.Object, error) {
	b, err := p.store.Get(subscriptionPrefix + id)
	if errors.Is(err, arm.ErrNotFound) {
		return value.NewObject(), nil
	}
	if err != nil {
		return nil, err
	}
	var s subscriptionRecord
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("subscription record: %w", err)
	}
	if s.Version != subscriptionVersion {
		return nil, fmt.Errorf("subscription record has version %d, want %d", s.Version, subscriptionVersion)
	}
	return tagsOf(s.Tags), nil
}

func (p *Resources) putSubscriptionTags(u *commit.Unit, id string, tags *value.Object) {
	b, err := json.Marshal(subscriptionRecord{Version: subscriptionVersion, Tags: rawTags(tags)})
	if err != nil {
		panic(fmt.Sprintf("resourcesrp: subscription record that is not JSON: %v", err))
	}
	p.store.Put(u, subscriptionPrefix+id, b)
}

// subscription describes any subscription: every GUID is one [ARM 5.1].
func (p *Resources) subscription(id string) (*value.Object, error) {
	tags, err := p.subscriptionTags(id)
	if err != nil {
		return nil, err
	}
	return object(
		"id", "/subscriptions/"+id, "subscriptionId", id, "tenantId", p.k.TenantID(), "displayName", displayName,
		"state", "Enabled",
		"subscriptionPolicies", object("locationPlacementId", "Public_2014-09-01",
			"quotaId", "PayAsYouGo_2014-09-01", "spendingLimit", "Off"),
		"authorizationSource", "RoleBased", "managedByTenants", value.Array{}, "tags", tags), nil
}

func (p *Resources) getSubscription(r *arm.Request) (*arm.Response, error) {
	o, err := p.subscription(r.ID.Subscription)
	if err != nil {
		return nil, err
	}
	return arm.OK(o), nil
}

// listSubscriptions lists the default one and those that have resource groups.
func (p *Resources) listSubscriptions(*arm.Request) (*arm.Response, error) {
	ids := []string{strings.ToLower(p.k.DefaultSubscriptionID())}
	err := p.store.List(groupPrefix, func(key string, _ []byte, _ error) error {
		id, _, _ := strings.Cut(strings.TrimPrefix(key, groupPrefix), "/")
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	val := value.Array{}
	for _, id := range ids {
		if id == "" {
			continue
		}
		o, err := p.subscription(id)
		if err != nil {
			return nil, err
		}
		val = append(val, o)
	}
	return arm.OK(object("value", val, "count", object("type", "Total", "value", int64(len(val))))), nil
}

func (p *Resources) listTenants(*arm.Request) (*arm.Response, error) {
	id := p.k.TenantID()
	return arm.List(object("id", "/tenants/"+id, "tenantId", id, "tenantCategory", "Home",
		"displayName", displayName)), nil
}

// listLocations lists Azure's public regions [ARM 5.1].
func (p *Resources) listLocations(r *arm.Request) (*arm.Response, error) {
	base := "/subscriptions/" + r.ID.Subscription + "/locations/"
	var items []*value.Object
	for _, g := range arm.Regions() {
		category := "Other"
		if g.Recommended {
			category = "Recommended"
		}
		paired := value.Array{}
		if g.Paired != "" {
			paired = append(paired, object("name", g.Paired, "id", base+g.Paired))
		}
		items = append(items,
			object("id", base+g.Name, "name", g.Name, "type", "Region", "displayName", g.DisplayName,
				"regionalDisplayName", g.RegionalDisplayName(),
				"metadata", object("regionType", "Physical", "regionCategory", category, "geographyGroup", g.Group,
					"longitude", g.Longitude, "latitude", g.Latitude, "physicalLocation", g.PhysicalPlace,
					"pairedRegion", paired)))
	}
	return arm.List(items...), nil
}
