package pipeline

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"switchyard/value"
)

// ParsePipeline reads a pipeline file. Activities of types that are not known or
// not supported are read like any other; [Factory.Validate] names them. The
// pipeline is nil if the document has no properties to read; with errors in the
// diagnostics it holds what could be read.
func ParsePipeline(file string, data []byte) (*Pipeline, Diagnostics) {
	r := &reader{file: file}
	root, props, name, ok := r.document(data, true)
	if !ok {
		return nil, r.diags
	}
	r.name("$.name", "pipeline", name, 140)
	p := &Pipeline{
		Name:        name,
		File:        file,
		Description: r.text(props, "description", false),
		Parameters:  r.parameters(props, true),
		Variables:   r.variables(props),
		Concurrency: r.integer(props, "concurrency", 0, 1, 0),
		Annotations: r.array(props, "annotations", false),
		Folder:      r.text(r.object(props, "folder", false), "name", false),
		Raw:         root.Object,
	}
	p.RunDimensions = r.object(props, "runDimensions", false).Object
	p.Activities = r.activities(props, "activities", 0)
	return p, r.diags
}

// forbiddenInNames may stand in no resource and no activity name [ENGINE 1].
const forbiddenInNames = `.+?/<>*%&:\`

// name checks the rules of names of resources and activities.
func (r *reader) name(at, what, name string, max int) {
	if name == "" {
		return // reported as missing
	}
	if n := utf8.RuneCountInString(name); n > max {
		r.errorf(at, "%s name of %d characters, at most %d are allowed", what, n, max)
	}
	if c, _ := utf8.DecodeRuneInString(name); c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
		r.errorf(at, "%s name %q must start with a letter, a digit or an underscore", what, name)
	}
	if i := strings.IndexAny(name, forbiddenInNames); i >= 0 {
		r.errorf(at, "%s name %q must not contain %q", what, name, name[i])
	}
}

// parameterTypes are the spellings that are accepted, ignoring case.
var parameterTypes = map[string]ParameterType{
	"object": TypeObject, "string": TypeString, "int": TypeInt, "integer": TypeInt, "float": TypeFloat,
	"bool": TypeBool, "boolean": TypeBool, "array": TypeArray, "securestring": TypeSecureString,
}

func (r *reader) parameters(n node, typed bool) []*Parameter {
	list := r.object(n, "parameters", false)
	var out []*Parameter
	for i, m := range list.Members() {
		at := list.path(m.Name)
		o, ok := m.Value.(*value.Object)
		if !ok {
			// Its name counts: whatever refers to it is not wrong as well.
			r.errorf(at, "is %s, want an object", kindOf(m.Value))
			out = append(out, &Parameter{Name: m.Name, Type: TypeString, HasDefault: true})
			continue
		}
		if parameterByName(out, m.Name) != nil {
			r.errorf(at, "parameter %q is declared twice", m.Name)
			continue
		}
		d := node{o, at}
		p := &Parameter{Name: m.Name, Type: TypeString}
		// Dataset and linked-service parameters without a type occur in real
		// files; they are text.
		if spelled := r.text(d, "type", typed); spelled != "" {
			if p.Type, ok = parameterTypes[strings.ToLower(spelled)]; !ok {
				r.errorf(d.path("type"), "%q is no parameter type", spelled)
			}
		}
		p.Default, p.HasDefault = d.Lookup("defaultValue")
		if p.HasDefault && p.Default != nil {
			if _, err := p.Convert(p.Default); err != nil {
				// Such definitions are deployed and work: the default is used as it is.
				r.warnf(d.path("defaultValue"), "%v", err)
			}
		}
		out = append(out, p)
		if i == maxParameters && typed {
			r.errorf(list.at, "%d parameters, at most %d are allowed", list.Len(), maxParameters)
		}
	}
	return out
}

var variableTypes = map[string]VariableType{
	"string": VariableString, "bool": VariableBoolean, "boolean": VariableBoolean,
	"integer": VariableInteger, "int": VariableInteger, "array": VariableArray,
}

func (r *reader) variables(n node) []*Variable {
	list := r.object(n, "variables", false)
	var out []*Variable
	seen := (&Pipeline{})
	for _, m := range list.Members() {
		at := list.path(m.Name)
		o, ok := m.Value.(*value.Object)
		if !ok {
			r.errorf(at, "is %s, want an object", kindOf(m.Value))
			out = append(out, &Variable{Name: m.Name, Type: VariableString})
			seen.Variables = out
			continue
		}
		if seen.Variable(m.Name) != nil {
			r.errorf(at, "variable %q is declared twice", m.Name)
			continue
		}
		d := node{o, at}
		v := &Variable{Name: m.Name, Type: VariableString}
		if spelled := r.text(d, "type", true); spelled != "" {
			if v.Type, ok = variableTypes[strings.ToLower(spelled)]; !ok {
				r.errorf(d.path("type"), "%q is no variable type", spelled)
				v.Type = VariableString
			}
		}
		v.Default = v.Type.Zero()
		if def, ok := r.get(d, "defaultValue", false); ok {
			c, err := v.Convert(def)
			if err != nil {
				r.errorf(d.path("defaultValue"), "%v", err)
			} else {
				v.Default = c
			}
		}
		out = append(out, v)
		seen.Variables = out
	}
	return out
}

// maxNesting bounds the recursion over containers; validation allows far less.
const maxNesting = 16

func (r *reader) activities(n node, name string, depth int) []*Activity {
	list := r.objects(n, name, false)
	if depth > maxNesting {
		if len(list) > 0 {
			r.errorf(n.path(name), "containers nested deeper than %d", maxNesting)
		}
		return nil
	}
	out := make([]*Activity, 0, len(list))
	for _, a := range list {
		out = append(out, r.activity(a, depth))
	}
	return out
}

func (r *reader) activity(n node, depth int) *Activity {
	a := &Activity{
		Name:          r.text(n, "name", true),
		Type:          r.text(n, "type", true),
		Description:   r.text(n, "description", false),
		DependsOn:     r.dependencies(n),
		LinkedService: r.reference(n, "linkedServiceName", "LinkedServiceReference", false),
		Inputs:        r.references(n, "inputs", "DatasetReference"),
		Outputs:       r.references(n, "outputs", "DatasetReference"),
		Raw:           n.Object,
		Path:          n.at,
	}
	r.name(n.path("name"), "activity", a.Name, 55)
	a.Policy = r.policy(r.object(n, "policy", false))
	switch state := r.text(n, "state", false); {
	case equalFold(state, "Inactive"):
		a.Inactive = true
	case state != "" && !equalFold(state, "Active"):
		r.errorf(n.path("state"), "%q is neither Active nor Inactive", state)
	}
	switch mark := r.text(n, "onInactiveMarkAs", false); {
	case equalFold(mark, "Failed"):
		a.OnInactiveMarkAs = MarkFailed
	case equalFold(mark, "Skipped"):
		a.OnInactiveMarkAs = MarkSkipped
	case mark != "" && !equalFold(mark, "Succeeded"):
		r.errorf(n.path("onInactiveMarkAs"), "%q is none of Succeeded, Failed, Skipped", mark)
	}
	for _, u := range r.objects(n, "userProperties", false) {
		v, _ := r.get(u, "value", false)
		a.UserProperties = append(a.UserProperties, UserProperty{r.text(u, "name", true), v})
	}
	tp := r.object(n, "typeProperties", false)
	if a.TypeProperties = tp.Object; tp.Object == nil {
		a.TypeProperties = &value.Object{}
		tp.Object = a.TypeProperties
	}
	r.container(a, tp, depth)
	if !a.Inactive {
		r.typeProperties(a, tp)
	}
	return a
}

func (r *reader) policy(n node) Policy {
	p := Policy{
		SecureInput:  r.boolean(n, "secureInput"),
		SecureOutput: r.boolean(n, "secureOutput"),
	}
	p.Timeout, _ = r.get(n, "timeout", false)
	if s, ok := p.Timeout.(string); ok && !isExpression(p.Timeout) {
		d, err := ParseTimespan(s)
		if err != nil {
			r.errorf(n.path("timeout"), "%v", err)
		} else if d > MaxTimeout || d <= 0 {
			r.errorf(n.path("timeout"), "is %s, want more than 0 and at most %s", s, FormatTimespan(MaxTimeout))
		}
	} else if p.Timeout != nil && !isExpression(p.Timeout) {
		r.errorf(n.path("timeout"), "is %s, want a timespan or an expression", kindOf(p.Timeout))
	}
	p.Retry, _ = r.get(n, "retry", false)
	if p.Retry != nil && !isExpression(p.Retry) {
		if _, err := RetryCount(p.Retry); err != nil {
			r.errorf(n.path("retry"), "%v", err)
		}
	}
	p.RetryInterval = time.Duration(r.integer(n, "retryIntervalInSeconds", int(DefaultRetryInterval/time.Second), 0, 86400)) * time.Second
	return p
}

// isExpression reports whether a value stands for something that is only known
// at run time [EXPR 1.1].
func isExpression(v value.Value) bool {
	switch v := v.(type) {
	case string:
		return strings.HasPrefix(v, "@") || strings.Contains(v, "@{")
	case *value.Object:
		t, _ := v.Lookup("type")
		s, _ := t.(string)
		return equalFold(s, "Expression")
	}
	return false
}

func (r *reader) dependencies(n node) []Dependency {
	var out []Dependency
	for _, d := range r.objects(n, "dependsOn", false) {
		dep := Dependency{Activity: r.text(d, "activity", true)}
		for i, v := range r.array(d, "dependencyConditions", false) {
			at := index(d.path("dependencyConditions"), i)
			c, ok := parseCondition(v)
			if !ok {
				r.errorf(at, "is none of Succeeded, Failed, Completed, Skipped")
				continue
			}
			dep.Conditions = append(dep.Conditions, c)
		}
		if len(dep.Conditions) == 0 {
			dep.Conditions = []Condition{OnSucceeded}
		}
		out = append(out, dep)
	}
	return out
}

func parseCondition(v value.Value) (Condition, bool) {
	s, ok := v.(string)
	for i, name := range conditionNames {
		if ok && equalFold(name, s) {
			return Condition(i), true
		}
	}
	return 0, false
}

// reference reads a reference object; nil if it is absent or malformed.
func (r *reader) reference(n node, name, wantType string, required bool) *Reference {
	o := r.object(n, name, required)
	if o.Object == nil {
		return nil
	}
	return r.referenceAt(o, wantType)
}

func (r *reader) referenceAt(o node, wantType string) *Reference {
	ref := &Reference{Path: o.at, Type: r.text(o, "type", false), Parameters: r.object(o, "parameters", false).Object}
	if ref.Type != "" && !equalFold(ref.Type, wantType) {
		r.errorf(o.path("type"), "is %q, want %q", ref.Type, wantType)
	}
	// The authoring tool writes the name of a linked service in one old form as an
	// expression object; Data Factory documents it as static.
	if ref.Name = r.text(o, "referenceName", true); isExpression(ref.Name) {
		r.errorf(o.path("referenceName"), "is an expression, want a name")
	}
	return ref
}

func (r *reader) references(n node, name, wantType string) []*Reference {
	var out []*Reference
	for _, o := range r.objects(n, name, false) {
		out = append(out, r.referenceAt(o, wantType))
	}
	return out
}

// container reads the children of ForEach, IfCondition, Switch and Until, of
// inactive ones too: their names count.
func (r *reader) container(a *Activity, tp node, depth int) {
	get := func(name string) value.Value { v, _ := tp.Lookup(name); return v }
	switch {
	case a.Is("ForEach"):
		a.ForEach = &ForEach{
			Items:      get("items"),
			Sequential: r.boolean(tp, "isSequential"),
			BatchCount: r.integer(tp, "batchCount", DefaultBatchCount, 1, MaxBatchCount),
			Activities: r.activities(tp, BranchBody, depth+1),
		}
	case a.Is("IfCondition"):
		a.If = &If{
			Expression: get("expression"),
			True:       r.activities(tp, BranchTrue, depth+1),
			False:      r.activities(tp, BranchFalse, depth+1),
		}
	case a.Is("Switch"):
		on := get("on")
		if on == nil {
			on = get("expression") // the documentation page's name for it
		}
		a.Switch = &Switch{On: on}
		for _, c := range r.objects(tp, "cases", false) {
			v, _ := r.get(c, "value", true)
			a.Switch.Cases = append(a.Switch.Cases, Case{r.caseValue(c, v), r.activities(c, BranchBody, depth+1)})
		}
		a.Switch.Default = r.activities(tp, BranchDefault, depth+1)
	case a.Is("Until"):
		a.Until = &Until{Expression: get("expression"), Timeout: get("timeout"), Activities: r.activities(tp, BranchBody, depth+1)}
		if s, ok := a.Until.Timeout.(string); ok && !isExpression(s) {
			r.timespan(tp, "timeout", DefaultUntilTimeout, MaxUntilTimeout)
		}
	}
}

// caseValue reads the value of a Switch case as text: it is compared as text.
func (r *reader) caseValue(n node, v value.Value) string {
	switch v.(type) {
	case string, int64, bool:
		return value.Text(v)
	case nil:
	default:
		r.errorf(n.path("value"), "is %s, want text", kindOf(v))
	}
	return ""
}

// BranchCase names the branch of the i-th case of a Switch.
func BranchCase(i int) string { return index("cases", i) }
