package expr

import "strings"

// A Reference is a name that an expression uses, and where: Offset counts bytes
// from the start of the JSON string.
type Reference struct {
	Name   string
	Offset int
}

// A CallReference is a call of a function, known or not, as it is written.
type CallReference struct {
	Reference
	Args int
}

// References are what a template refers to, each in the order of the text, with
// repetitions. Only names that are written literally are listed; activities and
// variables whose name is computed are counted.
type References struct {
	Calls      []CallReference
	Activities []Reference // activity('x')
	Variables  []Reference // variables('x')

	Parameters              []Reference // pipeline().parameters.x
	GlobalParameters        []Reference // pipeline().globalParameters.x
	SystemVariables         []Reference // pipeline().x
	DatasetParameters       []Reference // dataset().x
	LinkedServiceParameters []Reference // linkedService().x

	ComputedActivities int
	ComputedVariables  int

	Item, Pipeline, Dataset, LinkedService, Trigger, TriggerBody bool
}

// References returns what the template refers to. A literal refers to nothing.
func (t *Template) References() References {
	var r References
	if t.whole != nil {
		r.add(t.whole.root)
	}
	for _, p := range t.parts {
		if p.expr != nil {
			r.add(p.expr.root)
		}
	}
	return r
}

func (r *References) add(n *node) {
	if n.call {
		r.Calls = append(r.Calls, CallReference{Reference{n.name, n.offset}, len(n.args)})
		r.addCall(n)
	}
	for _, a := range n.args {
		r.add(a)
	}
	for _, a := range n.accessors {
		if a.index != nil {
			r.add(a.index)
		}
	}
}

func (r *References) addCall(n *node) {
	switch strings.ToLower(n.name) {
	case "item":
		r.Item = true
	case "trigger":
		r.Trigger = true
	case "triggerbody":
		r.TriggerBody = true
	case "pipeline":
		r.Pipeline = true
		r.addPipeline(n)
	case "dataset":
		r.Dataset = true
		addMember(&r.DatasetParameters, n, 0)
	case "linkedservice":
		r.LinkedService = true
		addMember(&r.LinkedServiceParameters, n, 0)
	case "activity":
		addLiteral(&r.Activities, &r.ComputedActivities, n)
	case "variables":
		addLiteral(&r.Variables, &r.ComputedVariables, n)
	}
}

func (r *References) addPipeline(n *node) {
	member, ok := n.memberName(0)
	switch {
	case !ok:
	case strings.EqualFold(member.Name, "parameters"):
		addMember(&r.Parameters, n, 1)
	case strings.EqualFold(member.Name, "globalParameters"):
		addMember(&r.GlobalParameters, n, 1)
	default:
		r.SystemVariables = append(r.SystemVariables, member)
	}
}

// memberName returns the name that the i-th accessor of n selects, if it is
// written literally and without "?".
func (n *node) memberName(i int) (Reference, bool) {
	if i >= len(n.accessors) || n.accessors[i].safe {
		return Reference{}, false
	}
	a := n.accessors[i]
	if a.index == nil {
		return Reference{a.name, a.offset}, true
	}
	s, ok := a.index.literalString()
	return Reference{s, a.offset}, ok
}

func (n *node) literalString() (string, bool) {
	s, ok := n.value.(string)
	return s, ok && !n.call && len(n.accessors) == 0
}

func addMember(list *[]Reference, n *node, i int) {
	if m, ok := n.memberName(i); ok {
		*list = append(*list, m)
	}
}

func addLiteral(list *[]Reference, computed *int, n *node) {
	if len(n.args) != 1 {
		return // the number of arguments is the mistake to report
	}
	if s, ok := n.args[0].literalString(); ok {
		*list = append(*list, Reference{s, n.args[0].offset})
		return
	}
	*computed++
}
