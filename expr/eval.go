package expr

import (
	"math"
	"strings"

	"switchyard/value"
)

// An evaluation is one call of Evaluate: it carries the budget and the expression
// that errors refer to.
type evaluation struct {
	ctx     *Context
	budget  *Budget
	loop    *loop // in EvaluateItems; nil otherwise
	current *expression
	// calls are the calls that are under way, the outer ones first, as far as there is room:
	// most expressions nest no deeper.
	calls [4]call
	deep  int
}

// walk evaluates v and what it holds. It reports whether the result differs
// from v, so that values without expressions are never copied.
func (ev *evaluation) walk(v value.Value, depth int) (value.Value, bool, error) {
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, '@') < 0 {
			return v, false, nil
		}
		return ev.walkString(v)
	case value.Array:
		if depth >= MaxValueDepth {
			return nil, false, errTooDeep()
		}
		for i, e := range v {
			r, changed, err := ev.walk(e, depth+1)
			if err != nil {
				return nil, false, err
			}
			if changed {
				return ev.walkArrayFrom(v, i, r, depth)
			}
		}
	case *value.Object:
		if s, ok := ExpressionText(v); ok {
			r, _, err := ev.walkString(s)
			return r, true, err
		}
		if depth >= MaxValueDepth {
			return nil, false, errTooDeep()
		}
		var clone *value.Object
		for _, m := range v.Members() {
			r, changed, err := ev.walk(m.Value, depth+1)
			if err != nil {
				return nil, false, err
			}
			if changed {
				if clone == nil {
					clone = v.Clone()
				}
				clone.Set(m.Name, r)
			}
		}
		if clone != nil {
			return clone, true, nil
		}
	}
	return v, false, nil
}

// walkArrayFrom continues a walk whose i-th element became r.
func (ev *evaluation) walkArrayFrom(v value.Array, i int, r value.Value, depth int) (
	value.Value, bool, error) {
	out := make(value.Array, len(v))
	copy(out, v[:i])
	out[i] = r
	for i++; i < len(v); i++ {
		var err error
		if out[i], _, err = ev.walk(v[i], depth+1); err != nil {
			return nil, false, err
		}
	}
	return out, true, nil
}

func (ev *evaluation) walkString(s string) (value.Value, bool, error) {
	t, err := cachedParse(s)
	if err != nil {
		return nil, false, err
	}
	v, err := ev.template(t)
	if ev.ctx.trace != nil {
		ev.ctx.trace.tells(t, v, err)
	}
	if err != nil {
		return nil, false, err
	}
	if r, ok := v.(string); ok && r == s {
		return v, false, nil
	}
	return v, true, nil
}

func (ev *evaluation) template(t *Template) (value.Value, error) {
	switch {
	case t.whole != nil:
		return ev.expression(t.whole)
	case t.parts == nil:
		return t.literal, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		text := p.text
		if p.expr != nil {
			v, err := ev.expression(p.expr)
			if err != nil {
				return nil, err
			}
			if text, err = ev.text(v, "string interpolation"); err != nil {
				return nil, ev.place(err, 0)
			}
		}
		if b.Len()+len(text) > MaxText {
			return nil, ev.place(errTooLong("string interpolation"), 0)
		}
		b.WriteString(text)
	}
	if err := ev.charge(b.Len()); err != nil {
		return nil, ev.place(err, 0)
	}
	return b.String(), nil
}

func (ev *evaluation) expression(x *expression) (value.Value, error) {
	outer := ev.current
	ev.current = x
	v, err := ev.eval(x.root)
	if err != nil {
		return nil, ev.place(err, x.offset)
	}
	ev.current = outer
	return v, nil
}

// place completes an error with the current expression and an offset, unless it
// has them already.
func (ev *evaluation) place(err error, offset int) error {
	e, ok := err.(*Error)
	if !ok {
		e = errorf("%s", err)
	}
	if e.Offset < 0 {
		e.Offset = offset
		if ev.current != nil {
			e.Expression = ev.current.text
		}
	}
	return e
}

// nodeSteps is what a literal or a call takes beside what it does.
const nodeSteps = 8

// eval evaluates n. Its recursion is bounded by the depth the parser accepts.
func (ev *evaluation) eval(n *node) (value.Value, error) {
	if trace := ev.ctx.trace; trace != nil && trace.begins(n) {
		v, err := ev.eval(n)
		trace.ends(n, v, err)
		return v, err
	}
	if err := ev.budget.spend(nodeSteps); err != nil {
		return nil, err
	}
	v := n.value
	if n.call {
		if ev.loop != nil && !n.callVaries {
			return ev.evalFixed(n)
		}
		var err error
		if v, err = ev.invoke(n); err != nil {
			return nil, ev.place(err, n.offset)
		}
	}
	return ev.accessAll(v, n)
}

// accessAll applies the accessors of n. A null before one with "?" is the result:
// what follows is not evaluated [EXPR 2.3].
func (ev *evaluation) accessAll(v value.Value, n *node) (value.Value, error) {
	trace := ev.ctx.trace
	for i := range n.accessors {
		a := &n.accessors[i]
		if trace != nil {
			trace.selects(n, i, v)
		}
		ended := v == nil && a.safe
		var err error
		if v, err = ev.access(v, a); err != nil {
			return nil, ev.place(err, a.offset)
		}
		if ended {
			return nil, nil
		}
	}
	return v, nil
}

