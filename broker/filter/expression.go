package filter

// truth is a value of three-valued logic. Smaller dominates in AND.
type truth int8

const (
	no truth = iota - 1
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

type predicate interface {
	truth(c *Context) (truth, error)
}

type operand interface {
	value(c *Context) (Value, error)
}

type constant struct{ v Value }

func (e constant) value(*Context) (Value, error) { return e.v, nil }

type newID struct{}

func (newID) value(c *Context) (Value, error) {
	if c.NewID == nil {
		return nil, evaluation("newid() is not available here")
	}
	return c.NewID(), nil
}

// property is a system property, a user property, or one that is named by an
// expression, which is a user property too.
type property struct {
	system SystemProperty
	user   string
	name   operand
}

// look returns the property's value; ok is false if the message does not have it.
func (e property) look(c *Context) (v Value, ok bool, err error) {
	user := e.user
	if e.name != nil {
		name, err := e.name.value(c)
		if err != nil || name == nil {
			return nil, false, err
		}
		if user, ok = name.(string); !ok {
			return nil, false, evaluation("the name of a property must be text, not %T", name)
		}
	}
	if e.system != 0 {
		v, ok = c.Properties.System(e.system)
	} else {
		v, ok = c.Properties.User(user)
	}
	if !ok {
		return nil, false, nil
	}
	return v, true, nil
}

func (e property) value(c *Context) (Value, error) {
	v, _, err := e.look(c)
	return v, err
}

type isNull struct{ p property }

func (e isNull) truth(c *Context) (truth, error) {
	v, _, err := e.p.look(c)
	return truthOf(v == nil), err
}

// exists is about the key: a property that is null is there.
type exists struct{ p property }

func (e exists) truth(c *Context) (truth, error) {
	_, ok, err := e.p.look(c)
	return truthOf(ok), err
}

type both struct{ a, b predicate }

func (e both) truth(c *Context) (truth, error) {
	a, err := e.a.truth(c)
	if err != nil || a == no {
		return a, err
	}
	b, err := e.b.truth(c)
	return min(a, b), err
}

type either struct{ a, b predicate }

func (e either) truth(c *Context) (truth, error) {
	a, err := e.a.truth(c)
	if err != nil || a == yes {
		return a, err
	}
	b, err := e.b.truth(c)
	return max(a, b), err
}

type negation struct{ p predicate }

func (e negation) truth(c *Context) (truth, error) {
	t, err := e.p.truth(c)
	return -t, err
}

type compared struct {
	op   comparison
	a, b operand
}

func (e compared) truth(c *Context) (truth, error) {
	a, b, err := operands(c, e.a, e.b)
	if err != nil {
		return unknown, err
	}
	return e.op.of(a, b), nil
}

func operands(c *Context, x, y operand) (a, b Value, err error) {
	if a, err = x.value(c); err != nil {
		return nil, nil, err
	}
	b, err = y.value(c)
	return a, b, err
}

// among is IN: the OR of equalities.
type among struct {
	v    operand
	list []operand
}

func (e among) truth(c *Context) (truth, error) {
	v, err := e.v.value(c)
	if err != nil {
		return unknown, err
	}
	result := no
	for _, x := range e.list {
		w, err := x.value(c)
		if err != nil {
			return unknown, err
		}
		if result = max(result, equal.of(v, w)); result == yes {
			break
		}
	}
	return result, nil
}

type signed struct {
	negative bool
	v        operand
}

func (e signed) value(c *Context) (Value, error) {
	v, err := e.v.value(c)
	switch n := v.(type) {
	case int64:
		if e.negative {
			return -n, err
		}
		return n, err
	case float64:
		if e.negative {
			return -n, err
		}
		return n, err
	}
	return nil, err
}

type computed struct {
	op   byte
	a, b operand
}

func (e computed) value(c *Context) (Value, error) {
	a, b, err := operands(c, e.a, e.b)
	if err != nil {
		return nil, err
	}
	return compute(e.op, a, b)
}
