package expr

import "switchyard/value"

// EvaluateItems evaluates v once for each of the items, as Evaluate does, with
// item() being that item, and hands the results to yield, whose first error ends
// it. What only one item needs is given back to the budget of bytes after it, so
// yield must keep no result that takes memory.
func (c *Context) EvaluateItems(v value.Value, items value.Array,
	yield func(item, result value.Value) error) error {
	outer := c.Item
	defer func() { c.Item = outer }()
	var item value.Value
	c.Item = func() (value.Value, bool) { return item, true }
	release := c.evaluation().budget.scratch()
	for _, item = range items {
		result, err := c.Evaluate(v)
		if err != nil {
			return err
		}
		if err := yield(item, result); err != nil {
			return err
		}
		release()
	}
	return nil
}
