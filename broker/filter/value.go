package filter

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"switchyard/value"
)

// A Value is nil, bool, int64, float64, string, [time.Time], [time.Duration],
// [UUID] or []byte.
type Value = any

// A UUID is a Guid in the byte order of RFC 4122.
type UUID [16]byte

// String returns the canonical text: lower case, with hyphens.
func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ParseUUID reads the text of a Guid, with hyphens and perhaps in braces, or 32
// digits.
func ParseUUID(s string) (u UUID, ok bool) {
	if n := len(s); n == 38 && s[0] == '{' && s[n-1] == '}' {
		s = s[1 : n-1]
	}
	if len(s) == 36 {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return u, false
		}
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 {
		return u, false
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return u, false
	}
	return UUID(b), true
}

// Values are named values: the parameters of an expression, the conditions of a
// correlation filter. As JSON each is {"type": …, "value": …}, so that it comes
// back with its type.
type Values map[string]Value

type typedValue struct {
	Type  string `json:"type"`
	Value string `json:"value,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (v Values) MarshalJSON() ([]byte, error) {
	m := make(map[string]typedValue, len(v))
	for name, x := range v {
		t, err := typed(x)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", name, err)
		}
		m[name] = t
	}
	return json.Marshal(m)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Values) UnmarshalJSON(b []byte) error {
	var m map[string]typedValue
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*v = make(Values, len(m))
	for name, t := range m {
		x, err := t.plain()
		if err != nil {
			return fmt.Errorf("value %q: %w", name, err)
		}
		(*v)[name] = x
	}
	return nil
}

func typed(v Value) (typedValue, error) {
	switch v := v.(type) {
	case nil:
		return typedValue{Type: "null"}, nil
	case bool:
		return typedValue{"bool", strconv.FormatBool(v)}, nil
	case int64:
		return typedValue{"long", strconv.FormatInt(v, 10)}, nil
	case float64:
		return typedValue{"double", strconv.FormatFloat(v, 'g', -1, 64)}, nil
	case string:
		return typedValue{"string", v}, nil
	case time.Time:
		return typedValue{"dateTime", v.UTC().Format(time.RFC3339Nano)}, nil
	case time.Duration:
		return typedValue{"duration", strconv.FormatInt(int64(v), 10)}, nil
	case UUID:
		return typedValue{"guid", v.String()}, nil
	case []byte:
		return typedValue{"binary", base64.StdEncoding.EncodeToString(v)}, nil
	}
	return typedValue{}, fmt.Errorf("%w: a value of type %T", ErrInvalid, v)
}

func (t typedValue) plain() (Value, error) {
	switch t.Type {
	case "null":
		return nil, nil
	case "bool":
		return strconv.ParseBool(t.Value)
	case "long":
		return strconv.ParseInt(t.Value, 10, 64)
	case "double":
		return strconv.ParseFloat(t.Value, 64)
	case "string":
		return t.Value, nil
	case "dateTime":
		return time.Parse(time.RFC3339Nano, t.Value)
	case "duration":
		n, err := strconv.ParseInt(t.Value, 10, 64)
		return time.Duration(n), err
	case "guid":
		if u, ok := ParseUUID(t.Value); ok {
			return u, nil
		}
	case "binary":
		return base64.StdEncoding.DecodeString(t.Value)
	}
	return nil, fmt.Errorf("%w: a value of type %q", ErrInvalid, t.Type)
}

// checkValues refuses values of types that the language does not know, and
// names that differ only in case.
func checkValues(what string, v Values) error {
	seen := make(map[string]bool, len(v))
	for name, x := range v {
		if _, err := typed(x); err != nil {
			return fmt.Errorf("%s %q: %w", what, name, err)
		}
		key := strings.ToLower(name)
		if seen[key] {
			return fmt.Errorf("%w: %s %q is given twice", ErrInvalid, what, name)
		}
		seen[key] = true
	}
	return nil
}

// text returns the value as SET writes it into a property that is text.
func text(v Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		if v {
			return "True", true // as .NET writes it
		}
		return "False", true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case UUID:
		return v.String(), true
	case time.Time:
		return value.Timestamp(v), true
	}
	return "", false
}
