package value

import (
	"math"
	"strconv"
	"strings"
)

// Text converts v to text as string(), concat, join and interpolation do
// [EXPR 2.5]: booleans are True and False, null is empty, floats are written as
// .NET writes them, a content object is its decoded text, and any other array
// or object is its compact JSON.
func Text(v Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return floatText(v)
	case *Object:
		if c, ok := ContentOf(v); ok {
			return c.Text()
		}
	}
	return string(Append(nil, v))
}

// floatText writes f as .NET does with the invariant culture: the shortest
// digits that read back as f, with an exponent only below 1E-04 and from 1E+17.
func floatText(f float64) string {
	if f == 0 {
		return "0"
	}
	digits := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	if e, _ := strconv.Atoi(exponent); e >= -4 && e <= 16 || math.IsInf(f, 0) || math.IsNaN(f) {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return mantissa + "E" + exponent // Go writes the sign and at least two digits, as .NET does
}

// TypeName returns the name of v's type as error messages spell it.
func TypeName(v Value) string {
	switch v.(type) {
	case nil:
		return "Null"
	case bool:
		return "Boolean"
	case int64:
		return "Integer"
	case float64:
		return "Float"
	case string:
		return "String"
	case Array:
		return "Array"
	}
	return "Object"
}
