package factory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/value"
)

// Deploy brings a factory up to what a folder declares, in one unit. It is
// repeated at every start: what has not changed in the folder since it was last
// deployed is left as it is, even if it was changed or stopped here meanwhile. A
// definition that was deployed before and is no longer in the folder is removed.
// What other clients have put beside it stays.
//
// The factory is created in the group and location given, with a system-assigned
// identity; one that exists in another group is [ErrNameInUse]. The folder has
// been validated as a whole.
func (m *Manager) Deploy(ctx context.Context, id ID, location string, f *pipeline.Factory) error {
	id.Factory = f.Name
	if f.Name == "" {
		return invalidAt("$.name", "is missing") // a folder's name need not be one that Azure takes
	}
	full := m.o.Log.Admit(ctx, 1<<16)
	if full != nil && !errors.Is(full, commit.ErrFull) {
		return full
	}
	e := m.create(f.Name)
	defer e.op.Unlock()
	defer m.discard(f.Name, e)
	s := e.current.Load()
	next := newState()
	switch {
	case s == nil:
	case s.record.Deleting:
		return errorf(ErrDeleting, "data factory '%s' is being deleted", f.Name)
	case !s.record.in(id):
		return errorf(ErrNameInUse, "another resource group has a data factory of the name '%s'", f.Name)
	default:
		next = s.clone()
	}
	changes, err := m.follow(next, id, location, f)
	if err != nil {
		return err
	}
	if changes.Empty() && s != nil && next.record == s.record {
		return nil // a full disk is no reason not to start with a folder that is deployed
	}
	if full != nil {
		return full
	}
	return m.change(e, next, "")
}

// Changes are what a deployment does to the definitions of a factory, in words such as
// "pipeline P".
type Changes struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
}

// Empty reports whether there are none.
func (c *Changes) Empty() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

// Preview returns what [Manager.Deploy] would do now, and does nothing.
func (m *Manager) Preview(id ID, location string, f *pipeline.Factory) (Changes, error) {
	next := newState()
	if e := m.entry(f.Name); e != nil {
		if s := e.current.Load(); s != nil {
			next = s.clone()
		}
	}
	id.Factory = f.Name
	return m.follow(next, id, location, f)
}

// follow makes a clone of a factory's state what a folder declares.
func (m *Manager) follow(next *state, id ID, location string, f *pipeline.Factory) (c Changes, err error) {
	was := next.record
	if err := m.deployFactory(next, id, location, f); err != nil {
		return c, err
	}
	switch what := "factory " + f.Name; {
	case was == nil:
		c.Added = append(c.Added, what)
	case next.record != was:
		c.Changed = append(c.Changed, what+": its location, tags or properties")
	}
	var changed []*definition
	for _, k := range Kinds() {
		declared := declared(f, k)
		for _, old := range next.sorted(k) {
			if _, there := declared[fold(old.record.Name)]; old.record.Deployed != "" && !there {
				next.remove(old)
				c.Removed = append(c.Removed, k.Noun()+" "+old.record.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(declared)) {
			was := next.find(k, name)
			d, err := m.deployDefinition(next, k, declared[name])
			if err != nil {
				return c, err
			}
			if d == nil {
				continue
			}
			next.put(d)
			changed = append(changed, d)
			if what := k.Noun() + " " + d.record.Name; was == nil {
				c.Added = append(c.Added, what)
			} else {
				c.Changed = append(c.Changed, what)
			}
		}
	}
	for _, d := range changed {
		for _, r := range d.refs {
			if r.kind < DataFlows && !next.exists(r) {
				return c, next.missing(d)
			}
		}
	}
	return c, nil
}

// digest tells whether a folder's text has changed.
func digest(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:16])
}

func (m *Manager) deployFactory(s *state, id ID, location string, f *pipeline.Factory) error {
	in := Input{Location: location, Identity: []byte(`{"type":"SystemAssigned"}`)}
	text := func(name string) []byte {
		if v, ok := f.Raw.Lookup(name); ok && v != nil {
			return value.Append(nil, v)
		}
		return nil
	}
	in.Tags, in.Properties = text("tags"), text("properties")
	if v, ok := f.Raw.Lookup("location"); ok {
		if l, ok := v.(string); ok && l != "" {
			in.Location = l
		}
	}
	sum := digest(value.Append(nil, value.Array{in.Location, string(in.Tags), string(in.Properties)}))
	r := &factoryRecord{Version: recordVersion, Name: f.Name, Subscription: id.Subscription,
		ResourceGroup: id.ResourceGroup, Created: m.now()}
	if s.record != nil {
		if s.record.Deployed == sum {
			return nil
		}
		was := *s.record
		r = &was
	}
	r.Location, r.Deployed = normalLocation(in.Location), sum
	if err := m.fill(r, in); err != nil {
		return err
	}
	return s.setRecord(r, &m.o)
}

// declared returns what a folder declares of a kind, by folded name.
func declared(f *pipeline.Factory, k Kind) map[string]declaration {
	out := map[string]declaration{}
	add := func(name string, raw *value.Object, started bool) {
		v, _ := raw.Lookup("properties")
		out[fold(name)] = declaration{name, Document{value.Append(nil, v), v}, started}
	}
	switch k {
	case Pipelines:
		for _, p := range f.Pipelines {
			add(p.Name, p.Raw, false)
		}
	case Datasets:
		for _, d := range f.Datasets {
			add(d.Name, d.Raw, false)
		}
	case LinkedServices:
		for _, l := range f.LinkedServices {
			add(l.Name, l.Raw, false)
		}
	case Triggers:
		for _, t := range f.Triggers {
			add(t.Name, t.Raw, t.Started && t.Runs())
		}
	default:
		for _, x := range f.Kept {
			if kindTable[k].folder == x.Folder {
				add(x.Name, x.Raw, false)
			}
		}
	}
	return out
}

type declaration struct {
	name       string
	properties Document
	started    bool
}

// deployDefinition returns the definition that a declaration makes, nil if it
// has not changed since it was last deployed.
func (m *Manager) deployDefinition(s *state, k Kind, r declaration) (*definition, error) {
	old := s.find(k, r.name)
	sum := digest(r.properties.Text)
	if old != nil && old.record.Deployed == sum {
		return nil, nil
	}
	d, err := m.define(s, k, r.name, r.properties, old)
	if err != nil {
		return nil, err
	}
	d.record.Deployed = sum
	if err := d.keepsWindows(old); err != nil {
		return nil, err
	}
	if k == Triggers {
		d = d.withStarted(r.started, m.now())
	}
	return d, nil
}
