package activity

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
	"switchyard/value/read"
)

// An input reads a resolved object: the typeProperties of an activity or of its
// linked service, or an object in them. The first problem is the error of the
// attempt.
type input struct {
	*read.Members
	what string                 // what the object is: "a Web activity"
	row  *pipeline.ActivityType // of an activity's input
	fail *failure
}

// A failure keeps the first error.
type failure struct{ err *Error }

func (f *failure) set(err *Error) {
	if f.err == nil {
		f.err = err
	}
}

func readInput(o *value.Object, what string) *input {
	in := &input{what: what, fail: &failure{}}
	in.Members = read.New(o, "", in)
	return in
}

// open starts to read the input of an activity of a type: a property that its row
// does not have is refused. [input.end] ends it.
func open(c *Call, activityType string) *input {
	row := pipeline.LookupActivityType(activityType)
	in := readInput(c.Input, row.Title())
	in.row = row
	in.Only(row.PropertyNames()...)
	return in
}

// end refuses what the executor has not read and returns the first error.
func (in *input) end() *Error {
	in.Close()
	return in.fail.err
}

// oneOf returns a text as the row of the activity spells it, "" if it is none of
// its values.
func oneOf(p *pipeline.Property, s string) string {
	for _, v := range p.Values {
		if strings.EqualFold(v, s) {
			return v
		}
	}
	return ""
}

// inside reads an object in the input, which shares its failure.
func (in *input) inside(o *value.Object, what string) *input {
	child := &input{what: what, fail: in.fail}
	child.Members = read.New(o, "", child)
	return child
}

// kindNames are the words of error messages.
var kindNames = value.KindNames{
	value.KindString: "a string", value.KindBool: "a boolean", value.KindObject: "an object",
}

// Report implements [read.Sink].
func (in *input) Report(p read.Problem) {
	switch p.Reason {
	case read.WrongKind:
		in.invalid("The value of '%s' must be %s.", p.Name, kindNames[p.Want])
	case read.Missing, read.Empty:
		in.invalid("The property '%s' of %s is required.", p.Name, in.what)
	case read.Unknown:
		in.refuse("The property '%s' of %s is not supported.", p.Name, in.what)
	default:
		in.invalid("The value of '%s' %s.", p.Name, p.Text)
	}
}

// invalid reports a value that can't be used.
func (in *input) invalid(format string, a ...any) { in.fail.set(failf(codeInvalid, format, a...)) }

// refuse reports what Azure has and this program has not.
func (in *input) refuse(format string, a ...any) { in.fail.set(failf(codeNotSupported, format, a...)) }

// text returns a member as text: every scalar is.
func (in *input) text(name string) (s string, ok bool) {
	v, ok := in.Value(name)
	switch v.(type) {
	case nil:
		return "", false
	case value.Array, *value.Object:
		in.Wrong(name, v, value.KindString)
		return "", false
	}
	return value.Text(v), ok
}

// requiredText returns the first member of the names as text; one of them must
// be there. Messages name the first.
func (in *input) requiredText(names ...string) string {
	for _, name := range names {
		if _, there := in.Value(name); there {
			s, _ := in.text(name)
			return s
		}
	}
	in.Required(names[0])
	return ""
}

// boolean returns a member as a boolean; the strings true and false count.
func (in *input) boolean(name string) bool {
	v, _ := in.Value(name)
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return b
		}
	}
	in.Wrong(name, v, value.KindBool)
	return false
}

// object returns a member that is an object, nil if it is not there.
func (in *input) object(name string) *value.Object {
	o, _ := in.Object(name)
	return o.Raw()
}

// scalars returns an object of scalars, as AMQP application properties are.
func (in *input) scalars(name string) *value.Object {
	o := in.object(name)
	for _, m := range o.Members() {
		switch m.Value.(type) {
		case value.Array, *value.Object:
			in.invalid("The value of '%s' in '%s' must be a string, a number, a boolean or null.", m.Name, name)
		}
	}
	return o
}

// secret returns the first member of the names: a string or the value of a
// SecureString. References to a key vault are refused by name.
func (in *input) secret(names ...string) string {
	for _, name := range names {
		v, ok := in.Value(name)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case string:
			return v
		case *value.Object:
			t, _ := v.Lookup("type")
			s, ok := v.Lookup("value")
			str, isString := s.(string)
			if ok && isString && (t == nil || strings.EqualFold(value.Text(t), "SecureString")) {
				return str
			}
			in.refuse("The secret '%s' of type '%s' is not supported.", name, value.Text(t))
			return ""
		}
		in.invalid("The value of '%s' must be a string or a SecureString.", name)
		return ""
	}
	in.invalid("The property '%s' is required.", names[0])
	return ""
}

// timespan returns a member that is written as definitions write one,
// d.hh:mm:ss, and how it is spelled.
func (in *input) timespan(name string) (d time.Duration, s string, ok bool) {
	s, ok = in.text(name)
	if !ok {
		return 0, "", false
	}
	d, err := pipeline.ParseTimespan(s)
	if err != nil {
		in.invalid("The value '%s' of '%s' is no timespan.", s, name)
		return 0, s, false
	}
	return d, s, true
}

// codeInvalid is the error code of an input that has the wrong type or value.
const codeInvalid = "BadRequest"

func failf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), FailureType: UserError}
}
