package factory

import (
	"context"
	"regexp"
	"strings"

	"switchyard/value"
)

// Input is what a PUT says of a factory.
type Input struct {
	Location   string
	Tags       []byte // JSON object of texts; nil: none
	Identity   []byte // JSON object; nil: as it is
	Properties []byte // JSON object; nil: none
}

var factoryName = regexp.MustCompile(`^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$`)

// readOnly are the members of a factory's properties that it is shown with.
var readOnly = []string{"provisioningState", "createTime", "version"}

// PutFactory creates or replaces a factory; its definitions stay. Errors are of
// check, or wrap [ErrInvalid], [ErrNameInUse], [ErrLocation], [ErrNotSupported]
// or [ErrDeleting].
func (m *Manager) PutFactory(ctx context.Context, id ID, in Input, check Check) (*Resource, error) {
	if n := len(id.Factory); n < 3 || n > 63 || !factoryName.MatchString(id.Factory) {
		return nil, invalidAt("$.name",
			"%q can't be the name of a data factory: 3 to 63 letters, digits and single hyphens between them", id.Factory)
	}
	if err := m.o.Log.Admit(ctx, len(in.Properties)+len(in.Tags)+definitionOverhead); err != nil {
		return nil, err
	}
	e := m.create(id.Factory)
	defer e.op.Unlock()
	defer m.discard(id.Factory, e)
	s := e.current.Load()
	r := &factoryRecord{Version: recordVersion, Name: id.Factory, Subscription: id.Subscription,
		ResourceGroup: id.ResourceGroup, Created: m.now()}
	next := newState()
	if s != nil {
		switch {
		case s.record.Deleting && s.record.in(id):
			return nil, errorf(ErrDeleting, "data factory '%s' is being deleted", s.record.Name)
		case !s.record.in(id):
			return nil, errorf(ErrNameInUse,
				"The specified resource name '%s' is already in use. Resource names must be globally unique.", id.Factory)
		case normalLocation(s.record.Location) != normalLocation(in.Location):
			return nil, errorf(ErrLocation,
				"The resource '%s' already exists in location '%s' in resource group '%s'. A resource with the same "+
					"name cannot be created in location '%s'.",
				s.record.Name, s.record.Location, s.record.ResourceGroup, in.Location)
		}
		if err := check.check(true, s.record.ETag); err != nil {
			return nil, err
		}
		was := *s.record
		r, next = &was, s.clone()
	} else if err := check.check(false, ""); err != nil {
		return nil, err
	}
	r.Location = normalLocation(in.Location)
	if err := m.fill(r, in); err != nil {
		return nil, err
	}
	if err := next.setRecord(r, &m.o); err != nil {
		return nil, err
	}
	if err := m.change(e, next, ""); err != nil {
		return nil, err
	}
	return next.resource(), nil
}

// create locks the entry of a factory that may be new.
func (m *Manager) create(name string) *entry {
	for {
		m.mu.Lock()
		e := m.factories[fold(name)]
		if e == nil {
			e = newEntry()
			m.factories[fold(name)] = e
		}
		m.mu.Unlock()
		e.op.Lock()
		if !e.dead {
			return e
		}
		e.op.Unlock() // deleted meanwhile
	}
}

// discard forgets an entry whose factory was not created. The caller holds
// e.op.
func (m *Manager) discard(name string, e *entry) {
	if e.current.Load() != nil || e.dead || e.lost.Load() != nil {
		return
	}
	e.dead = true
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.factories, fold(name))
}

