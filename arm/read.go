package arm

import (
	"fmt"
	"strings"

	"switchyard/value"
)

// A Reader reads the members of an object in a request's body, ignoring the case
// of their names. A member that is null is not there. The first member of a
// wrong type is kept as the error of the whole body, and so is the first one
// that nobody asked for if [Reader.Close] is called: what is sent is used or
// refused, never dropped silently.
type Reader struct {
	o     *value.Object
	path  string
	asked map[string]bool
	body  *bodyState
}

type bodyState struct {
	err  *Error
	fail func(format string, a ...any) *Error
}

// Read starts to read a body. Wrong types are reported with fail, [BadRequest] or
// [InvalidContent].
func Read(o *value.Object, fail func(format string, a ...any) *Error) *Reader {
	return &Reader{o: o, asked: map[string]bool{}, body: &bodyState{fail: fail}}
}

// Err returns the first error of the body that this Reader belongs to.
func (r *Reader) Err() error {
	if r.body.err != nil {
		return r.body.err
	}
	return nil
}

// Fail keeps an error about a member, unless there is one already.
func (r *Reader) Fail(name, format string, a ...any) {
	if r.body.err == nil {
		r.body.err = r.body.fail("The property '%s' is invalid: %s.", r.at(name), fmt.Sprintf(format, a...))
		r.body.err.Target = r.at(name)
	}
}

func (r *Reader) at(name string) string {
	if r.path == "" {
		return name
	}
	return r.path + "." + name
}

// Value returns a member of any type.
func (r *Reader) Value(name string) (value.Value, bool) {
	if r == nil {
		return nil, false
	}
	r.asked[strings.ToLower(name)] = true
	v, ok := r.o.Lookup(name)
	return v, ok && v != nil
}

func readAs[T any](r *Reader, name, want string) (T, bool) {
	v, ok := r.Value(name)
	if !ok {
		var zero T
		return zero, false
	}
	t, ok := v.(T)
	if !ok {
		r.Fail(name, "it is %s, but should be %s", kindOf(v), want)
	}
	return t, ok
}

func kindOf(v value.Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a Boolean"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case string:
		return "a string"
	case value.Array:
		return "an array"
	}
	return "an object"
}

// String returns a string member.
func (r *Reader) String(name string) (string, bool) { return readAs[string](r, name, "a string") }

// Bool returns a Boolean member.
func (r *Reader) Bool(name string) (val, ok bool) { return readAs[bool](r, name, "true or false") }

// Int returns a member that is a whole number.
func (r *Reader) Int(name string) (int64, bool) { return readAs[int64](r, name, "a whole number") }

// Array returns a member that is an array.
func (r *Reader) Array(name string) (value.Array, bool) {
	return readAs[value.Array](r, name, "an array")
}

// Object returns a Reader of a member that is an object. If there is none, it
// reads as an empty object and ok is false.
func (r *Reader) Object(name string) (child *Reader, ok bool) {
	o, ok := readAs[*value.Object](r, name, "an object")
	return &Reader{o: o, path: r.at(name), asked: map[string]bool{}, body: r.body}, ok
}

// Strings returns a member that is an array of strings.
func (r *Reader) Strings(name string) ([]string, bool) {
	a, ok := r.Array(name)
	if !ok {
		return nil, false
	}
	list := make([]string, 0, len(a))
	for i, v := range a {
		s, isString := v.(string)
		if !isString {
			r.Fail(fmt.Sprintf("%s[%d]", name, i), "it is %s, but should be a string", kindOf(v))
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// StringMap returns a member that is an object of strings.
func (r *Reader) StringMap(name string) (*value.Object, bool) {
	o, ok := readAs[*value.Object](r, name, "an object")
	if !ok {
		return nil, false
	}
	for _, m := range o.Members() {
		if _, isString := m.Value.(string); !isString {
			r.Fail(name+"."+m.Name, "it is %s, but should be a string", kindOf(m.Value))
			return nil, false
		}
	}
	return o, true
}

// Ignore marks members that clients send back and that can't be written.
func (r *Reader) Ignore(names ...string) {
	for _, n := range names {
		r.asked[strings.ToLower(n)] = true
	}
}

// Close refuses members that nobody asked for.
func (r *Reader) Close() {
	if r == nil {
		return
	}
	for _, m := range r.o.Members() {
		if !r.asked[strings.ToLower(m.Name)] {
			if m.Value != nil {
				r.Fail(clip(m.Name), "there is no such property, or it is not supported")
			}
		}
	}
}

// The limits of Azure for tags.
const (
	maxTags     = 50
	maxTagName  = 512
	maxTagValue = 256
)

// Tags returns the member tags, checked; nil if it is not there.
func (r *Reader) Tags() *value.Object {
	o, ok := r.StringMap("tags")
	if !ok {
		return nil
	}
	if err := CheckTags(o); err != nil && r.body.err == nil {
		r.body.err = err
	}
	return o
}

// CheckTags applies Azure's rules for tags whose values are strings.
func CheckTags(o *value.Object) *Error {
	if o.Len() > maxTags {
		return Errorf(400, "TooManyTags", "The resource has %d tags; at most %d are allowed.", o.Len(), maxTags)
	}
	seen := map[string]bool{}
	for _, m := range o.Members() {
		v, _ := m.Value.(string)
		switch {
		case m.Name == "" || len(m.Name) > maxTagName:
			return Errorf(400, "InvalidTagNameLength", "The tag name '%s' must have 1 to %d characters.", clip(m.Name), maxTagName)
		case strings.ContainsAny(m.Name, `<>%&\?/`):
			return Errorf(400, "InvalidTagNameCharacters", "The tag name '%s' has one of the characters <>%%&\\?/ that are reserved.", clip(m.Name))
		case len(v) > maxTagValue:
			return Errorf(400, "InvalidTagValueLength", "The value of the tag '%s' must have at most %d characters.", clip(m.Name), maxTagValue)
		case seen[strings.ToLower(m.Name)]:
			return Errorf(400, "DuplicateTagName", "The tag name '%s' is there twice: names differ by more than their case.", clip(m.Name))
		}
		seen[strings.ToLower(m.Name)] = true
	}
	return nil
}
