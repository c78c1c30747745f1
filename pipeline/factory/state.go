package factory

import (
	"maps"
	"slices"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// A state is a factory at one moment. It is not changed: a change makes a new
// one that shares what stays the same.
type state struct {
	record      *factoryRecord
	definitions [kinds]map[string]*definition // by folded name
	// def is what runs are created from.
	def *pipeline.Factory
}

// A definition is one definition at one moment. It is not changed.
type definition struct {
	kind       Kind
	record     definitionRecord     // without the properties
	properties []byte               // with secrets, without space between tokens
	secret     bool                 // is sealed on disk
	beyond     pipeline.Diagnostics // what Data Factory refuses of it by itself
	refs       []reference

	// One of these is set for the kinds that are parsed.
	pipeline      *pipeline.Pipeline
	dataset       *pipeline.Dataset
	linkedService *pipeline.LinkedService
	trigger       *pipeline.Trigger
}

// newState is a factory of which nothing is known yet: setRecord comes next.
func newState() *state { return (&state{def: &pipeline.Factory{Open: true}}).clone() }

// clone returns a copy whose maps and parsed form can be changed.
func (s *state) clone() *state {
	c := *s
	for k := range c.definitions {
		c.definitions[k] = maps.Clone(s.definitions[k])
		if c.definitions[k] == nil {
			c.definitions[k] = map[string]*definition{}
		}
	}
	c.def = s.def.Clone()
	return &c
}

func (s *state) find(k Kind, name string) *definition { return s.definitions[k][fold(name)] }

// sorted returns the definitions of a kind in the order of their names.
func (s *state) sorted(k Kind) []*definition {
	return slices.SortedFunc(maps.Values(s.definitions[k]), func(a, b *definition) int {
		return strings.Compare(fold(a.record.Name), fold(b.record.Name))
	})
}

// put adds a definition to a clone, or replaces one.
func (s *state) put(d *definition) {
	s.definitions[d.kind][fold(d.record.Name)] = d
	switch {
	case d.pipeline != nil:
		s.def.PutPipeline(d.pipeline)
	case d.dataset != nil:
		s.def.PutDataset(d.dataset)
	case d.linkedService != nil:
		s.def.PutLinkedService(d.linkedService)
	case d.trigger != nil:
		s.def.PutTrigger(d.trigger)
	}
}

// remove takes a definition out of a clone.
func (s *state) remove(d *definition) {
	delete(s.definitions[d.kind], fold(d.record.Name))
	switch d.kind {
	case Pipelines:
		s.def.DeletePipeline(d.record.Name)
	case Datasets:
		s.def.DeleteDataset(d.record.Name)
	case LinkedServices:
		s.def.DeleteLinkedService(d.record.Name)
	case Triggers:
		s.def.DeleteTrigger(d.record.Name)
	}
}

// count returns how many definitions there are.
func (s *state) count() int {
	n := 0
	for _, m := range s.definitions {
		n += len(m)
	}
	return n
}

// setRecord replaces the factory's own record in a clone, and what the parsed
// form has of it.
func (s *state) setRecord(r *factoryRecord, o *Options) error {
	raw := append(append([]byte(`{"name":`), value.Append(nil, r.Name)...), `,"properties":`...)
	raw = append(append(raw, r.Properties...), '}')
	f, ds := pipeline.ParseFactory("", raw)
	if err := invalid(ds); err != nil {
		return err
	}
	globals := f.GlobalParameters
	if o.GlobalParameter != nil {
		seen := &value.Object{}
		for _, m := range globals.Members() {
			seen.Set(m.Name, o.GlobalParameter(m.Value))
		}
		globals = seen
	}
	s.def.Name, s.def.Raw, s.def.GlobalParameters = r.Name, f.Raw, globals
	s.def.Identity = nil
	if id := r.Identity; id != nil {
		s.def.Identity = value.NewObject(
			value.Member{Name: "type", Value: id.Type},
			value.Member{Name: "principalId", Value: id.PrincipalID},
			value.Member{Name: "tenantId", Value: id.TenantID})
	}
	s.record = r
	return nil
}
