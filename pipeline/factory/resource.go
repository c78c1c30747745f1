package factory

import (
	"strings"
	"time"
)

// An ID names a factory. Names are compared ignoring case; a factory's name is
// unique in the whole system.
type ID struct{ Subscription, ResourceGroup, Factory string }

func (r *factoryRecord) in(id ID) bool {
	return strings.EqualFold(r.Subscription, id.Subscription) &&
		strings.EqualFold(r.ResourceGroup, id.ResourceGroup)
}

// An Identity is the managed identity of a factory.
type Identity struct {
	Type        string `json:"type"`        // SystemAssigned
	PrincipalID string `json:"principalId"` // stays the same for the life of the factory
	TenantID    string `json:"tenantId"`
}

// SystemAssigned is the type of the identities that are supported.
const SystemAssigned = "SystemAssigned"

// A Resource is a factory as it is shown.
type Resource struct {
	ID                ID // as created
	Location          string
	Tags              []byte // a JSON object; never nil
	Identity          *Identity
	Properties        []byte // a JSON object as it was sent, without what is read-only
	ETag              string // without quotes
	Created, Changed  time.Time
	ProvisioningState string // Succeeded or Deleting
}

// The provisioning states.
const (
	Succeeded = "Succeeded"
	Deleting  = "Deleting"
)

func (s *state) resource() *Resource {
	r := s.record
	out := &Resource{
		ID:         ID{r.Subscription, r.ResourceGroup, r.Name},
		Location:   r.Location,
		Tags:       []byte(r.Tags),
		Identity:   r.Identity,
		Properties: []byte(r.Properties),
		ETag:       r.ETag, Created: r.Created, Changed: r.Changed,
		ProvisioningState: Succeeded,
	}
	if r.Tags == "" {
		out.Tags = []byte(`{}`)
	}
	if r.Deleting {
		out.ProvisioningState = Deleting
	}
	return out
}

// A Definition is a definition as it is shown: secrets are masked.
type Definition struct {
	Kind       Kind
	Name       string // as created
	ETag       string
	Properties []byte    // a JSON object as it was sent, without space between tokens
	Published  time.Time // when it was put
	Started    bool      // of a trigger
}

func (d *definition) view() *Definition {
	out := &Definition{Kind: d.kind, Name: d.record.Name, ETag: d.record.ETag, Published: d.record.Published,
		Started: d.record.Started, Properties: mask(d.kind, d.properties)}
	if d.kind == Triggers {
		value := `"Stopped"`
		if d.record.Started {
			value = `"Started"`
		}
		out.Properties = WithMember(out.Properties, "runtimeState", []byte(value))
	}
	return out
}

// A Check decides by the state of a resource whether a change is made to it, as
// If-Match and If-None-Match ask for. It is called under the lock under which
// the change is made; its error is returned as it is. A nil Check allows all.
type Check func(exists bool, etag string) error

func (c Check) check(exists bool, etag string) error {
	if c == nil {
		return nil
	}
	return c(exists, etag)
}
