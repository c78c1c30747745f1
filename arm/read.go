package arm

import (
	"fmt"
	"strings"

	"switchyard/value"
	"switchyard/value/read"
)

// A Reader reads the members of an object in a request's body. The first problem
// is kept as the error of the whole body; it is a problem too that a member was
// not asked for, if [read.Members.Close] is called.
type Reader struct {
	*read.Members
	body *body
}

// A body keeps the first error of a request's body.
type body struct {
	err  *Error
	fail func(format string, a ...any) *Error
}

// Read starts to read a body. What is wrong is reported with fail, [BadRequest]
// or [InvalidContent].
func Read(o *value.Object, fail func(format string, a ...any) *Error) *Reader {
	b := &body{fail: fail}
	return &Reader{read.New(o, "", b), b}
}

// Err returns the first error of the body that this Reader belongs to.
func (r *Reader) Err() error {
	if r.body.err != nil {
		return r.body.err
	}
	return nil
}

// kindNames are the words of error messages.
var kindNames = value.KindNames{
	value.KindNull:   "null",
	value.KindBool:   "a Boolean",
	value.KindInt:    "a whole number",
	value.KindFloat:  "a number",
	value.KindString: "a string",
	value.KindArray:  "an array",
	value.KindObject: "an object",
}

// Report implements [read.Sink].
func (b *body) Report(p read.Problem) {
	if b.err != nil {
		return
	}
	text := p.Text
	switch p.Reason {
	case read.WrongKind:
		want := kindNames[p.Want]
		if p.Want == value.KindBool {
			want = "true or false"
		}
		text = fmt.Sprintf("it is %s, but should be %s", kindNames.Of(p.Got), want)
	case read.Missing, read.Empty:
		text = "it is required"
	case read.Unknown:
		p.Name = clip(p.Name)
		text = "there is no such property, or it is not supported"
	}
	b.err = b.fail("The property '%s' is invalid: %s.", p.At(), text)
	b.err.Target = p.At()
}

// Object returns a Reader of a member that is an object. If there is none, it
// reads as an empty object and ok is false.
func (r *Reader) Object(name string) (child *Reader, ok bool) {
	o, ok := r.Members.Object(name)
	return &Reader{o, r.body}, ok
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
			r.Wrong(read.Element(name, i), v, value.KindString)
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// StringMap returns a member that is an object of strings.
func (r *Reader) StringMap(name string) (*value.Object, bool) {
	o, ok := r.Members.Object(name)
	if !ok {
		return nil, false
	}
	for _, m := range o.Raw().Members() {
		if _, isString := m.Value.(string); !isString {
			o.Wrong(m.Name, m.Value, value.KindString)
			return nil, false
		}
	}
	return o.Raw(), true
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
			return Errorf(400, "InvalidTagNameLength",
				"The tag name '%s' must have 1 to %d characters.", clip(m.Name), maxTagName)
		case strings.ContainsAny(m.Name, `<>%&\?/`):
			return Errorf(400, "InvalidTagNameCharacters",
				"The tag name '%s' has one of the characters <>%%&\\?/ that are reserved.", clip(m.Name))
		case len(v) > maxTagValue:
			return Errorf(400, "InvalidTagValueLength",
				"The value of the tag '%s' must have at most %d characters.", clip(m.Name), maxTagValue)
		case seen[strings.ToLower(m.Name)]:
			return Errorf(400, "DuplicateTagName",
				"The tag name '%s' is there twice: names differ by more than their case.", clip(m.Name))
		}
		seen[strings.ToLower(m.Name)] = true
	}
	return nil
}
