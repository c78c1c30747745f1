package expr

import (
	"math"
	"strings"
	"unicode/utf8"

	"switchyard/value"
)

// The functions of [EXPR 6].

func fnContains(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case string:
		search, ok := c.args[1].(string)
		if !ok {
			return nil, c.wrong(1, "a string")
		}
		i, err := c.ev.index(v, search, false)
		return i >= 0, err
	case value.Array:
		if m := c.members(len(v)); m != nil {
			return m.hasElement(c.ev, v, c.args[1])
		}
		for _, e := range v {
			if same, err := c.ev.equal(e, c.args[1]); same || err != nil {
				return same, err
			}
		}
		return false, nil
	case *value.Object:
		key, ok := c.args[1].(string)
		if !ok {
			return nil, c.wrong(1, "a string")
		}
		if m := c.members(v.Len()); m != nil {
			return m.hasName(c.ev, v, key)
		}
		_, found, err := c.ev.lookup(v, key)
		return found, err
	}
	return nil, errorf(
		"The function 'contains' expects its first argument 'collection' to be a dictionary (object), an array "+
			"or a string. The provided value is of type '%s'.",
		value.TypeName(c.args[0]))
}

func fnEmpty(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case nil:
		return true, nil
	case string:
		return v == "", nil
	case value.Array:
		return len(v) == 0, nil
	case *value.Object:
		return v.Len() == 0, nil
	}
	return nil, c.wrong(0, "an object, an array or a string")
}

// fnFirst and fnLast return a whole character even where it takes two UTF-16
// code units: half of it could not be written as text.
func fnFirst(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case string:
		_, n := utf8.DecodeRuneInString(v)
		return v[:n], nil
	case value.Array:
		if len(v) == 0 {
			return nil, nil
		}
		return v[0], nil
	}
	return nil, c.wrong(0, "an array or a string")
}

func fnLast(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case string:
		_, n := utf8.DecodeLastRuneInString(v)
		return v[len(v)-n:], nil
	case value.Array:
		if len(v) == 0 {
			return nil, nil
		}
		return v[len(v)-1], nil
	}
	return nil, c.wrong(0, "an array or a string")
}

func fnLength(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case string:
		n, err := c.ev.units(v)
		return int64(n), err
	case value.Array:
		return int64(len(v)), nil
	}
	return nil, c.wrong(0, "an array or a string")
}

func fnSkip(c *call) (value.Value, error) {
	return c.cut(func(n, count int) (int, int) { return count, n })
}

func fnTake(c *call) (value.Value, error) {
	return c.cut(func(_, count int) (int, int) { return 0, count })
}

// cut returns part of an array or string; bounds turns the length and the
// count, which is not greater, into start and end.
func (c *call) cut(bounds func(n, count int) (start, end int)) (value.Value, error) {
	text, isText := c.args[0].(string)
	a, isArray := c.args[0].(value.Array)
	if !isText && !isArray {
		return nil, c.wrong(0, "an array or a string")
	}
	count, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	if count < 0 || count > math.MaxInt32 {
		return nil, errorf(
			"The function '%s' expects its second parameter to be a non-negative integer of 32 bits. The provided value is '%d'.",
			c.name, count)
	}
	n := len(a)
	if isText {
		if n, err = c.ev.units(text); err != nil {
			return nil, err
		}
	}
	start, end := bounds(n, int(min(count, int64(n))))
	if isText {
		return c.ev.sliceUnits(text, start, end)
	}
	return a[start:end:end], nil
}

func fnJoin(c *call) (value.Value, error) {
	a, ok := c.args[0].(value.Array)
	if !ok {
		return nil, c.wrong(0, "an array")
	}
	delimiter, err := c.text(1)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, v := range a {
		text, err := c.ev.text(v, "the function 'join'")
		if err != nil {
			return nil, err
		}
		if err := c.ev.spend(2 + (len(delimiter)+len(text))/bytesPerStep); err != nil {
			return nil, err
		}
		if b.Len()+len(delimiter)+len(text) > MaxText {
			return nil, errTooLong("the function 'join'")
		}
		if i > 0 {
			b.WriteString(delimiter)
		}
		b.WriteString(text)
	}
	return c.result(b.String())
}

