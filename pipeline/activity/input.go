package activity

import (
	"strconv"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

// text returns a member as text. A member that is absent or null is not there;
// one that is no scalar is an error.
func text(o *value.Object, name string) (s string, ok bool, err *Error) {
	v, ok := o.Lookup(name)
	if !ok || v == nil {
		return "", false, nil
	}
	switch v.(type) {
	case value.Array, *value.Object:
		return "", false, failf(codeInvalid, "The value of '%s' must be a string.", name)
	}
	return value.Text(v), true, nil
}

// boolean returns a member as a boolean; the strings true and false count.
func boolean(o *value.Object, name string) (bool, *Error) {
	v, ok := o.Lookup(name)
	if !ok || v == nil {
		return false, nil
	}
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return b, nil
		}
	}
	return false, failf(codeInvalid, "The value of '%s' must be a boolean.", name)
}

// object returns a member as an object, nil if it is absent or null.
func object(o *value.Object, name string) (*value.Object, *Error) {
	v, ok := o.Lookup(name)
	if !ok || v == nil {
		return nil, nil
	}
	if v, ok := v.(*value.Object); ok {
		return v, nil
	}
	return nil, failf(codeInvalid, "The value of '%s' must be an object.", name)
}

// only refuses the first member that is not one of names: a property that would
// be ignored is an error that names it.
func only(o *value.Object, what string, names ...string) *Error {
next:
	for _, m := range o.Members() {
		for _, n := range names {
			if strings.EqualFold(m.Name, n) {
				continue next
			}
		}
		return failf(codeNotSupported, "The property '%s' of %s is not supported.", m.Name, what)
	}
	return nil
}

// secret returns a string or the value of a SecureString. References to a key
// vault are refused by name.
func secret(o *value.Object, names ...string) (string, *Error) {
	for _, name := range names {
		v, ok := o.Lookup(name)
		if !ok || v == nil {
			continue
		}
		switch v := v.(type) {
		case string:
			return v, nil
		case *value.Object:
			t, _ := v.Lookup("type")
			s, ok := v.Lookup("value")
			if str, isString := s.(string); ok && isString && (t == nil || strings.EqualFold(value.Text(t), "SecureString")) {
				return str, nil
			}
			return "", failf(codeNotSupported, "The secret '%s' of type '%s' is not supported.", name, value.Text(t))
		}
		return "", failf(codeInvalid, "The value of '%s' must be a string or a SecureString.", name)
	}
	return "", failf(codeInvalid, "The property '%s' is required.", names[0])
}

// codeInvalid is the error code of an input that has the wrong type or value.
const codeInvalid = "BadRequest"

// timespan reads a timespan as definitions write it: d.hh:mm:ss.
func timespan(name, s string) (time.Duration, *Error) {
	d, err := pipeline.ParseTimespan(s)
	if err != nil {
		return 0, failf(codeInvalid, "The value '%s' of '%s' is no timespan.", s, name)
	}
	return d, nil
}