func normalLocation(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// fill checks what is sent and puts it into a record.
func (m *Manager) fill(r *factoryRecord, in Input) error {
	if err := m.tags(r, in.Tags); err != nil {
		return err
	}
	if err := m.identity(r, in.Identity); err != nil {
		return err
	}
	properties := in.Properties
	if properties == nil {
		properties = []byte(`{}`)
	}
	o, err := object("$.properties", properties)
	if err != nil {
		return err
	}
	if err := checkFactory(o); err != nil {
		return err
	}
	r.Properties = string(without(compact(properties), readOnly...))
	return m.changed(r)
}

// changed gives a record a new etag.
func (m *Manager) changed(r *factoryRecord) (err error) {
	r.Changed = m.now()
	r.ETag, err = m.newID()
	return err
}

func object(path string, text []byte) (*value.Object, error) {
	v, err := value.Parse(text)
	if err != nil {
		return nil, invalidAt(path, "not a JSON document: %v", err)
	}
	o, ok := v.(*value.Object)
	if !ok {
		return nil, invalidAt(path, "is not an object")
	}
	return o, nil
}

func (m *Manager) tags(r *factoryRecord, tags []byte) error {
	r.Tags = ""
	if tags == nil {
		return nil
	}
	o, err := object("$.tags", tags)
	if err != nil {
		return err
	}
	if o.Len() > 50 {
		return invalidAt("$.tags", "%d tags, at most 50 are allowed", o.Len())
	}
	for _, t := range o.Members() {
		if s, ok := t.Value.(string); !ok || len(s) > 256 || len(t.Name) > 512 {
			return invalidAt("$.tags."+t.Name, "is not text of at most 256 characters under a name of at most 512")
		}
	}
	r.Tags = string(compact(tags))
	return nil
}

// identity gives a factory the identity that is asked for. A principal is made
// once in the life of a factory.
func (m *Manager) identity(r *factoryRecord, identity []byte) error {
	if identity == nil {
		return nil
	}
	o, err := object("$.identity", identity)
	if err != nil {
		return err
	}
	v, _ := o.Lookup("type")
	t, _ := v.(string)
	if users, ok := o.Lookup("userAssignedIdentities"); ok && users != nil {
		if list, isObject := users.(*value.Object); !isObject || list.Len() > 0 {
			return errorf(ErrNotSupported,
				"User-assigned identities (identity.userAssignedIdentities) are not supported by Switchyard.")
		}
	}
	switch {
	case strings.EqualFold(t, SystemAssigned):
		if r.Identity != nil {
			return nil
		}
		principal, err := m.newID()
		if err != nil {
			return err
		}
		r.Identity = &Identity{Type: SystemAssigned, PrincipalID: principal, TenantID: m.o.TenantID}
	case strings.EqualFold(t, "None"):
		r.Identity = nil
	case strings.Contains(strings.ToLower(t), "userassigned"):
		return errorf(ErrNotSupported,
			"The identity type '%s' is not supported by Switchyard, which has system-assigned identities only.", t)
	default:
		return invalidAt("$.identity.type", "%q is none of SystemAssigned, UserAssigned, None", t)
	}
	return nil
}

// checkFactory refuses properties that would have no effect, and access settings
// that are none.
func checkFactory(o *value.Object) error {
	if err := publicAccess(o); err != nil {
		return err
	}
	for _, p := range []struct{ object, member string }{{"encryption", "keyName"},
		{"purviewConfiguration", "purviewResourceId"}} {
		v, _ := o.Lookup(p.object)
		inner, _ := v.(*value.Object)
		if set, ok := inner.Lookup(p.member); ok && set != nil && set != "" {
			return errorf(ErrNotSupported,
				"The property '%s' of a data factory is not supported by Switchyard.", p.object)
		}
	}
	return nil
}

func publicAccess(o *value.Object) error {
	v, ok := o.Lookup("publicNetworkAccess")
	if !ok || v == nil || v == "Enabled" || v == "Disabled" {
		return nil
	}
	return invalidAt("$.properties.publicNetworkAccess", "is neither Enabled nor Disabled")
}

// PatchFactory changes what is not nil: the tags as a whole, the identity, and
// of the properties publicNetworkAccess, which is all that can be patched.
func (m *Manager) PatchFactory(ctx context.Context, id ID, in Input, check Check) (*Resource, error) {
	return m.changeFactory(ctx, id, len(in.Tags)+len(in.Properties), check, func(r *factoryRecord) error {
		if in.Tags != nil {
			if err := m.tags(r, in.Tags); err != nil {
				return err
			}
		}
		if err := m.identity(r, in.Identity); err != nil || in.Properties == nil {
			return err
		}
		o, err := object("$.properties", in.Properties)
		if err != nil {
			return err
		}
		if err := publicAccess(o); err != nil {
			return err
		}
		for _, p := range o.Members() {
			if !strings.EqualFold(p.Name, "publicNetworkAccess") {
				return invalidAt("$.properties."+p.Name, "can't be patched: put the factory")
			}
			r.Properties = string(WithMember([]byte(r.Properties), "publicNetworkAccess", value.Append(nil, p.Value)))
		}
		return nil
	})
}

// PutGlobalParameters replaces the member globalParameters of a factory's
// properties; nil removes it. The check sees the factory's etag, and whether there are any.
func (m *Manager) PutGlobalParameters(ctx context.Context, id ID, parameters []byte, check Check) (
	*Resource, error) {
	return m.changeFactory(ctx, id, len(parameters), nil, func(r *factoryRecord) error {
		if err := check.check(Member([]byte(r.Properties), "globalParameters") != nil, r.ETag); err != nil {
			return err
		}
		if parameters == nil {
			r.Properties = string(without([]byte(r.Properties), "globalParameters"))
			return nil
		}
		if _, err := object("$.properties", parameters); err != nil {
			return err
		}
		r.Properties = string(WithMember([]byte(r.Properties), "globalParameters", compact(parameters)))
		return nil
	})
}

func (m *Manager) changeFactory(ctx context.Context, id ID, bytes int, check Check,
	f func(r *factoryRecord) error) (*Resource, error) {
	e, s, err := m.lock(ctx, id, bytes+definitionOverhead)
	if err != nil {
		return nil, err
	}
	defer e.op.Unlock()
	if err := check.check(true, s.record.ETag); err != nil {
		return nil, err
	}
	r := *s.record
	if err := f(&r); err != nil {
		return nil, err
	}
	if err := m.changed(&r); err != nil {
		return nil, err
	}
	next := s.clone()
	if err := next.setRecord(&r, &m.o); err != nil {
		return nil, err
	}
	if err := m.change(e, next, ""); err != nil {
		return nil, err
	}
	return next.resource(), nil
}
