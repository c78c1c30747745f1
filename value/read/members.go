package read

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchyard/value"
)

// Members reads the members of one object of a document. Names compare ignoring
// case. A member that is null reads as one that is not there.
type Members struct {
	value *value.Object
	path  string
	asked []string // as they were asked for
	sink  Sink
}

// New starts to read an object. Path is where it stands in its document: "$" for
// the root of a file, "" where members are named without a root. A nil object
// reads as one without members.
func New(o *value.Object, path string, sink Sink) *Members {
	return &Members{value: o, path: path, sink: sink}
}

// Raw returns the object that is read; nil if the member that should be one was
// not there.
func (o *Members) Raw() *value.Object { return o.value }

// Path returns where the object stands in its document.
func (o *Members) Path() string { return o.path }

// At returns the path of a member.
func (o *Members) At(name string) string { return join(o.path, name) }

// Element is the name of an element of an array that is a member.
func Element(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// Fail reports what is wrong with a member.
func (o *Members) Fail(name, format string, a ...any) {
	o.sink.Report(Problem{In: o.path, Name: name, Text: fmt.Sprintf(format, a...)})
}

// Beyond reports what is wrong with a member by a rule that may be waived.
func (o *Members) Beyond(name, format string, a ...any) {
	o.sink.Report(Problem{In: o.path, Name: name, Text: fmt.Sprintf(format, a...), Beyond: true})
}

// FailObject reports what is wrong with the object itself.
func (o *Members) FailObject(format string, a ...any) {
	o.sink.Report(Problem{Name: o.path, Text: fmt.Sprintf(format, a...)})
}

// Wrong reports that a member is not of the kind that it should be.
func (o *Members) Wrong(name string, got value.Value, want value.Kind) {
	o.sink.Report(Problem{In: o.path, Name: name, Reason: WrongKind, Got: got, Want: want})
}

func (o *Members) ask(name string) {
	if !containsFold(o.asked, name) {
		o.asked = append(o.asked, name)
	}
}

// Value returns a member of any kind.
func (o *Members) Value(name string) (value.Value, bool) {
	o.ask(name)
	v, ok := o.value.Lookup(name)
	return v, ok && v != nil
}

// Required returns a member of any kind and reports that it is missing.
func (o *Members) Required(name string) (value.Value, bool) {
	v, ok := o.Value(name)
	if !ok {
		o.sink.Report(Problem{In: o.path, Name: name, Reason: Missing})
	}
	return v, ok
}

// as returns a member that get found, if it is of the kind.
func as[T any](
	o *Members, name string, want value.Kind, get func(*Members, string) (value.Value, bool),
) (T, bool) {
	v, ok := get(o, name)
	if !ok {
		var zero T
		return zero, false
	}
	t, ok := v.(T)
	if !ok {
		o.Wrong(name, v, want)
	}
	return t, ok
}

// String returns a member that is a string.
func (o *Members) String(name string) (string, bool) {
	return as[string](o, name, value.KindString, (*Members).Value)
}

// RequiredString returns a member that is a string, and reports that it is
// missing or blank.
func (o *Members) RequiredString(name string) string {
	s, ok := as[string](o, name, value.KindString, (*Members).Required)
	if ok && strings.TrimSpace(s) == "" {
		o.sink.Report(Problem{In: o.path, Name: name, Reason: Empty})
	}
	return s
}

// Bool returns a member that is a Boolean.
func (o *Members) Bool(name string) (val, ok bool) {
	return as[bool](o, name, value.KindBool, (*Members).Value)
}

// Int returns a member that is an integer.
func (o *Members) Int(name string) (int64, bool) {
	return as[int64](o, name, value.KindInt, (*Members).Value)
}

// Array returns a member that is an array.
func (o *Members) Array(name string) (value.Array, bool) {
	return as[value.Array](o, name, value.KindArray, (*Members).Value)
}

// Object returns a member that is an object. If there is none, the result reads
// as an object without members and ok is false.
func (o *Members) Object(name string) (child *Members, ok bool) {
	v, ok := as[*value.Object](o, name, value.KindObject, (*Members).Value)
	return New(v, o.At(name), o.sink), ok
}

// RequiredObject is [Members.Object] and reports that the member is missing.
func (o *Members) RequiredObject(name string) (child *Members, ok bool) {
	v, ok := as[*value.Object](o, name, value.KindObject, (*Members).Required)
	return New(v, o.At(name), o.sink), ok
}

// Objects returns the elements of an array that are objects, and reports those
// that are none.
func (o *Members) Objects(name string) []*Members {
	a, _ := o.Array(name)
	var out []*Members
	for i, v := range a {
		if e, ok := v.(*value.Object); ok {
			out = append(out, New(e, o.At(Element(name, i)), o.sink))
		} else {
			o.Wrong(Element(name, i), v, value.KindObject)
		}
	}
	return out
}

// Ignore marks members that may stand there and have no effect.
func (o *Members) Ignore(names ...string) {
	for _, name := range names {
		o.ask(name)
	}
}

// Only reports the members that are none of the names, also those that are null.
func (o *Members) Only(names ...string) {
	for _, m := range o.value.Members() {
		if !containsFold(names, m.Name) {
			o.sink.Report(Problem{In: o.path, Name: m.Name, Reason: Unknown, Known: names})
		}
	}
}

// Close reports the members that nobody asked for, but for those that are null.
func (o *Members) Close() {
	for _, m := range o.value.Members() {
		if m.Value != nil && !containsFold(o.asked, m.Name) {
			o.sink.Report(Problem{In: o.path, Name: m.Name, Reason: Unknown, Known: o.asked})
		}
	}
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
