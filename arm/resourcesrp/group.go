package resourcesrp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/value"
)

const (
	groupPrefix     = "resources/groups/"
	groupVersion    = 1
	maxGroupName    = 90
	deleteGroupKind = "resources.deleteGroup"
)

// groupRecord is a resource group as it is stored.
type groupRecord struct {
	Version   int             `json:"version"`
	Name      string          `json:"name"`
	Location  string          `json:"location"`
	Tags      json.RawMessage `json:"tags,omitempty"`
	ManagedBy string          `json:"managedBy,omitempty"`
	Deleting  bool            `json:"deleting,omitempty"`
}

func groupKey(subscription, name string) string {
	return groupPrefix + strings.ToLower(subscription) + "/" + url.PathEscape(strings.ToLower(name))
}

func readGroup(b []byte) (groupRecord, error) {
	var g groupRecord
	if err := json.Unmarshal(b, &g); err != nil {
		return g, fmt.Errorf("resource group record: %w", err)
	}
	if g.Version != groupVersion {
		return g, fmt.Errorf("resource group record has version %d, want %d", g.Version, groupVersion)
	}
	return g, nil
}

func (p *Resources) putGroup(u *commit.Unit, subscription string, g groupRecord) {
	g.Version = groupVersion
	b, err := json.Marshal(g)
	if err != nil {
		panic(fmt.Sprintf("resourcesrp: group record that is not JSON: %v", err))
	}
	p.store.Put(u, groupKey(subscription, g.Name), b)
}

// group finds a group; the error wraps [arm.ErrNotFound].
func (p *Resources) group(subscription, name string) (groupRecord, error) {
	b, err := p.store.Get(groupKey(subscription, name))
	if err != nil {
		return groupRecord{}, err
	}
	return readGroup(b)
}

// Group implements [arm.Groups].
func (p *Resources) Group(subscription, name string) (arm.Group, error) {
	g, err := p.group(subscription, name)
	return arm.Group{Name: g.Name, Location: g.Location, Deleting: g.Deleting}, err
}

func (g groupRecord) id(subscription string) arm.ResourceID {
	return arm.ResourceID{Subscription: subscription, ResourceGroup: g.Name}
}

func (g groupRecord) object(subscription string) *value.Object {
	state := "Succeeded"
	if g.Deleting {
		state = "Deleting"
	}
	o := object("id", g.id(subscription).String(), "name", g.Name, "type", "Microsoft.Resources/resourceGroups",
		"location", g.Location)
	if g.ManagedBy != "" {
		o.Set("managedBy", g.ManagedBy)
	}
	o.Set("tags", tagsOf(g.Tags))
	o.Set("properties", object("provisioningState", state))
	return o
}

func (p *Resources) handleGroup(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	switch r.Method {
	case http.MethodGet:
		g, err := p.group(r.ID.Subscription, r.ID.ResourceGroup)
		if err != nil {
			return nil, groupError(r, err)
		}
		return arm.OK(g.object(r.ID.Subscription)), nil
	case http.MethodPut:
		return p.createGroup(ctx, r)
	case http.MethodPatch:
		return p.patchGroup(ctx, r)
	case http.MethodDelete:
		return p.startDeleteGroup(ctx, r)
	}
	return nil, arm.MethodNotAllowed(r)
}

func groupError(r *arm.Request, err error) error {
	if errors.Is(err, arm.ErrNotFound) {
		return arm.GroupNotFound(r.ID.ResourceGroup)
	}
	return err
}

