package expr

import (
	"strings"
	"unicode"

	"switchyard/value"
)

// The functions of [EXPR 5].

func fnConcat(c *call) (value.Value, error) {
	if len(c.args) == 1 {
		return c.result(value.Text(c.args[0]))
	}
	var b strings.Builder
	for _, v := range c.args {
		text := value.Text(v)
		if b.Len()+len(text) > MaxText {
			return nil, errTooLong("the function 'concat'")
		}
		b.WriteString(text)
	}
	return c.result(b.String())
}

func fnEndsWith(c *call) (value.Value, error) {
	text, search, err := c.texts()
	if err != nil {
		return nil, err
	}
	return strings.HasSuffix(fold(text), fold(search)), nil
}

func fnStartsWith(c *call) (value.Value, error) {
	text, search, err := c.texts()
	if err != nil {
		return nil, err
	}
	return strings.HasPrefix(fold(text), fold(search)), nil
}

func fnIndexOf(c *call) (value.Value, error) {
	text, search, err := c.texts()
	if err != nil {
		return nil, err
	}
	text = fold(text)
	i := strings.Index(text, fold(search))
	if i < 0 {
		return int64(-1), nil
	}
	return int64(units(text[:i])), nil
}

// fnLastIndexOf keeps the documented oddity of an empty search text: the last
// position, not the one behind it.
func fnLastIndexOf(c *call) (value.Value, error) {
	text, search, err := c.texts()
	if err != nil {
		return nil, err
	}
	if search == "" {
		return int64(max(units(text)-1, 0)), nil
	}
	text = fold(text)
	i := strings.LastIndex(text, fold(search))
	if i < 0 {
		return int64(-1), nil
	}
	return int64(units(text[:i])), nil
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
	if n := strings.Count(text, old); len(text)+n*(len(replacement)-len(old)) > MaxText {
		return nil, errTooLong("the function 'replace'")
	}
	return c.result(strings.ReplaceAll(text, old, replacement))
}

func fnSplit(c *call) (value.Value, error) {
	text, delimiter, err := c.texts()
	if err != nil {
		return nil, err
	}
	if delimiter == "" {
		return value.Array{text}, nil
	}
	if err := c.ev.charge(len(text) + elementCost*strings.Count(text, delimiter)); err != nil {
		return nil, err
	}
	pieces := strings.Split(text, delimiter)
	a := make(value.Array, len(pieces))
	for i, s := range pieces {
		a[i] = s
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
	n := int64(units(text))
	length := n - start
	if len(c.args) == 3 {
		if length, err = c.integer(2); err != nil {
			return nil, err
		}
	}
	if start < 0 || length < 0 || start > n || length > n-start {
		return nil, errorf(
			"The function 'substring' parameters are out of range: 'start index' and 'length' must be non-negative integers and their sum must be no larger than the length of the string.")
	}
	return sliceUnits(text, int(start), int(start+length)), nil
}

func fnToLower(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return c.result(strings.Map(lowerRune, text))
}

func fnToUpper(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return c.result(strings.Map(upperRune, text))
}

func fnTrim(c *call) (value.Value, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return strings.TrimFunc(text, unicode.IsSpace), nil
}