// kinds reports whether all arguments are arrays; it is an error if they are
// neither all arrays nor all objects.
func (c *call) kinds() (arrays bool, err error) {
	_, arrays = c.args[0].(value.Array)
	for i, v := range c.args {
		switch v.(type) {
		case value.Array:
			if arrays {
				continue
			}
		case *value.Object:
			if !arrays {
				continue
			}
		}
		if i == 0 {
			return false, c.wrong(0, "an array or an object")
		}
		return false, errorf(
			"The function '%s' expects parameters of the same type, all arrays or all objects. The function was "+
				"invoked with values of type '%s' and '%s'.",
			c.name, value.TypeName(c.args[0]), value.TypeName(v))
	}
	return arrays, nil
}

// key returns the set key of v, charging for its length.
func (c *call) key(buf []byte, v value.Value) ([]byte, error) {
	buf, err := c.ev.appendKey(buf[:0], v)
	if err != nil {
		return nil, err
	}
	return buf, c.ev.charge(len(buf) + elementCost)
}

func fnUnion(c *call) (value.Value, error) {
	arrays, err := c.kinds()
	if err != nil {
		return nil, err
	}
	if !arrays {
		out := &value.Object{}
		for _, v := range c.args {
			o := v.(*value.Object)
			if err := c.ev.charge(o.Len() * elementCost); err != nil {
				return nil, err
			}
			for _, m := range o.Members() {
				if err := c.ev.spend(keySteps); err != nil {
					return nil, err
				}
				out.Set(m.Name, m.Value)
			}
		}
		return out, nil
	}
	// Of equal elements the last stays, in the place of the first: objects can be
	// equal and have another order of members.
	out := value.Array{}
	seen := map[string]int{}
	var buf []byte
	for _, v := range c.args {
		for _, e := range v.(value.Array) {
			if buf, err = c.key(buf, e); err != nil {
				return nil, err
			}
			if i, ok := seen[string(buf)]; ok {
				out[i] = e
				continue
			}
			seen[string(buf)] = len(out)
			out = append(out, e)
		}
	}
	return out, nil
}

func fnIntersection(c *call) (value.Value, error) {
	arrays, err := c.kinds()
	if err != nil {
		return nil, err
	}
	if !arrays {
		return c.commonMembers()
	}
	// count holds, for every element, how many of the arguments so far have it
	// without a gap.
	count := map[string]int{}
	var buf []byte
	for i := len(c.args) - 1; i > 0; i-- {
		round := len(c.args) - 1 - i
		for _, e := range c.args[i].(value.Array) {
			if buf, err = c.key(buf, e); err != nil {
				return nil, err
			}
			if count[string(buf)] == round {
				count[string(buf)] = round + 1
			}
		}
	}
	out := value.Array{}
	for _, e := range c.args[0].(value.Array) {
		if buf, err = c.key(buf, e); err != nil {
			return nil, err
		}
		if count[string(buf)] == len(c.args)-1 {
			count[string(buf)] = 0
			out = append(out, e)
		}
	}
	return out, nil
}

// commonMembers keeps the members whose name and value occur in every argument.
func (c *call) commonMembers() (value.Value, error) {
	out := &value.Object{}
next:
	for _, m := range c.args[0].(*value.Object).Members() {
		for _, v := range c.args[1:] {
			other, ok := v.(*value.Object).Get(m.Name)
			if err := c.ev.spend(keySteps); err != nil {
				return nil, err
			}
			if !ok {
				continue next
			}
			if same, err := c.ev.equal(m.Value, other); err != nil {
				return nil, err
			} else if !same {
				continue next
			}
		}
		out.Set(m.Name, m.Value)
	}
	return out, nil
}
