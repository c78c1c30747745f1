package expr

import (
	"strconv"
	"strings"

	"switchyard/value"
)

// The functions of [EXPR 8] that convert between types.

func fnArray(c *call) (value.Value, error) {
	if a, ok := c.args[0].(value.Array); ok {
		return a, nil
	}
	return fnCreateArray(c)
}

func fnCreateArray(c *call) (value.Value, error) {
	a := append(make(value.Array, 0, len(c.args)), c.args...)
	if err := c.ev.chargeValue(a); err != nil {
		return nil, err
	}
	return a, nil
}

func fnString(c *call) (value.Value, error) {
	if s, ok := c.args[0].(string); ok {
		return s, nil
	}
	text, err := c.ev.text(c.args[0], "the function 'string'")
	if err != nil {
		return nil, err
	}
	return c.result(text)
}

func (c *call) notConvertible() error {
	return errorf(
		"The function '%s' was invoked with a parameter that is not valid. The value cannot be converted to the target type.",
		c.name)
}

func fnBool(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case float64:
		return v != 0, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return nil, c.notConvertible()
}

// fnInt goes through a float, as the service does: of more than 53 bits it loses some.
func fnInt(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case int64:
		if i, ok := value.Integral(float64(v)); ok {
			return i, nil
		}
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case float64:
		if i, ok := value.Integral(v); ok {
			return i, nil
		}
	case string:
		if f, ok := decimal(v, false); ok {
			if i, ok := value.Integral(f); ok {
				return i, nil
			}
		}
	}
	return nil, c.notConvertible()
}

func fnFloat(c *call) (value.Value, error) {
	if len(c.args) == 2 {
		if err := c.locale(1); err != nil {
			return nil, err
		}
	}
	switch v := c.args[0].(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case bool:
		if v {
			return 1.0, nil
		}
		return 0.0, nil
	case string:
		if f, ok := decimal(v, true); ok {
			return f, nil
		}
	}
	return nil, c.notConvertible()
}

// decimal reads a decimal number as .NET does with the invariant culture: commas
// between the digits before the point are ignored. The sign may stand behind, if
// trailingSign says so.
func decimal(s string, trailingSign bool) (float64, bool) {
	s = strings.TrimSpace(s)
	if n := len(s) - 1; trailingSign && n > 0 && (s[n] == '-' || s[n] == '+') && (isDigit(s[0]) || s[0] == '.') {
		s = s[n:] + s[:n]
	}
	if !isDecimal(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	return f, err == nil
}

// isDecimal reports whether s is a sign, digits with commas between them, a
// point and digits, and an exponent, each of them optional but not all digits.
func isDecimal(s string) bool {
	i := 0
	sign := func() {
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
	}
	digits := func(comma bool) int {
		n := 0
		for i < len(s) && (isDigit(s[i]) || comma && n > 0 && s[i] == ',') {
			if s[i] != ',' {
				n++
			}
			i++
		}
		return n
	}
	sign()
	n := digits(true)
	if i < len(s) && s[i] == '.' {
		i++
		n += digits(false)
	}
	if n == 0 {
		return false
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		sign()
		if digits(false) == 0 {
			return false
		}
	}
	return i == len(s)
}

// locale checks an optional locale argument: the language knows the format of
// en-US and of the invariant culture only.
func (c *call) locale(i int) error {
	name, err := c.text(i)
	if err != nil {
		return err
	}
	if name == "" || strings.EqualFold(name, "en-US") || strings.EqualFold(name, "en") {
		return nil
	}
	return errorf("The function '%s' does not support the locale '%s'; only 'en-US' is supported.", c.name, name)
}

// fnJSON parses JSON text or converts XML.
func fnJSON(c *call) (value.Value, error) {
	text := ""
	switch v := c.args[0].(type) {
	case string:
		text = v
	case value.Array:
		return v, nil
	case *value.Object:
		content, ok := value.ContentOf(v)
		if !ok {
			return v, nil
		}
		text = content.Text()
		if isXMLType(content.MediaType) {
			root, err := c.parseXML(text)
			if err != nil {
				return nil, err
			}
			v, err := c.ev.xmlToJSON(root)
			if err != nil {
				return nil, err
			}
			return v, c.ev.chargeValue(v)
		}
	default:
		return nil, c.wrong(0, "a string or an XML")
	}
	return c.parseJSON(text, "The function 'json' parameter is not valid. The provided value cannot be parsed: %s.")
}

// parseJSON parses text, also if it is JSON only to the service's lax reader; what is wrong with it goes into the format.
func (c *call) parseJSON(text, format string) (value.Value, error) {
	if err := c.ev.charge(2 * len(text)); err != nil {
		return nil, err
	}
	spend := func(n, parts int) error {
		if err := c.ev.charge(parts * elementCost); err != nil {
			return err
		}
		return c.ev.spend(4*parts + n)
	}
	v, err := value.ParseWithin([]byte(text), MaxValueDepth, spend)
	if _, ok := err.(*value.SyntaxError); ok {
		v, err = value.ParseLax([]byte(text), MaxValueDepth, spend)
	}
	if e, ok := err.(*Error); ok {
		return nil, e
	}
	if err != nil {
		return nil, errorf(format, err)
	}
	return v, nil
}
