package pipeline

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"switchyard/value"
)

var typeNames = value.KindNames{
	value.KindNull: "Null", value.KindBool: "Boolean", value.KindInt: "Integer", value.KindFloat: "Float",
	value.KindString: "String", value.KindArray: "Array", value.KindObject: "Object",
}

// TypeName returns the name of a value's type as the messages of the expression
// language spell it [EXPR 2.2].
func TypeName(v value.Value) string { return typeNames.Of(v) }

// Convert turns an argument into the parameter's type [ENGINE 1.1]: text takes
// any scalar, numbers and booleans take their text, arrays and objects take
// JSON text. Null is kept for every type.
func (p *Parameter) Convert(v value.Value) (value.Value, error) {
	if v == nil {
		return nil, nil
	}
	switch p.Type {
	case TypeString, TypeSecureString:
		switch v := v.(type) {
		case string:
			return v, nil
		case bool, int64, float64:
			return value.Text(v), nil
		case *value.Object:
			if s, ok := SecureString(v); ok && p.Type == TypeSecureString {
				return s, nil
			}
		}
	case TypeInt:
		switch v := v.(type) {
		case int64:
			return v, nil
		case float64:
			if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
				return int64(v), nil
			}
		case string:
			if i, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
				return i, nil
			}
		}
	case TypeFloat:
		switch v := v.(type) {
		case int64:
			return float64(v), nil
		case float64:
			return v, nil
		case string:
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
				return f, nil
			}
		}
	case TypeBool:
		switch v := v.(type) {
		case bool:
			return v, nil
		case string:
			if b, ok := parseBool(v); ok {
				return b, nil
			}
		}
	case TypeArray:
		switch v := v.(type) {
		case value.Array:
			return v, nil
		case string:
			if parsed, err := value.Parse([]byte(v)); err == nil {
				if a, ok := parsed.(value.Array); ok {
					return a, nil
				}
			}
		}
	case TypeObject:
		switch v := v.(type) {
		case *value.Object, value.Array:
			return v, nil
		case string:
			if parsed, err := value.Parse([]byte(v)); err == nil {
				if o, ok := parsed.(*value.Object); ok {
					return o, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("parameter %q of type %s does not take a value of type %s", p.Name, p.Type,
		TypeName(v))
}

func parseBool(s string) (val, ok bool) {
	switch s = strings.TrimSpace(s); {
	case equalFold(s, "true"):
		return true, true
	case equalFold(s, "false"):
		return false, true
	}
	return false, false
}

// SecureString returns the text of a {"type":"SecureString","value":"…"} object.
func SecureString(v value.Value) (string, bool) {
	o, ok := v.(*value.Object)
	if !ok {
		return "", false
	}
	t, _ := o.Lookup("type")
	if s, ok := t.(string); !ok || !equalFold(s, "SecureString") {
		return "", false
	}
	val, _ := o.Lookup("value")
	s, ok := val.(string)
	return s, ok
}

// Zero returns the value of a variable without a declared default.
func (t VariableType) Zero() value.Value {
	switch t {
	case VariableBoolean:
		return false
	case VariableInteger:
		return int64(0)
	case VariableArray:
		return value.Array{}
	}
	return ""
}

// Convert checks a value that is to be assigned to the variable [ENGINE 1.2].
// Only a Boolean variable takes anything but its own type: the texts true and
// false.
func (v *Variable) Convert(val value.Value) (value.Value, error) {
	ok := false
	switch x := val.(type) {
	case string:
		if ok = v.Type == VariableString; !ok && v.Type == VariableBoolean {
			if b, isBool := parseBool(x); isBool {
				return b, nil
			}
		}
	case bool:
		ok = v.Type == VariableBoolean
	case int64:
		ok = v.Type == VariableInteger
	case value.Array:
		ok = v.Type == VariableArray
	}
	if !ok {
		return nil, &VariableError{v, TypeName(val)}
	}
	return val, nil
}

// A VariableError reports a value of the wrong type for a variable, in the words
// of the service.
type VariableError struct {
	Variable *Variable
	Got      string // type name of the value
}

// Error returns the service's message.
func (e *VariableError) Error() string {
	return fmt.Sprintf("The variable '%s' of type '%s' cannot be initialized or updated with value of type "+
		"'%s'. The variable '%[1]s' only supports values of types '%[2]s'.",
		e.Variable.Name, e.Variable.Type, e.Got)
}

// RetryCount reads a resolved policy.retry: an integer of 0 or more, or its text.
func RetryCount(v value.Value) (int, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int64:
		if v >= 0 && v <= math.MaxInt32 {
			return int(v), nil
		}
	case float64:
		if v == math.Trunc(v) && v >= 0 && v <= math.MaxInt32 {
			return int(v), nil
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32); err == nil && n >= 0 {
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("retry is %s, want an integer of 0 or more", value.Append(nil, v))
}

// Literal returns what a value is before anything runs: a text without the escape of a
// leading @, or the value itself; nil for an expression.
func Literal(v value.Value) value.Value {
	if s, ok := v.(string); ok && strings.HasPrefix(s, "@@") && !strings.Contains(s, "@{") {
		return s[1:]
	}
	if isExpression(v) {
		return nil
	}
	return v
}
