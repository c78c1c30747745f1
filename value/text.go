package value

import (
	"strconv"
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
		return string(appendDecimal(nil, v))
	case *Object:
		if c, ok := ContentOf(v); ok {
			return c.Text()
		}
	}
	return string(Append(nil, v))
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