// createGroup creates a group or replaces its tags [ARM 5.2].
func (p *Resources) createGroup(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if err := checkGroupName(r.ID.ResourceGroup); err != nil {
		return nil, err
	}
	body := arm.Read(r.Body, arm.InvalidContent)
	location, given := body.String("location")
	g := groupRecord{Name: r.ID.ResourceGroup, Location: arm.NormalLocation(location),
		Tags: rawTags(body.Tags())}
	g.ManagedBy, _ = body.String("managedBy")
	body.Ignore("id", "name", "type", "properties")
	body.Close()
	switch err := body.Err(); {
	case err != nil:
		return nil, err
	case !given || g.Location == "":
		return nil, arm.Errorf(http.StatusBadRequest, "LocationRequired",
			"The location property is required for this definition.")
	}
	if _, ok := arm.LookUpRegion(g.Location); !ok {
		return nil, arm.Errorf(http.StatusBadRequest, "LocationNotAvailableForResourceGroup",
			"The provided location '%s' is not available for resource group. List of available regions is '%s'.",
			location, strings.Join(arm.RegionNames(), ","))
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	old, err := p.group(r.ID.Subscription, g.Name)
	exists := err == nil
	// One that can't be read is made anew: what it says of a group is all in the request.
	if err != nil && !errors.Is(err, arm.ErrNotFound) && !errors.Is(err, commit.ErrDamaged) {
		return nil, err
	}
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	if exists {
		switch {
		case old.Deleting:
			return nil, arm.GroupBeingDeleted(old.Name)
		case old.Location != g.Location:
			return nil, arm.Errorf(http.StatusConflict, "InvalidResourceGroupLocation",
				"Invalid resource group location '%s'. The Resource group already exists in location '%s'.",
				g.Location, old.Location)
		}
		g.Name = old.Name
	}
	if err := p.commit(ctx, func(u *commit.Unit) { p.putGroup(u, r.ID.Subscription, g) }); err != nil {
		return nil, err
	}
	if !exists {
		return arm.Created(g.object(r.ID.Subscription)), nil
	}
	return arm.OK(g.object(r.ID.Subscription)), nil
}

// patchGroup replaces tags and managedBy, if they are given.
func (p *Resources) patchGroup(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	body := arm.Read(r.Body, arm.InvalidContent)
	tags := body.Tags()
	managedBy, managed := body.String("managedBy")
	location, located := body.String("location")
	body.Ignore("id", "name", "type", "properties")
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	g, err := p.group(r.ID.Subscription, r.ID.ResourceGroup)
	if err != nil {
		return nil, groupError(r, err)
	}
	switch {
	case g.Deleting:
		return nil, arm.GroupBeingDeleted(g.Name)
	case located && arm.NormalLocation(location) != g.Location:
		return nil, arm.Errorf(http.StatusConflict, "InvalidResourceGroupLocation",
			"Invalid resource group location '%s'. The Resource group already exists in location '%s'.",
			location, g.Location)
	}
	if tags != nil {
		g.Tags = rawTags(tags)
	}
	if managed {
		g.ManagedBy = managedBy
	}
	if err := p.commit(ctx, func(u *commit.Unit) { p.putGroup(u, r.ID.Subscription, g) }); err != nil {
		return nil, err
	}
	return arm.OK(g.object(r.ID.Subscription)), nil
}

// checkGroupName applies the rules of [ARM 5.2].
func checkGroupName(name string) error {
	invalid := func(format string, a ...any) error {
		return arm.Errorf(http.StatusBadRequest, "InvalidResourceGroup",
			"The provided resource group name "+format, a...)
	}
	if n := utf8.RuneCountInString(name); n > maxGroupName {
		return invalid("has %d characters; at most %d are allowed.", n, maxGroupName)
	}
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("_-.()", c) {
			return invalid(
				"'%s' has these invalid characters: '%c'. The name can only be a letter, digit, '-', '.', '(', ')' or '_'.",
				name, c)
		}
	}
	if strings.HasSuffix(name, ".") {
		return invalid("'%s' ends in a period.", name)
	}
	return nil
}

// startDeleteGroup marks the group and lets an operation do the rest.
func (p *Resources) startDeleteGroup(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	op, err := p.markDeleting(ctx, r)
	if err != nil {
		return nil, err
	}
	p.k.RunOperation(ctx, op)
	return p.k.Accepted(r, op), nil
}

func (p *Resources) markDeleting(ctx context.Context, r *arm.Request) (op arm.Operation, err error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	g, err := p.group(r.ID.Subscription, r.ID.ResourceGroup)
	if err != nil {
		return op, groupError(r, err)
	}
	if err := r.Precondition(true, ""); err != nil {
		return op, err
	}
	g.Deleting = true // a second deletion is an operation of its own: it ends when the group is gone
	err = p.free(ctx, func(u *commit.Unit) {
		p.putGroup(u, r.ID.Subscription, g)
		op = p.k.NewOperation(u, deleteGroupKind, g.id(r.ID.Subscription), nil)
	})
	return op, err
}

// deleteGroup lets every provider delete what it has in the group and then
// removes the group. If a provider fails the group stays, with what is left.
func (p *Resources) deleteGroup(ctx context.Context, op arm.Operation) error {
	id, err := arm.ParseID(op.Target)
	if err != nil {
		return err
	}
	var failure error
	for _, provider := range p.k.Providers() {
		if err := provider.DeleteGroup(ctx, id.Subscription, id.ResourceGroup); err != nil {
			failure = err
			break
		}
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	g, err := p.group(id.Subscription, id.ResourceGroup)
	if errors.Is(err, arm.ErrNotFound) {
		return failure
	}
	if err != nil {
		return err
	}
	err = p.free(ctx, func(u *commit.Unit) {
		if failure == nil {
			p.k.DeleteScope(u, id)
			p.store.Delete(u, groupKey(id.Subscription, id.ResourceGroup))
			return
		}
		g.Deleting = false
		p.putGroup(u, id.Subscription, g)
	})
	if err != nil {
		return err
	}
	return failure
}

func (p *Resources) listGroups(r *arm.Request) (*arm.Response, error) {
	f, err := parseFilter(r.Param("$filter"))
	if err != nil {
		return nil, err
	}
	var items []*value.Object
	err = p.store.List(groupPrefix+r.ID.Subscription+"/", func(_ string, b []byte, damage error) error {
		if damage != nil {
			return damage
		}
		g, err := readGroup(b)
		if err != nil {
			return err
		}
		if o := g.object(r.ID.Subscription); f.matches(o) {
			items = append(items, o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.Page(items, resourcePage)
}
