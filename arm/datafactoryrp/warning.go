package datafactoryrp

import (
	"fmt"
	"strings"

	"switchyard/pipeline"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// keptOnly says of the kinds of definitions that are kept, shown and checked but change
// nothing here why that is so. [ADF-REST 3] has them.
var keptOnly = map[factory.Kind]string{
	factory.DataFlows:              "data flows do not run in this version of Switchyard",
	factory.IntegrationRuntimes:    "what connects via it fails, because only " + factory.AutoResolve + " runs here",
	factory.ManagedVirtualNetworks: "Switchyard has no managed virtual networks",
}

// warnings says which parts of a definition have no effect here, and what goes wrong in Azure, too: Azure accepts
// it, so the answer is a success, but not one that is silent.
func (p *Provider) warnings(id factory.ID, kind factory.Kind, d *factory.Definition) (texts []string) {
	if why, ok := keptOnly[kind]; ok {
		return []string{fmt.Sprintf("%s '%s' is kept without effect: %s.", kind.Noun(), d.Name, why)}
	}
	f, err := p.factories.Factory(id.Factory)
	if err != nil {
		return nil // deleted meanwhile
	}
	switch kind {
	case factory.Pipelines:
		if def := f.Pipeline(d.Name); def != nil {
			for _, a := range idle(def) {
				texts = append(texts, fmt.Sprintf("activity '%s' of pipeline '%s' is of type %s, which this version "+
					"of Switchyard does not run.",
					a.Name, d.Name, a.Type))
			}
			for _, w := range def.SharedVariables() {
				texts = append(texts, fmt.Sprintf("pipeline '%s': %s: %s.", d.Name, w.Path, w.Message))
			}
		}
	case factory.Triggers:
		if def := f.Trigger(d.Name); def != nil && !def.Runs() {
			texts = append(texts, fmt.Sprintf("trigger '%s' is of type %s, which this version of Switchyard does "+
				"not run: it can't be started.",
				d.Name, def.Type))
		}
	}
	return texts
}

// idle returns the activities of a pipeline that do not run here, however deep they
// are. An activity that is inactive need not run.
func idle(p *pipeline.Pipeline) (list []*pipeline.Activity) {
	p.Walk(func(a *pipeline.Activity) {
		if !a.Inactive && !pipeline.SupportedActivity(a.Type) {
			list = append(list, a)
		}
	})
	return list
}

// factoryWarnings is the same for what a factory itself says. before is what a PUT has replaced,
// nil if nothing.
func factoryWarnings(f, before *factory.Resource) (texts []string) {
	v, _ := parsed(f.Properties).Lookup("publicNetworkAccess")
	if s, _ := v.(string); strings.EqualFold(s, "Disabled") {
		texts = append(texts, fmt.Sprintf("publicNetworkAccess of data factory '%s' is kept without effect: "+
			"Switchyard answers at the addresses that it was told to listen at.", f.ID.Factory))
	}
	if gone := removedParameters(f, before); len(gone) > 0 {
		texts = append(texts, fmt.Sprintf("this PUT of data factory '%s' has removed its global parameters %s, as in Azure: "+
			"a PUT replaces the properties of a factory, so it has to have all global parameters that stay.",
			f.ID.Factory, strings.Join(gone, ", ")))
	}
	return texts
}

// removedParameters are the names of the global parameters that a PUT has removed.
func removedParameters(f, before *factory.Resource) (names []string) {
	if before == nil {
		return nil
	}
	now := globalParametersOf(f)
	for _, m := range globalParametersOf(before).Members() {
		if _, ok := now.Lookup(m.Name); !ok {
			names = append(names, "'"+m.Name+"'")
		}
	}
	return names
}

func globalParametersOf(f *factory.Resource) *value.Object {
	v, _ := parsed(f.Properties).Lookup("globalParameters")
	o, _ := v.(*value.Object)
	return o
}