// invoke checks the function and the number of arguments before it evaluates
// any of them [EXPR 4].
func (ev *evaluation) invoke(n *node) (value.Value, error) {
	f := n.fn
	if f == nil {
		return nil, errorf("The template function '%s' is not defined or not valid.%s", n.name, n.meant)
	}
	least := f.min
	if f.accepted > 0 {
		least = f.accepted
	}
	if len(n.args) < least || f.max >= 0 && len(n.args) > f.max {
		return nil, errArgumentCount(f, len(n.args))
	}
	if f.lazy != nil {
		return f.lazy(ev, n.args)
	}
	c := ev.begin(n, f)
	defer ev.end(c)
	if len(n.args) <= len(c.buf) {
		c.args = c.buf[:len(n.args)]
	} else {
		c.args = make([]value.Value, len(n.args))
	}
	for i, a := range n.args {
		var err error
		if c.args[i], err = ev.eval(a); err != nil {
			return nil, err
		}
	}
	return f.strict(c)
}

// begin makes a call. Nothing of it may be kept after end.
func (ev *evaluation) begin(n *node, f *function) *call {
	var c *call
	if ev.deep < len(ev.calls) {
		c = &ev.calls[ev.deep]
	} else {
		c = new(call)
	}
	ev.deep++
	c.ev, c.node, c.name = ev, n, f.name
	return c
}

func (ev *evaluation) end(c *call) {
	ev.deep--
	if ev.deep < len(ev.calls) {
		*c = call{}
	}
}

// access applies one accessor [EXPR 2.3].
func (ev *evaluation) access(v value.Value, a *accessor) (value.Value, error) {
	name, isName := a.name, true
	var index value.Value
	if a.index != nil {
		var err error
		if index, err = ev.eval(a.index); err != nil {
			return nil, err
		}
		name, isName = index.(string)
	}
	shown := func() string { // what is selected by, for an error
		if isName {
			return name
		}
		return value.Text(index)
	}
	switch v := v.(type) {
	case *value.Object:
		if !isName {
			return nil, ev.cannot(
				"property '%s' cannot be selected. Properties of an object can only be selected using a string.",
				shown())
		}
		if m, ok := v.Get(name); ok {
			return m, nil
		}
		m, ok, err := ev.lookup(v, name)
		if ok || a.safe || err != nil {
			return m, err
		}
		return nil, ev.cannot("property '%s' doesn't exist, available properties are '%s'.", name, memberNames(v))
	case value.Array:
		i, ok := index.(int64)
		switch {
		case !ok:
			return nil, ev.cannot(
				"property '%s' cannot be selected. Array elements can only be selected using an integer index.",
				shown())
		case i >= 0 && i < int64(len(v)):
			return v[i], nil
		case a.safe:
			return nil, nil
		case len(v) == 0:
			return nil, ev.cannot("array index '%d' cannot be selected from empty array.", i)
		}
		return nil, ev.cannot("array index '%d' is outside bounds (0, %d) of array.", i, len(v)-1)
	case nil:
		if _, number := index.(int64); a.safe && (isName || number) {
			return nil, nil
		}
		return nil, ev.cannot("property '%s' cannot be selected.", shown())
	}
	return nil, ev.cannot(
		"property '%s' cannot be selected. Property selection is not supported on values of type '%s'.",
		shown(), value.TypeName(v))
}

// memberNames lists the names of o for an error message, not more than fit one.
func memberNames(o *value.Object) string {
	var b strings.Builder
	for i, m := range o.Members() {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.Len() > 1024 {
			b.WriteString("…")
			break
		}
		b.WriteString(m.Name)
	}
	return b.String()
}

// cannot makes the error of an expression that cannot be evaluated, in Data
// Factory's wording.
func (ev *evaluation) cannot(format string, args ...any) *Error {
	text := ""
	if ev.current != nil {
		text = ev.current.text
	}
	if len(text) > 256 {
		text = strings.ToValidUTF8(text[:256], "") + "…"
	}
	return errorf("The expression '%s' cannot be evaluated because "+format, append([]any{text}, args...)...)
}

// charge takes n bytes that were or will be produced.
func (ev *evaluation) charge(n int) error { return ev.budget.charge(n) }

// spend takes n steps of work.
func (ev *evaluation) spend(n int) error { return ev.budget.spend(n) }

// elementCost is what one array element or object member is charged.
const elementCost = 24

// chargeValue charges a value that was built from others and checks how deeply
// it nests. Values share their parts, so what is small in memory can be huge as
// text: its cost is the length of the text.
func (ev *evaluation) chargeValue(v value.Value) error { return ev.chargeNested(v, 0) }

func (ev *evaluation) chargeNested(v value.Value, depth int) error {
	switch v := v.(type) {
	case string:
		return ev.charge(len(v) + elementCost)
	case value.Array:
		if depth >= MaxValueDepth {
			return errTooDeep()
		}
		for _, e := range v {
			if err := ev.chargeNested(e, depth+1); err != nil {
				return err
			}
		}
	case *value.Object:
		if depth >= MaxValueDepth {
			return errTooDeep()
		}
		for _, m := range v.Members() {
			if err := ev.charge(len(m.Name)); err != nil {
				return err
			}
			if err := ev.chargeNested(m.Value, depth+1); err != nil {
				return err
			}
		}
	}
	return ev.charge(elementCost)
}

func errTooDeep() *Error {
	return errorf("The value nests deeper than the limit of %d levels.", MaxValueDepth)
}

func errTooLong(what string) *Error {
	return errorf("The result of %s is longer than the limit of %d characters.", what, MaxText)
}

// finite turns a float that JSON cannot hold into an error.
func finite(name string, f float64) (value.Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errorf("The result of the function '%s' is out of range.", name)
	}
	return f, nil
}
