package pipeline

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"switchyard/value"
	"switchyard/value/read"
)

// A reader reads one definition file and collects all that is wrong with it.
type reader struct {
	file  string
	diags Diagnostics
}

func (r *reader) errorf(at, format string, args ...any) {
	r.diags = append(r.diags, Diagnostic{File: r.file, Path: at, Message: fmt.Sprintf(format, args...)})
}

// beyond reports what Data Factory refuses and can run here.
func (r *reader) beyond(at, format string, args ...any) {
	r.errorf(at, format, args...)
	r.diags[len(r.diags)-1].Beyond = true
}

// errorIn reports a mistake at an offset of an expression's text.
func (r *reader) errorIn(at, text string, offset int, format string, args ...any) {
	r.errorf(at, format, args...)
	r.diags[len(r.diags)-1].Excerpt = Excerpt(text, offset)
}

func (r *reader) warnf(at, format string, args ...any) {
	r.diags = append(r.diags,
		Diagnostic{File: r.file, Path: at, Message: fmt.Sprintf(format, args...), Severity: SeverityWarning})
}

// notJSON reports an error of [value.Parse], which knows its place.
func (r *reader) notJSON(err error) { r.diags = append(r.diags, NotJSON(r.file, err)) }

// NotJSON is the diagnostic of an error of [value.Parse].
func NotJSON(file string, err error) Diagnostic {
	d := Diagnostic{File: file, Path: "$", Message: "not a JSON document: " + err.Error()}
	if e, ok := errors.AsType[*value.SyntaxError](err); ok {
		d.Line, d.Column, d.Message = e.Line, e.Column, "not a JSON document: "+e.Msg
	}
	return d
}

// Report implements [read.Sink].
func (r *reader) Report(p read.Problem) { r.diags = append(r.diags, Malformed(r.file, p)) }

// Malformed is the diagnostic of what package read reports of a definition.
func Malformed(file string, p read.Problem) Diagnostic {
	return Diagnostic{File: file, Path: p.At(), Message: problemText(p), Beyond: p.Beyond}
}

func problemText(p read.Problem) string {
	switch p.Reason {
	case read.WrongKind:
		return "is " + kindNames.Of(p.Got) + ", want " + kindNames[p.Want]
	case read.Missing:
		return "is missing"
	case read.Empty:
		return "is empty"
	case read.Unknown:
		return "is not a property of this type"
	}
	return p.Text
}

// kindNames are the words of diagnostics.
var kindNames = value.KindNames{
	value.KindNull: "null", value.KindBool: "a boolean", value.KindInt: "an integer",
	value.KindFloat:  "a number",
	value.KindString: "text", value.KindArray: "an array", value.KindObject: "an object",
}

func kindOf(v value.Value) string { return kindNames.Of(v) }

func index(at string, i int) string { return read.Element(at, i) }

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// A document is a definition file that is being read: its root and what stands in
// its member properties.
type document struct {
	reader
	root, props *read.Members
	name        string
}

// parse reads the bytes of a file; nil is reported.
func parse(file string, data []byte) (*value.Object, Diagnostics) {
	r := reader{file: file}
	text, err := value.Decode(data)
	if err != nil {
		r.errorf("$", "%v", err)
		return nil, r.diags
	}
	v, err := value.Parse(text)
	if err != nil {
		r.notJSON(err)
		return nil, r.diags
	}
	o, isObject := v.(*value.Object)
	if !isObject {
		r.errorf("$", "is %s, want an object", kindOf(v))
	}
	return o, r.diags
}

// open starts to read a definition. Ok is false if there is nothing to go on
// with.
func open(file string, root *value.Object) (d *document, ok bool) {
	d = openRoot(file, root)
	d.props, ok = d.root.RequiredObject("properties")
	return d, ok
}

// openRoot starts to read a definition that may have no properties. A name that
// the document leaves out is taken from the file's.
func openRoot(file string, root *value.Object) *document {
	d := &document{reader: reader{file: file}}
	d.root = read.New(root, "$", d)
	_, named := root.Lookup("name")
	switch {
	case named:
		d.name = d.root.RequiredString("name")
	case file == "":
		d.errorf("$.name", "is missing")
	default:
		d.name = strings.TrimSuffix(path.Base(file), ".json")
	}
	return d
}

func text(n *read.Members, name string) string {
	s, _ := n.String(name)
	return s
}

func object(n *read.Members, name string) *read.Members {
	o, _ := n.Object(name)
	return o
}

func array(n *read.Members, name string) value.Array {
	a, _ := n.Array(name)
	return a
}

// boolean also accepts the texts true and false, which stand in official samples.
func boolean(n *read.Members, name string) bool {
	v, ok := n.Value(name)
	if !ok {
		return false
	}
	b, ok := toBool(v)
	if !ok {
		n.Wrong(name, v, value.KindBool)
	}
	return b
}

func toBool(v value.Value) (val, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		if equalFold(v, "true") || equalFold(v, "false") {
			return equalFold(v, "true"), true
		}
	}
	return false, false
}

// integer reads a whole number of at least min and, unless max is 0, at most max.
func integer(n *read.Members, name string, absent, min, max int) int {
	v, ok := n.Value(name)
	if !ok {
		return absent
	}
	i, isInteger := v.(int64)
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		i, isInteger = int64(f), true
	}
	switch {
	case !isInteger:
		n.Wrong(name, v, value.KindInt)
	case i >= int64(min) && (max == 0 || i <= int64(max)):
		return int(i)
	case max > 0:
		n.Fail(name, "is %d, want %d to %d", i, min, max)
	default:
		n.Fail(name, "is %d, want at least %d", i, min)
	}
	return absent
}
