package pipeline

import (
	"slices"
	"strings"

	"switchyard/value"
	"switchyard/value/read"
)

// ValidatePipeline checks one pipeline against the factory.
func (f *Factory) ValidatePipeline(p *Pipeline) Diagnostics {
	v := &validator{factory: f, reader: reader{file: p.File}, pipeline: p, names: map[string]int{},
		parameters: indexParameters(p.Parameters), variables: map[string]*Variable{}}
	p.Walk(func(a *Activity) {
		name := strings.ToLower(a.Name)
		if i, twice := v.names[name]; twice && name != "" {
			v.errorf(a.Path+".name", "activity name %q is used at %s already", a.Name, v.list[i].Path)
			return
		}
		v.names[name] = len(v.list)
		v.list = append(v.list, a)
	})
	if len(v.list) > mostActivities { // reading has refused it
		return v.diags
	}
	v.within = make([]*Activity, len(v.list))
	for _, a := range v.list {
		for _, s := range a.Scopes() {
			for _, child := range s.Activities {
				v.within[v.names[strings.ToLower(child.Name)]] = a
			}
		}
	}
	for _, x := range p.Variables {
		v.variables[strings.ToLower(x.Name)] = x
	}
	if p.RunDimensions != nil {
		v.expressions(p.RunDimensions, "$.properties.runDimensions",
			&environment{place: "a run dimension", context: []string{"pipeline"}})
	}
	v.scope(p.Activities, nil, activitySet{}, false)
	return append(v.diags, p.SharedVariables()...)
}

// scope checks a list of activities. around are the containers it stands in,
// outermost first; visible are the activities that it can refer to from there.
func (v *validator) scope(activities []*Activity, around []*Activity, visible activitySet, item bool) {
	upstream := v.dependencies(activities)
	for i, a := range activities {
		v.nesting(a, around)
		if a.Inactive {
			continue // not validated [ENGINE 2.2]
		}
		env := &environment{place: "a pipeline", visible: visible, item: item, pipeline: true, around: around}
		env.visible.addAll(&upstream[i])
		v.activity(a, env)
		for _, s := range a.Scopes() {
			v.scope(s.Activities, append(slices.Clone(around), a), env.visible, item || a.ForEach != nil)
		}
	}
}

// see adds activities to a set.
func (v *validator) see(s *activitySet, activities []*Activity) {
	for _, a := range activities {
		if i, ok := v.names[strings.ToLower(a.Name)]; ok {
			s.add(i)
		}
	}
}

// dependencies checks dependsOn and returns, for each activity, those upstream of
// it.
func (v *validator) dependencies(activities []*Activity) []activitySet {
	byName := make(map[string]int, len(activities))
	for i, a := range activities {
		byName[strings.ToLower(a.Name)] = i
	}
	parents := make([][]int, len(activities))
	for i, a := range activities {
		completed, other := map[int]bool{}, map[int]bool{}
		for k, d := range a.DependsOn {
			at := index(a.Path+".dependsOn", k) + ".activity"
			j, ok := byName[strings.ToLower(d.Activity)]
			_, exists := v.names[strings.ToLower(d.Activity)]
			switch {
			case d.Activity == "": // reported when it was read
			case !ok && exists:
				v.errorf(at, "activity %q stands in another scope; only activities beside this one can be depended on",
					d.Activity)
			case !ok:
				v.errorf(at, "activity %q does not exist%s", d.Activity, meant(d.Activity, activityNames(activities)))
			case i == j:
				v.errorf(at, "activity %q depends on itself", d.Activity)
			default:
				parents[i] = append(parents[i], j)
				for _, c := range d.Conditions {
					if c == OnCompleted {
						completed[j] = true
					} else if c != OnSkipped {
						other[j] = true
					}
				}
				if completed[j] && other[j] {
					v.warnf(at, "an upon-completion condition on %q makes the others without effect", d.Activity)
				}
			}
		}
	}
	upstream := make([]activitySet, len(activities))
	state := make([]uint8, len(activities)) // 0 new, 1 under way, 2 done
	var visit func(i int)
	visit = func(i int) {
		if state[i] != 0 {
			return
		}
		state[i] = 1
		up := &upstream[i]
		for _, j := range parents[i] {
			if state[j] == 1 {
				v.errorf(activities[i].Path+".dependsOn", "the dependency on %q closes a cycle", activities[j].Name)
				continue
			}
			visit(j)
			v.see(up, activities[j:j+1])
			if u := activities[j].Until; u != nil {
				// Published definitions read the last iteration after the loop.
				v.see(up, u.Activities)
			}
			up.addAll(&upstream[j])
		}
		state[i] = 2
	}
	for i := range activities {
		visit(i)
	}
	return upstream
}

// nesting applies the rules of [ENGINE 5.1].
func (v *validator) nesting(a *Activity, around []*Activity) {
	if len(around) == 0 {
		return
	}
	loop := a.ForEach != nil || a.Until != nil
	choice := a.If != nil || a.Switch != nil
	if a.Is("Validation") {
		v.beyond(a.Path+".type", "a Validation activity must not stand in a container")
	}
	for _, o := range around {
		switch inLoop := o.ForEach != nil || o.Until != nil; {
		case loop && inLoop:
			v.beyond(a.Path+".type", "a %s activity must not stand in the %s activity %q; call a pipeline instead",
				a.Type, o.Type, o.Name)
		case loop:
			v.beyond(a.Path+".type", "a %s activity must not stand in the %s activity %q", a.Type, o.Type, o.Name)
		case choice && !inLoop:
			v.beyond(a.Path+".type", "a %s activity must not stand in the %s activity %q", a.Type, o.Type, o.Name)
		}
	}
}

