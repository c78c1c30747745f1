package pipeline

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"switchyard/value"
	"switchyard/value/read"
)

// ParsePipeline reads a pipeline file. Activities of types that are not known or
// not supported are read like any other; [Factory.Validate] names them. The
// pipeline is nil if the document has no properties to read or far more than the
// limits of [ENGINE 8] allow, which is told without reading on; with other errors in the
// diagnostics it holds what could be read.
func ParsePipeline(file string, data []byte) (*Pipeline, Diagnostics) {
	root, ds := parse(file, data)
	if root == nil {
		return nil, ds
	}
	return ReadPipeline(file, nested(root))
}

// ReadPipeline is [ParsePipeline] for a file whose JSON has been parsed.
func ReadPipeline(file string, root *value.Object) (*Pipeline, Diagnostics) {
	d, ok := open(file, root)
	if !ok {
		return nil, d.diags
	}
	d.checkName("$.name", "pipeline", d.name, 140)
	if !d.withinLimits(root) {
		return nil, d.diags
	}
	p := &Pipeline{
		Name:        d.name,
		File:        file,
		Description: text(d.props, "description"),
		Parameters:  d.parameters(d.props, true),
		Variables:   d.variables(d.props),
		Concurrency: integer(d.props, "concurrency", 0, 1, 0),
		Annotations: array(d.props, "annotations"),
		Folder:      text(object(d.props, "folder"), "name"),
		Raw:         root,
	}
	p.RunDimensions = object(d.props, "runDimensions").Raw()
	p.Activities = d.activities(d.props, "activities", 0)
	return p, d.diags
}

