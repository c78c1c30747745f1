package expr

import (
	"strings"

	"switchyard/value"
)

// A Traced is a part of an expression and what it came to. Parts are calls, each with
// the accessors behind it; of an interpolated string, which is one too, they are its
// expressions. Literals are told only where nothing else is.
type Traced struct {
	Text   string // as it is written
	Offset int    // bytes from the start of the JSON string
	// Evaluated is false for what was not needed, or not reached: then there is neither
	// a value nor an error.
	Evaluated bool
	Value     value.Value
	Err       error // of the part itself, or of one of its parts
	Parts     []*Traced
}

// Trace is Evaluate, and tells what the parts of each expression in v came to, in the
// order in which the strings were evaluated. What is not evaluated has no parts.
func (c *Context) Trace(v value.Value) (value.Value, []*Traced, error) {
	t := &trace{outcomes: map[*node]*outcome{}}
	c.trace = t
	defer func() { c.trace = nil }()
	out, err := c.Evaluate(v)
	return out, t.strings, err
}

// A trace is what an evaluation tells of its nodes. Without one it tells nothing.
type trace struct {
	strings  []*Traced
	outcomes map[*node]*outcome // of the string that is being evaluated
	begun    *node
}

// An outcome is what a node came to.
type outcome struct {
	value value.Value
	err   error
	// called is what stood before the first accessor, selected what stood before the one
	// that was applied last, which is number accessor; -1: none was.
	called, selected value.Value
	accessor         int
}

// begins reports whether eval has just come to a node, whose outcome it is to tell by
// ends. It then evaluates the node by another call of itself, for which this is false.
func (t *trace) begins(n *node) bool {
	if t.begun == n {
		t.begun = nil
		return false
	}
	t.begun = n
	t.outcomes[n] = &outcome{accessor: -1}
	return true
}

func (t *trace) ends(n *node, v value.Value, err error) {
	o := t.outcomes[n]
	o.value, o.err = v, err
}

// selects tells that the i-th accessor of a node is applied to v.
func (t *trace) selects(n *node, i int, v value.Value) {
	o := t.outcomes[n]
	if i == 0 {
		o.called = v
	}
	o.selected, o.accessor = v, i
}

// tells adds a string that was evaluated.
func (t *trace) tells(of *Template, v value.Value, err error) {
	switch {
	case of.whole != nil:
		t.strings = append(t.strings, t.node(of.source, of.whole.root))
	case of.parts != nil:
		whole := &Traced{Text: of.source, Evaluated: true, Value: v, Err: err}
		for _, p := range of.parts {
			if p.expr != nil {
				whole.Parts = append(whole.Parts, t.node(of.source, p.expr.root))
			}
		}
		t.strings = append(t.strings, whole)
	}
	clear(t.outcomes)
}

func (t *trace) node(source string, n *node) *Traced {
	o := t.outcomes[n]
	told := &Traced{Text: source[n.offset:n.end], Offset: n.offset}
	if o == nil {
		return told
	}
	told.Evaluated, told.Value, told.Err = true, o.value, o.err
	parts, inner := &told.Parts, 0
	if i, v, ok := o.before(n); ok {
		inner = i
		before := &Traced{Text: strings.TrimRight(source[n.offset:n.accessors[i].offset], " \t\r\n"), Offset: n.offset,
			Evaluated: true, Value: v}
		told.Parts, parts = []*Traced{before}, &before.Parts
	}
	for _, a := range n.args {
		t.part(parts, source, a)
	}
	for i, a := range n.accessors {
		if i == inner {
			parts = &told.Parts
		}
		if a.index != nil {
			t.part(parts, source, a.index)
		}
	}
	return told
}

func (t *trace) part(parts *[]*Traced, source string, n *node) {
	if n.call {
		*parts = append(*parts, t.node(source, n))
	}
}

// before is the accessor, and its value, before which a part of its own stands: where a
// path breaks off, or where one begins that goes into a result. A reference, such as
// activity('A').output.x, is one part.
func (o *outcome) before(n *node) (accessor int, v value.Value, ok bool) {
	switch {
	case o.accessor < 0:
		return 0, nil, false
	case o.err != nil:
		return o.accessor, o.selected, true
	}
	return 0, o.called, n.fn.family != FamilyContext
}
