package expr

import "switchyard/value"

// The functions of [EXPR 7]. Those that skip arguments take them unevaluated.

func notBoolean(name string, v value.Value) error {
	return errorf(
		"The function '%s' expects all of its parameters to be booleans. Found invalid parameter types: '%s'.",
		name, value.TypeName(v))
}

func fnAnd(ev *evaluation, args []*node) (value.Value, error) {
	return connective(ev, "and", args, false)
}

func fnOr(ev *evaluation, args []*node) (value.Value, error) { return connective(ev, "or", args, true) }

// connective evaluates arguments up to the first that equals stop.
func connective(ev *evaluation, name string, args []*node, stop bool) (value.Value, error) {
	for _, a := range args {
		v, err := ev.eval(a)
		if err != nil {
			return nil, err
		}
		b, ok := v.(bool)
		if !ok {
			return nil, notBoolean(name, v)
		}
		if b == stop {
			return stop, nil
		}
	}
	return !stop, nil
}

func fnNot(c *call) (value.Value, error) {
	b, ok := c.args[0].(bool)
	if !ok {
		return nil, c.wrong(0, "a boolean")
	}
	return !b, nil
}

func fnIf(ev *evaluation, args []*node) (value.Value, error) {
	v, err := ev.eval(args[0])
	if err != nil {
		return nil, err
	}
	condition, ok := v.(bool)
	if !ok {
		return nil, errorf(
			"The function 'if' expects its first parameter to be a boolean. The provided value is of type '%s'.",
			value.TypeName(v))
	}
	if condition {
		return ev.eval(args[1])
	}
	return ev.eval(args[2])
}

func fnCoalesce(ev *evaluation, args []*node) (value.Value, error) {
	for _, a := range args {
		v, err := ev.eval(a)
		if err != nil || v != nil {
			return v, err
		}
	}
	return nil, nil
}

// fnEquals takes more than two values as "all equal the first". An integer equals a
// float of the same value here, unlike within arrays and objects.
func fnEquals(c *call) (value.Value, error) {
	for _, v := range c.args[1:] {
		if same, err := c.ev.equalLoose(c.args[0], v); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (ev *evaluation) equalLoose(a, b value.Value) (bool, error) {
	switch a.(type) {
	case int64, float64:
		switch b.(type) {
		case int64, float64:
			return compareNumbers(a, b) == 0, ev.spend(1)
		}
	}
	return ev.equal(a, b)
}

func fnGreater(c *call) (value.Value, error) {
	order, err := c.order()
	return order > 0, err
}

func fnGreaterOrEquals(c *call) (value.Value, error) {
	order, err := c.order()
	return order >= 0, err
}

func fnLess(c *call) (value.Value, error) {
	order, err := c.order()
	return order < 0, err
}

func fnLessOrEquals(c *call) (value.Value, error) {
	order, err := c.order()
	return order <= 0, err
}

// order compares two numbers, or two strings.
func (c *call) order() (int, error) {
	kind := func(v value.Value) int {
		switch v.(type) {
		case int64, float64:
			return 1
		case string:
			return 2
		}
		return 0
	}
	a, b := kind(c.args[0]), kind(c.args[1])
	switch {
	case a == 1 && b == 1:
		return compareNumbers(c.args[0], c.args[1]), nil
	case a == 2 && b == 2:
		return c.ev.compareText(c.args[0].(string), c.args[1].(string))
	case a == 0 && value.TypeName(c.args[0]) == value.TypeName(c.args[1]):
		return 0, c.wrong(0, "an integer, a float, a decimal number or a string")
	}
	return 0, errorf(
		"The function '%s' expects two parameter of matching types. The function was invoked with values of "+
			"type '%s' and '%s' that do not match.",
		c.name, value.TypeName(c.args[0]), value.TypeName(c.args[1]))
}
