package pipeline

import (
	"fmt"
	"strings"

	"switchyard/value"
)

// Validate checks everything that [ENGINE 9] lists and that one definition
// alone can't tell: names, references, dependencies, nesting, variables,
// expressions, arguments, limits. It returns all it finds. What Data Factory
// knows and this program does not run is a warning that names it, and an error
// in strict mode.
func (f *Factory) Validate() Diagnostics {
	var ds Diagnostics
	ds = append(ds, duplicates("linked service", f.LinkedServices,
		func(l *LinkedService) string { return l.File })...)
	ds = append(ds, duplicates("dataset", f.Datasets, func(d *Dataset) string { return d.File })...)
	ds = append(ds, duplicates("pipeline", f.Pipelines, func(p *Pipeline) string { return p.File })...)
	ds = append(ds, duplicates("trigger", f.Triggers, func(t *Trigger) string { return t.File })...)
	for _, d := range f.Datasets {
		v := &validator{factory: f, reader: reader{file: d.File}}
		env := &environment{place: "a dataset", context: []string{"dataset"}, parameters: indexParameters(d.Parameters)}
		if d.LinkedService != nil {
			v.reference(d.LinkedService, d.LinkedService.Path)
			v.expressions(d.LinkedService.Parameters, d.LinkedService.Path+".parameters", env)
		}
		v.expressions(d.TypeProperties, "$.properties.typeProperties", env)
		ds = append(ds, v.diags...)
	}
	for _, l := range f.LinkedServices {
		v := &validator{factory: f, reader: reader{file: l.File}}
		v.expressions(l.TypeProperties, "$.properties.typeProperties",
			&environment{place: "a linked service", context: []string{"linkedService"},
				parameters: indexParameters(l.Parameters)})
		v.vaultSecrets(l.TypeProperties, "$.properties.typeProperties")
		ds = append(ds, v.diags...)
	}
	for _, p := range f.Pipelines {
		ds = append(ds, f.ValidatePipeline(p)...)
	}
	for _, t := range f.Triggers {
		ds = append(ds, f.ValidateTrigger(t)...)
	}
	return ds
}

func duplicates[R resource](what string, list []R, file func(R) string) Diagnostics {
	var ds Diagnostics
	seen := map[string]bool{}
	for _, r := range list {
		name := strings.ToLower(r.resourceName())
		if seen[name] {
			text := fmt.Sprintf("a %s of the name %q is there twice", what, r.resourceName())
			ds = append(ds, Diagnostic{File: file(r), Path: "$.name", Message: text})
		}
		seen[name] = true
	}
	return ds
}

// A validator checks one definition against its factory.
type validator struct {
	reader
	factory  *Factory
	pipeline *Pipeline      // nil when a trigger is checked
	names    map[string]int // of all activities, lower case: their places in list
	list     []*Activity    // the first of each name
	within   []*Activity    // for each of list the container that it stands in, nil without one

	parameters parameterIndex       // of the pipeline
	variables  map[string]*Variable // of the pipeline, lower case
	// leadsNowhere has the pipelines, in lower case, that do not lead back to this one by
	// calls that are waited for.
	leadsNowhere map[string]bool
}

// unsupported reports what is well-formed and does not run here.
func (v *validator) unsupported(at, format string, args ...any) {
	if v.factory.Strict {
		v.errorf(at, format, args...)
	} else {
		v.warnf(at, format, args...)
	}
}

// pathOr returns the reference's own path, or the given one if it is missing.
func (ref *Reference) pathOr(at string) string {
	if ref == nil {
		return at
	}
	return ref.Path
}

// reference checks that the target of a reference exists and that its parameters
// are complete. A nil reference has been reported when it was read.
func (v *validator) reference(ref *Reference, at string) {
	if ref == nil || ref.Name == "" {
		return
	}
	f := v.factory
	var parameters []*Parameter
	switch {
	case equalFold(ref.Type, "DatasetReference"):
		d := f.Dataset(ref.Name)
		if d == nil {
			v.missing("dataset", ref.Name, at, "dataset")
			return
		}
		parameters = d.Parameters
	case equalFold(ref.Type, "LinkedServiceReference"):
		l := f.LinkedService(ref.Name)
		if l == nil {
			v.missing("linkedService", ref.Name, at, "linked service")
			return
		}
		parameters = l.Parameters
	case equalFold(ref.Type, "PipelineReference"):
		if f.Pipeline(ref.Name) == nil {
			v.missing("pipeline", ref.Name, at, "pipeline")
		}
		return // its arguments stand beside the reference
	default:
		return // data flows, integration runtimes, credentials: not held here
	}
	v.arguments(parameters, ref.Parameters, at+".parameters")
}

// missing reports a reference to nothing.
func (v *validator) missing(folder, name, at, what string) {
	if !v.factory.unread(folder, name) {
		v.errorf(at, "%s %q does not exist", what, name)
	}
}

// arguments checks that every parameter without a default gets a value and that
// every argument has a parameter.
func (v *validator) arguments(parameters []*Parameter, args *value.Object, at string) {
	given := make(map[string]bool, args.Len())
	for _, m := range args.Members() {
		given[strings.ToLower(m.Name)] = true
	}
	for _, p := range parameters {
		if !p.HasDefault && !given[strings.ToLower(p.Name)] {
			v.errorf(at, "parameter %q has no value and no default", p.Name)
		}
	}
	declared := indexParameters(parameters)
	for _, m := range args.Members() {
		if !declared.has(m.Name) {
			v.unsupported(at+"."+m.Name, "is an argument for a parameter that is not declared")
		}
	}
}

// ValidateTrigger checks one trigger against the factory.
func (f *Factory) ValidateTrigger(t *Trigger) Diagnostics {
	v := &validator{factory: f, reader: reader{file: t.File}}
	if !t.Runs() {
		v.unsupported("$.properties.type", "triggers of type %q are not supported", t.Type)
	} else if t.ServiceBus != nil {
		v.typedService(t.ServiceBus.LinkedService, TypeAzureServiceBus)
	}
	for i, p := range t.Pipelines {
		at := index("$.properties.pipelines", i)
		v.reference(p.Pipeline, p.Pipeline.pathOr(at+".pipelineReference"))
		if p.Pipeline == nil {
			continue
		}
		if target := f.Pipeline(p.Pipeline.Name); target != nil {
			v.arguments(target.Parameters, p.Parameters, at+".parameters")
		}
		v.expressions(p.Parameters, at+".parameters",
			&environment{place: "a trigger", context: []string{"trigger", "triggerBody"}})
	}
	return v.diags
}

// typedService checks a reference that must be to a linked service of a type.
func (v *validator) typedService(ref *Reference, serviceType string) {
	if ref == nil {
		return
	}
	v.reference(&Reference{Name: ref.Name, Type: "LinkedServiceReference", Parameters: ref.Parameters}, ref.Path)
	if l := v.factory.LinkedService(ref.Name); l != nil && !l.Is(serviceType) {
		v.errorf(ref.Path, "linked service %q is of type %q, want %q", ref.Name, l.Type, serviceType)
	}
}
