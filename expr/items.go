package expr

import (
	"strings"

	"switchyard/value"
)

// EvaluateItems evaluates v once for each of the items, as Evaluate does, with
// item() being that item, and hands the results to yield, whose first error ends
// it. Calls that depend neither on the item nor on chance are evaluated once, when
// they are first needed, and membership in an array or object that is such a call
// is looked up in an index. What only one item needs is given back to the budget
// of bytes after it, so yield must keep no result that takes memory.
func (c *Context) EvaluateItems(v value.Value, items value.Array,
	yield func(item, result value.Value) error) error {
	outer := c.Item
	defer func() { c.Item = outer }()
	var item value.Value
	c.Item = func() (value.Value, bool) { return item, true }
	text, isText := v.(string)
	if !isText {
		text, isText = ExpressionText(v)
	}
	ev := c.evaluation()
	ev.loop = &loop{}
	var t *Template
	for _, item = range items {
		left := ev.budget.bytes
		ev.loop.kept = 0
		var result value.Value
		var err error
		switch {
		case !isText || strings.IndexByte(text, '@') < 0:
			result, err = c.Evaluate(v)
		case t == nil:
			if t, err = cachedParse(text); err != nil {
				return err
			}
			fallthrough
		default:
			result, err = ev.template(t)
		}
		if err != nil {
			return err
		}
		if err := yield(item, result); err != nil {
			return err
		}
		ev.budget.bytes = left - ev.loop.kept
	}
	return nil
}

// A loop remembers, over the items of one EvaluateItems, the values of calls that
// are the same for all.
type loop struct {
	fixed map[*node]*fixed
	kept  int64 // bytes charged for them since the current item began
}

// fixed is a call whose value is the same for all items.
type fixed struct {
	value   value.Value // with its accessors, unless they vary
	members *members    // nil until it is asked for
}

// evalFixed evaluates a call that is the same for all items.
func (ev *evaluation) evalFixed(n *node) (value.Value, error) {
	f := ev.loop.fixed[n]
	if f == nil {
		// What it holds inside is not remembered: it is not evaluated again.
		loop, left := ev.loop, ev.budget.bytes
		ev.loop = nil
		v, err := ev.invoke(n)
		if err != nil {
			err = ev.place(err, n.offset)
		} else if !n.varies {
			v, err = ev.accessAll(v, n)
		}
		ev.loop = loop
		if err != nil {
			return nil, err
		}
		loop.kept += left - ev.budget.bytes
		f = &fixed{value: v}
		if loop.fixed == nil {
			loop.fixed = map[*node]*fixed{}
		}
		loop.fixed[n] = f
	}
	if n.varies {
		return ev.accessAll(f.value, n)
	}
	return f.value, nil
}