func (v *validator) activity(a *Activity, env *environment) {
	supports := v.factory.Supports
	if supports == nil {
		supports = SupportedActivity
	}
	t := a.Row
	switch {
	case a.Type == "": // reported when it was read
	case supports(a.Type):
	case t == nil && v.factory.Open:
		v.warnf(a.Path+".type", "activity type %q is not known", a.Type)
	case t == nil:
		v.beyond(a.Path+".type", "activity type %q is not known%s", a.Type, meant(a.Type, activityTypeNames()))
	default:
		v.unsupported(a.Path+".type", "activities of type %q are not supported", a.Type)
	}
	retries := a.Policy.Retry != nil && a.Policy.Retry != int64(0)
	if t != nil && !t.HasPolicy() && (a.Policy.Timeout != nil || retries) {
		v.warnf(a.Path+".policy", "%s activities have neither timeout nor retry; the policy has no effect", a.Type)
	}
	if t != nil && t.Control && a.Policy.FailOnRestart {
		v.warnf(a.Path+".policy.onRestart", "%s activities are not executed; it has no effect", a.Type)
	}
	v.linkedService(a)
	for _, ref := range slices.Concat(a.Inputs, a.Outputs) {
		v.reference(ref, ref.Path)
	}
	v.references(typePropertiesOf(a), a.Path+".typeProperties")
	v.vaultSecrets(typePropertiesOf(a), a.Path+".typeProperties")
	switch {
	case a.Is("SetVariable"), a.Is("AppendVariable"):
		v.assignment(a)
	case a.Is("ExecutePipeline"):
		v.executePipeline(a)
	}
	if t != nil && t.Supported {
		v.properties(t, read.New(a.TypeProperties, a.Path+".typeProperties", v))
	}
	if a.Switch != nil {
		v.cases(a)
	}
	v.activityExpressions(a, env)
}

// linkedService checks an activity's linked service.
func (v *validator) linkedService(a *Activity) {
	switch t := a.Row; {
	case a.LinkedService == nil && t != nil && t.NeedsLinkedService:
		v.errorf(a.Path+".linkedServiceName", "is missing")
	case t != nil && t.LinkedService != "":
		v.typedService(a.LinkedService, t.LinkedService)
	default:
		v.reference(a.LinkedService, a.Path+".linkedServiceName")
	}
}

// cases tells of cases of a Switch that are never chosen.
func (v *validator) cases(a *Activity) {
	seen := map[string]bool{}
	for i, c := range a.Switch.Cases {
		if seen[c.Value] {
			v.warnf(index(a.Path+".typeProperties.cases", i)+".value",
				"another case before has the value %q: this one is never chosen", c.Value)
		}
		seen[c.Value] = true
	}
}

// typePropertiesOf returns typeProperties without the child activities, which
// are checked on their own.
func typePropertiesOf(a *Activity) *value.Object {
	if a.Scopes() == nil {
		return a.TypeProperties
	}
	o := &value.Object{}
	for _, m := range a.TypeProperties.Members() {
		if p := a.Row.Property(m.Name); p == nil || !p.Branches() {
			o.Set(m.Name, m.Value)
		}
	}
	return o
}

// references checks every reference object below a value.
func (v *validator) references(val value.Value, at string) {
	switch x := val.(type) {
	case value.Array:
		for i := range x {
			v.references(x[i], index(at, i))
		}
	case *value.Object:
		name, _ := x.Lookup("referenceName")
		kind, _ := x.Lookup("type")
		if text, ok := name.(string); ok {
			if k, ok := kind.(string); ok && strings.HasSuffix(strings.ToLower(k), "reference") {
				args, _ := x.Lookup("parameters")
				o, _ := args.(*value.Object)
				v.reference(&Reference{Name: text, Type: k, Parameters: o}, at)
				return
			}
		}
		for _, m := range x.Members() {
			v.references(m.Value, at+"."+m.Name)
		}
	}
}

// ReturnValueVariable is the system variable that holds a pipeline's return
// value [ENGINE 5.7].
const ReturnValueVariable = "pipelineReturnValue"

// SetsReturnValue reports whether a SetVariable activity sets the pipeline's
// return value instead of a variable.
func SetsReturnValue(a *Activity) bool {
	system, _ := a.TypeProperties.Lookup("setSystemVariable")
	yes, _ := system.(bool)
	if s, ok := system.(string); ok {
		yes, _ = parseBool(s)
	}
	return yes && a.Is("SetVariable")
}

func (v *validator) assignment(a *Activity) {
	at := a.Path + ".typeProperties.variableName"
	raw, _ := a.TypeProperties.Lookup("variableName")
	name, ok := raw.(string)
	if !ok || isExpression(name) {
		return
	}
	if SetsReturnValue(a) {
		if name != ReturnValueVariable {
			v.errorf(at, "is %q; the only system variable is %s", name, ReturnValueVariable)
		}
		return
	}
	def := v.variables[strings.ToLower(name)]
	if def == nil {
		v.errorf(at, "variable %q is not declared%s", name, v.meantVariable(name))
		return
	}
	val, _ := a.TypeProperties.Lookup("value")
	switch {
	case a.Is("AppendVariable") && def.Type != VariableArray:
		v.errorf(at, "variable %q is of type %s; only an Array can be appended to", name, def.Type)
	case a.Is("SetVariable") && RefersToVariable(val, name):
		v.errorf(a.Path+".typeProperties.value", "uses the variable %q that it sets", name)
	}
}
