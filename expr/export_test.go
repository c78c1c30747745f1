package expr

import "switchyard/value"

// A FunctionDoc is what docs/expressions.md says of a function.
type FunctionDoc struct {
	Function
	Arguments, Doc string
}

// Functions returns all functions, by family in the order of the documentation.
func Functions() []FunctionDoc {
	list := make([]FunctionDoc, len(functionTable))
	for i, f := range functionTable {
		list[i] = FunctionDoc{Function{f.name, f.family, f.min, f.max}, f.arguments, f.doc}
	}
	return list
}

// EvaluateString evaluates one JSON string by the table of [EXPR 1.1]. The
// error is an [*Error].
func (c *Context) EvaluateString(s string) (value.Value, error) {
	t, err := cachedParse(s)
	if err != nil {
		return nil, err
	}
	return c.EvaluateTemplate(t)
}

// IsLiteral reports whether the template holds no expression.
func (t *Template) IsLiteral() bool { return t.whole == nil && t.parts == nil }

// Looks returns how often evaluations have looked at the interrupt.
func (b *Budget) Looks() int { return b.looks }

// FoldKey is the key of a text in an index of names.
var FoldKey = foldKey
