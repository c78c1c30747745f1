package expr

import (
	"strings"

	"switchyard/value"
)

// The functions of [EXPR 5].

func fnConcat(c *call) (value.Value, error) {
	if len(c.args) == 1 {
		text, err := c.ev.text(c.args[0], "the function 'concat'")
		if err != nil {
			return nil, err
		}
		return c.result(text)
	}
	var few [8]string
	parts, size := few[:0], 0
	for _, v := range c.args {
		text, err := c.ev.text(v, "the function 'concat'")
		if err != nil {
			return nil, err
		}
		if size += len(text); size > MaxText {
			return nil, errTooLong("the function 'concat'")
		}
		parts = append(parts, text)
	}
	return c.result(strings.Join(parts, ""))
}

// folded returns the first two arguments as text in upper case.
func (c *call) folded() (text, search string, err error) {
	if text, search, err = c.texts(); err != nil {
		return "", "", err
	}
	if text, err = c.ev.fold(text); err == nil {
		search, err = c.ev.fold(search)
	}
	return text, search, err
}

func fnEndsWith(c *call) (value.Value, error) {
	text, search, err := c.folded()
	return strings.HasSuffix(text, search), err
}

func fnStartsWith(c *call) (value.Value, error) {
	text, search, err := c.folded()
	return strings.HasPrefix(text, search), err
}

func fnIndexOf(c *call) (value.Value, error) { return c.position(false) }

// fnLastIndexOf keeps the documented oddity of an empty search text: the last
// position, not the one behind it.
func fnLastIndexOf(c *call) (value.Value, error) {
	text, search, err := c.texts()
	if err != nil {
		return nil, err
	}
	if search == "" {
		n, err := c.ev.units(text)
		return int64(max(n-1, 0)), err
	}
	return c.position(true)
}

// position returns where the second argument stands in the first, -1 if it does
// not.
func (c *call) position(last bool) (value.Value, error) {
	text, search, err := c.folded()
	if err != nil {
		return nil, err
	}
	i, err := c.ev.index(text, search, last)
	if err != nil || i < 0 {
		return int64(-1), err
	}
	n, err := c.ev.units(text[:i])
	return int64(n), err
}

func fnReplace(c *call) (value.Value, error) {
	text, old, err := c.texts()
	if err != nil {
		return nil, err
	}
	replacement, err := c.text(2)
	if err != nil {
		return nil, err
	}
	if old == "" {
		return nil, errorf("The function 'replace' expects its second parameter to be a string that is not empty.")
	}
	if len(text) <= block {
		if n := strings.Count(text, old); len(text)+n*(len(replacement)-len(old)) > MaxText {
			return nil, errTooLong("the function 'replace'")
		}
		return c.result(strings.ReplaceAll(text, old, replacement))
	}
	var b strings.Builder
	err = c.ev.split(text, old, func(piece string, last bool) error {
		b.WriteString(piece)
		if !last {
			b.WriteString(replacement)
		}
		if b.Len() > MaxText {
			return errTooLong("the function 'replace'")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.result(b.String())
}

func fnSplit(c *call) (value.Value, error) {
	text, delimiter, err := c.texts()
	if err != nil {
		return nil, err
	}
	if delimiter == "" {
		return value.Array{text}, nil
	}
	if err := c.ev.charge(len(text)); err != nil {
		return nil, err
	}
	a := value.Array{}
	err = c.ev.split(text, delimiter, func(piece string, _ bool) error {
		a = append(a, piece)
		return c.ev.charge(elementCost)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func fnSubstring(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	start, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	count, err := c.ev.units(text)
	if err != nil {
		return nil, err
	}
	n := int64(count)
	length := n - start
	if len(c.args) == 3 {
		if length, err = c.integer(2); err != nil {
			return nil, err
		}
	}
	if start < 0 || start >= n {
		return nil, errorf(
			"The function 'substring' parameter is out of range: 'start index' must be a non-negative integer and " +
				"less than the length of the string.")
	}
	if length < 0 || length > n-start {
		return nil, errorf(
			"The function 'substring' parameters are out of range: 'start index' and 'length' must be " +
				"non-negative integers and their sum must be no larger than the length of the string.")
	}
	return c.ev.sliceUnits(text, int(start), int(start+length))
}

func fnToLower(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if text, err = c.ev.mapText(text, lowerRune); err != nil {
		return nil, err
	}
	return c.result(text)
}

func fnToUpper(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if text, err = c.ev.mapText(text, upperRune); err != nil {
		return nil, err
	}
	return c.result(text)
}

func fnTrim(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return c.ev.trim(text)
}
