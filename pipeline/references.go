package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/expr"
	"switchyard/spelling"
	"switchyard/value"
)

// RefersToVariable reports whether an expression below a value names the
// variable, ignoring case. A name that is computed is not seen.
func RefersToVariable(v value.Value, name string) bool {
	found := false
	eachText(v, "", func(text, _ string) {
		t, err := expr.Parse(text)
		if err != nil {
			return // reported where it is evaluated or validated
		}
		for _, r := range t.References().Variables {
			found = found || equalFold(r.Name, name)
		}
	})
	return found
}

// systemVariables are the members of pipeline() [EXPR 3].
var systemVariables = []string{
	"DataFactory", "Pipeline", "RunId", "TriggerId", "TriggerName", "TriggerTime", "TriggerType", "GroupId",
	"parameters", "globalParameters", "TriggeredByPipelineName", "TriggeredByPipelineRunId",
}

func containsFold(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return equalFold(s, name) })
}

// template checks what one parsed string refers to.
func (v *validator) template(t *expr.Template, at string, env *environment) {
	refs := t.References()
	for _, call := range refs.Calls {
		v.call(t.String(), call, at, env)
	}
	if env.pipeline {
		v.pipelineReferences(refs, at, env)
	}
	if env.has("dataset") {
		v.declared(refs.DatasetParameters, env.parameters, at)
	}
	if env.has("linkedService") {
		v.declared(refs.LinkedServiceParameters, env.parameters, at)
	}
}

// call checks that a function exists, here, and gets as many arguments as it
// takes.
func (v *validator) call(text string, call expr.CallReference, at string, env *environment) {
	f, known := expr.LookupFunction(call.Name)
	switch {
	case !known:
		similar := ""
		if s := expr.SimilarFunction(call.Name); s != "" {
			similar = "; did you mean " + s + "?"
		}
		v.errorIn(at, text, call.Offset, "function %q is not known%s", call.Name, similar)
	case call.Args < f.MinArgs:
		v.errorIn(at, text, call.Offset, "function %q has %d arguments, want at least %d", call.Name, call.Args, f.MinArgs)
	case f.MaxArgs >= 0 && call.Args > f.MaxArgs:
		v.errorIn(at, text, call.Offset, "function %q has %d arguments, want at most %d", call.Name, call.Args, f.MaxArgs)
	case !containsFold(contextFunctions, call.Name):
	case !env.has(call.Name):
		v.errorf(at, "%s() is not available in %s", f.Name, env.place)
	case equalFold(call.Name, "item") && !env.item:
		v.errorf(at, "item() is used outside a ForEach and a Filter's condition")
	}
}

func (v *validator) pipelineReferences(refs expr.References, at string, env *environment) {
	for _, r := range refs.Activities {
		name := strings.ToLower(r.Name)
		i, exists := v.names[name]
		switch {
		case !exists:
			v.errorf(at, "activity %q does not exist%s", r.Name, meant(r.Name, activityNames(v.list)))
		case env.visible.has(i):
		case v.within[i] != nil && !slices.Contains(env.around, v.within[i]):
			v.errorf(at, "activity %q stands in the %s activity %q and can be read only there", r.Name, v.within[i].Type,
				v.within[i].Name)
		default:
			v.errorf(at, "activity %q is not upstream of this activity; what reads it has to depend on it (dependsOn), "+
				"directly or through others", r.Name)
		}
	}
	for _, r := range refs.Variables {
		if v.variables[strings.ToLower(r.Name)] == nil {
			v.errorf(at, "variable %q is not declared%s", r.Name, v.meantVariable(r.Name))
		}
	}
	v.declared(refs.Parameters, v.parameters, at)
	for _, r := range refs.GlobalParameters {
		if _, ok := v.factory.GlobalParameters.Lookup(r.Name); !ok && !v.factory.unread("factory", "") {
			v.errorf(at, "global parameter %q does not exist", r.Name)
		}
	}
	for _, r := range refs.SystemVariables {
		if !containsFold(systemVariables, r.Name) {
			v.errorf(at, "pipeline() has no member %q", r.Name)
		}
	}
}

func (v *validator) declared(refs []expr.Reference, parameters parameterIndex, at string) {
	for _, r := range refs {
		if !parameters.has(r.Name) {
			v.errorf(at, "parameter %q is not declared%s", r.Name, meant(r.Name, parameters.names()))
		}
	}
}

// meant asks whether a similar name was meant, "" if there is none.
func meant(name string, among []string) string {
	if s := spelling.Nearest(name, among); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}

func activityNames(list []*Activity) []string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name
	}
	return names
}

func (v *validator) meantVariable(name string) string {
	var names []string
	for _, x := range v.pipeline.Variables {
		names = append(names, x.Name)
	}
	return meant(name, names)
}