// forbiddenInNames may stand in no resource and no activity name [ENGINE 1].
const forbiddenInNames = `.+?/<>*%&:\`

// checkName checks the rules of names of resources and activities.
func (r *reader) checkName(at, what, name string, max int) {
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

func (r *reader) parameters(n *read.Members, typed bool) []*Parameter {
	list := object(n, "parameters")
	var out []*Parameter
	seen := make(parameterIndex, list.Raw().Len())
	for _, m := range list.Raw().Members() {
		o, ok := m.Value.(*value.Object)
		if ok && seen.has(m.Name) {
			list.Fail(m.Name, "parameter %q is declared twice", m.Name)
			continue
		}
		p := &Parameter{Name: m.Name, Type: TypeString}
		seen[strings.ToLower(m.Name)] = p
		out = append(out, p)
		if !ok {
			// Its name counts: whatever refers to it is not wrong as well.
			list.Wrong(m.Name, m.Value, value.KindObject)
			p.HasDefault = true
			continue
		}
		d := read.New(o, list.At(m.Name), r)
		// Dataset and linked-service parameters without a type occur in real
		// files; they are text.
		spelled := ""
		if typed {
			spelled = d.RequiredString("type")
		} else {
			spelled = text(d, "type")
		}
		if spelled != "" {
			ok := false
			if p.Type, ok = parameterTypes[strings.ToLower(spelled)]; !ok {
				d.Fail("type", "%q is no parameter type", spelled)
			}
		}
		p.Default, p.HasDefault = d.Raw().Lookup("defaultValue")
		if p.HasDefault && p.Default != nil {
			if _, err := p.Convert(p.Default); err != nil {
				// Such definitions are deployed and work: the default is used as it is.
				r.warnf(d.At("defaultValue"), "%v", err)
			}
		}
	}
	return out
}

var variableTypes = map[string]VariableType{
	"string": VariableString, "bool": VariableBoolean, "boolean": VariableBoolean,
	"integer": VariableInteger, "int": VariableInteger, "array": VariableArray,
}

func (r *reader) variables(n *read.Members) []*Variable {
	list := object(n, "variables")
	var out []*Variable
	seen := make(map[string]bool, list.Raw().Len()) // lower case
	for _, m := range list.Raw().Members() {
		o, ok := m.Value.(*value.Object)
		if ok && seen[strings.ToLower(m.Name)] {
			list.Fail(m.Name, "variable %q is declared twice", m.Name)
			continue
		}
		v := &Variable{Name: m.Name, Type: VariableString}
		seen[strings.ToLower(m.Name)] = true
		out = append(out, v)
		if !ok {
			list.Wrong(m.Name, m.Value, value.KindObject)
			continue
		}
		d := read.New(o, list.At(m.Name), r)
		if spelled := d.RequiredString("type"); spelled != "" {
			ok := false
			if v.Type, ok = variableTypes[strings.ToLower(spelled)]; !ok {
				d.Fail("type", "%q is no variable type", spelled)
				v.Type = VariableString
			}
		}
		v.Default = v.Type.Zero()
		if def, ok := d.Value("defaultValue"); ok {
			c, err := v.Convert(def)
			if err != nil {
				d.Fail("defaultValue", "%v", err)
			} else {
				v.Default = c
			}
		}
	}
	return out
}

// maxNesting bounds the recursion over containers; validation allows far less.
const maxNesting = 16

func (r *reader) activities(n *read.Members, name string, depth int) []*Activity {
	list := n.Objects(name)
	if depth > maxNesting {
		if len(list) > 0 {
			n.Fail(name, "containers nested deeper than %d", maxNesting)
		}
		return nil
	}
	out := make([]*Activity, 0, len(list))
	for _, a := range list {
		out = append(out, r.activity(a, depth))
	}
	return out
}

func (r *reader) activity(n *read.Members, depth int) *Activity {
	a := &Activity{
		Name:          n.RequiredString("name"),
		Type:          n.RequiredString("type"),
		Description:   text(n, "description"),
		DependsOn:     dependencies(n),
		LinkedService: reference(n, "linkedServiceName", "LinkedServiceReference"),
		Inputs:        references(n, "inputs", "DatasetReference"),
		Outputs:       references(n, "outputs", "DatasetReference"),
		Raw:           n.Raw(),
		Path:          n.Path(),
	}
	r.checkName(n.At("name"), "activity", a.Name, 55)
	a.Policy = policy(object(n, "policy"))
	switch state := text(n, "state"); {
	case equalFold(state, "Inactive"):
		a.Inactive = true
	case state != "" && !equalFold(state, "Active"):
		n.Fail("state", "%q is neither Active nor Inactive", state)
	}
	switch mark := text(n, "onInactiveMarkAs"); {
	case equalFold(mark, "Failed"):
		a.OnInactiveMarkAs = MarkFailed
	case equalFold(mark, "Skipped"):
		a.OnInactiveMarkAs = MarkSkipped
	case mark != "" && !equalFold(mark, "Succeeded"):
		n.Fail("onInactiveMarkAs", "%q is none of Succeeded, Failed, Skipped", mark)
	}
	for _, u := range n.Objects("userProperties") {
		v, _ := u.Value("value")
		a.UserProperties = append(a.UserProperties, UserProperty{u.RequiredString("name"), v})
	}
	tp := object(n, "typeProperties")
	a.TypeProperties = orEmpty(tp.Raw())
	a.Row = LookupActivityType(a.Type)
	r.container(a, tp, depth)
	if a.Row != nil && !a.Inactive {
		a.Row.read(tp)
	}
	return a
}

func policy(n *read.Members) Policy {
	p := Policy{
		SecureInput:  boolean(n, "secureInput"),
		SecureOutput: boolean(n, "secureOutput"),
	}
	switch s := text(n, "onRestart"); {
	case equalFold(s, "fail"):
		p.FailOnRestart = true
	case s != "" && !equalFold(s, "restart"):
		n.Fail("onRestart", "%q is neither restart nor fail", s)
	}
	p.Timeout, _ = n.Value("timeout")
	if s, ok := p.Timeout.(string); ok && !isExpression(p.Timeout) {
		d, err := ParseTimespan(s)
		if err != nil {
			n.Fail("timeout", "%v", err)
		} else if d > MaxTimeout || d <= 0 {
			n.Fail("timeout", "is %s, want more than 0 and at most %s", s, FormatTimespan(MaxTimeout))
		}
	} else if p.Timeout != nil && !isExpression(p.Timeout) {
		n.Fail("timeout", "is %s, want a timespan or an expression", kindOf(p.Timeout))
	}
	p.Retry, _ = n.Value("retry")
	if p.Retry != nil && !isExpression(p.Retry) {
		if _, err := RetryCount(p.Retry); err != nil {
			n.Fail("retry", "%v", err)
		}
	}
	seconds := integer(n, "retryIntervalInSeconds", int(DefaultRetryInterval/time.Second), 0, 86400)
	p.RetryInterval = time.Duration(seconds) * time.Second
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

func dependencies(n *read.Members) []Dependency {
	var out []Dependency
	for _, d := range n.Objects("dependsOn") {
		dep := Dependency{Activity: d.RequiredString("activity")}
		for i, v := range array(d, "dependencyConditions") {
			c, ok := parseCondition(v)
			if !ok {
				d.Fail(read.Element("dependencyConditions", i), "is none of Succeeded, Failed, Completed, Skipped")
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
func reference(n *read.Members, name, wantType string) *Reference {
	if o := object(n, name); o.Raw() != nil {
		return referenceAt(o, wantType)
	}
	return nil
}

// requiredReference is [reference] and reports that there is none.
func requiredReference(n *read.Members, name, wantType string) *Reference {
	if o, ok := n.RequiredObject(name); ok {
		return referenceAt(o, wantType)
	}
	return nil
}

func referenceAt(o *read.Members, wantType string) *Reference {
	ref := &Reference{Path: o.Path(), Type: text(o, "type"), Parameters: object(o, "parameters").Raw()}
	if ref.Type != "" && !equalFold(ref.Type, wantType) {
		o.Fail("type", "is %q, want %q", ref.Type, wantType)
	}
	// The authoring tool writes the name of a linked service in one old form as an
	// expression object; Data Factory documents it as static.
	if ref.Name = o.RequiredString("referenceName"); isExpression(ref.Name) {
		o.Fail("referenceName", "is an expression, want a name")
	}
	return ref
}

func references(n *read.Members, name, wantType string) []*Reference {
	var out []*Reference
	for _, o := range n.Objects(name) {
		out = append(out, referenceAt(o, wantType))
	}
	return out
}

// container reads the children of ForEach, IfCondition, Switch and Until, of
// inactive ones too: their names count. Of an ExecutePipeline it reads if it waits.
func (r *reader) container(a *Activity, tp *read.Members, depth int) {
	get := func(name string) value.Value { v, _ := tp.Raw().Lookup(name); return v }
	switch {
	case a.Is("ExecutePipeline"):
		a.Waits = waits(tp)
	case a.Is("ForEach"):
		a.ForEach = &ForEach{
			Items:      get("items"),
			Sequential: boolean(tp, "isSequential"),
			BatchCount: a.Row.Property("batchCount").integer(tp),
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
		cases := tp.Objects("cases")
		if n := len(cases); n > MaxSwitchCases && !a.Inactive {
			tp.Beyond("cases", "%d cases, at most %d are allowed", n, MaxSwitchCases)
		}
		for _, c := range cases {
			v, _ := c.Required("value")
			a.Switch.Cases = append(a.Switch.Cases, Case{caseValue(c, v), r.activities(c, BranchBody, depth+1)})
		}
		a.Switch.Default = r.activities(tp, BranchDefault, depth+1)
	case a.Is("Until"):
		a.Until = &Until{
			Expression: get("expression"),
			Timeout:    get("timeout"),
			Activities: r.activities(tp, BranchBody, depth+1),
		}
	}
}

// caseValue reads the value of a Switch case as text: it is compared as text.
func caseValue(n *read.Members, v value.Value) string {
	switch v.(type) {
	case string, int64, bool:
		return value.Text(v)
	case nil:
	default:
		n.Wrong("value", v, value.KindString)
	}
	return ""
}

// BranchCase names the branch of the i-th case of a Switch.
func BranchCase(i int) string { return index("cases", i) }
