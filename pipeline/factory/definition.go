package factory

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"switchyard/pipeline"
	"switchyard/value"
)

// Limits of [ENGINE 8].
const (
	maxDefinitions = 5000
	maxProperties  = 2000 << 10
)

// parse fills in what a definition's text says. It does not look at the rest of
// the factory. v is what the text stands for, nil if that is not known yet.
func (d *definition) parse(v value.Value) error {
	if len(d.properties) > maxProperties {
		return invalidAt("$.properties",
			"the definition has %d bytes, at most %d are allowed", len(d.properties), maxProperties)
	}
	v, err := Document{d.properties, v}.parsed()
	if err != nil {
		return err
	}
	o, ok := v.(*value.Object)
	if !ok {
		return invalidAt("$.properties", "is not an object")
	}
	name := d.record.Name
	document := value.NewObject(value.Member{Name: "name", Value: name},
		value.Member{Name: "properties", Value: o})
	file := d.kind.String() + "/" + name
	var ds pipeline.Diagnostics
	switch d.kind {
	case Pipelines:
		d.pipeline, ds = pipeline.ReadPipeline(file, document)
	case Datasets:
		d.dataset, ds = pipeline.ReadDataset(file, document)
	case LinkedServices:
		d.linkedService, ds = pipeline.ReadLinkedService(file, document)
	case Triggers:
		d.trigger, ds = pipeline.ReadTrigger(file, document)
		if d.trigger != nil {
			d.show(d.trigger)
		}
	}
	d.refs = references(o, "$.properties", "", nil)
	if name == "" {
		return invalidAt("$.name", "is missing")
	}
	if d.kind > Triggers {
		return d.plain(o)
	}
	d.beyond = nil
	for _, x := range ds {
		if x.Beyond {
			d.beyond = append(d.beyond, x)
		}
	}
	return invalid(d.tolerate(ds.Relaxed()))
}

// tolerate drops what is wrong with the typeProperties of activities that do not
// run here: published pipelines leave out what the models require, and a run
// that reaches such an activity is told its type.
func (d *definition) tolerate(ds pipeline.Diagnostics) pipeline.Diagnostics {
	if d.pipeline == nil || ds.Err() == nil {
		return ds
	}
	var out pipeline.Diagnostics
	var foreign []string
	d.pipeline.Walk(func(a *pipeline.Activity) {
		if !pipeline.SupportedActivity(a.Type) {
			foreign = append(foreign, a.Path+".typeProperties.")
		}
	})
	for _, x := range ds {
		if !slices.ContainsFunc(foreign, func(at string) bool { return strings.HasPrefix(x.Path, at) }) {
			out = append(out, x)
		}
	}
	return out
}

var (
	plainName   = regexp.MustCompile(`^[\pL\pN_][^.+?/<>*%&:\\]*$`)
	runtimeName = regexp.MustCompile(`^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$`)
)

// plain checks a definition of a kind that is not parsed.
func (d *definition) plain(o *value.Object) error {
	name, pattern, least, most := d.record.Name, plainName, 1, 260
	if d.kind == IntegrationRuntimes {
		pattern, least, most = runtimeName, 3, 63
	}
	if n := utf8.RuneCountInString(name); !pattern.MatchString(name) || n < least || n > most {
		return invalidAt("$.name", "%q can't be the name of %s", name, d.kind.article())
	}
	row := kindTable[d.kind]
	if row.untyped {
		return nil
	}
	v, _ := o.Lookup("type")
	t, ok := v.(string)
	if !ok {
		return invalidAt("$.properties.type", "is missing")
	}
	for _, known := range row.types {
		if strings.EqualFold(known, t) {
			return nil
		}
	}
	return invalidAt("$.properties.type", "%q is none of %s", t, strings.Join(row.types, ", "))
}

// validate checks a definition against the factory that it is in already, and what Data
// Factory refuses and can run here too, unless relaxed.
func (s *state) validate(d *definition, relaxed bool) error {
	if err := s.missing(d); err != nil {
		return err
	}
	var ds pipeline.Diagnostics
	switch {
	case d.pipeline != nil:
		ds = s.def.ValidatePipeline(d.pipeline)
	case d.trigger != nil:
		ds = s.def.ValidateTrigger(d.trigger)
	case d.linkedService != nil:
		alone := s.referred(d)
		alone.PutLinkedService(d.linkedService)
		ds = alone.Validate()
	case d.dataset != nil:
		alone := s.referred(d)
		alone.PutDataset(d.dataset)
		ds = alone.Validate()
	}
	if ds = append(slices.Clone(d.beyond), ds...); relaxed {
		ds = ds.Relaxed()
	}
	return invalid(ds)
}

// referred is a factory of the linked services that a definition refers to, without what
// could be wrong with them.
func (s *state) referred(d *definition) *pipeline.Factory {
	f := &pipeline.Factory{}
	for _, r := range d.refs {
		if l := s.def.LinkedService(r.name); r.kind == LinkedServices && l != nil {
			f.PutLinkedService(&pipeline.LinkedService{Name: l.Name, File: l.File, Type: l.Type,
				Parameters: l.Parameters, TypeProperties: &value.Object{}})
		}
	}
	return f
}
