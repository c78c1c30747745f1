package pipeline

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"switchyard/value"
)

// A reader reads one definition file and collects what is wrong with it. Its
// methods never fail: a member that is missing or of the wrong type is reported
// and reads as its zero value, so that one pass finds everything.
type reader struct {
	file  string
	diags Diagnostics
}

func (r *reader) errorf(at, format string, args ...any) {
	r.diags = append(r.diags, Diagnostic{r.file, at, fmt.Sprintf(format, args...), SeverityError})
}

func (r *reader) warnf(at, format string, args ...any) {
	r.diags = append(r.diags, Diagnostic{r.file, at, fmt.Sprintf(format, args...), SeverityWarning})
}

// A node is an object of the file and where it stands.
type node struct {
	*value.Object
	at string
}

// path returns the JSON path of a member.
func (n node) path(name string) string { return n.at + "." + name }

func index(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// document parses the file and returns the root and its properties. The second
// result is false if there is nothing to go on with.
func (r *reader) document(data []byte, wantProperties bool) (root, properties node, name string, ok bool) {
	text, err := value.Decode(data)
	if err != nil {
		r.errorf("$", "%v", err)
		return
	}
	v, err := value.Parse(text)
	if err != nil {
		r.errorf("$", "not a JSON document: %v", err)
		return
	}
	o, isObject := v.(*value.Object)
	if !isObject {
		r.errorf("$", "is %s, want an object", kindOf(v))
		return
	}
	root = node{o, "$"}
	if _, ok := o.Lookup("name"); ok {
		name = r.text(root, "name", true)
	} else if name = strings.TrimSuffix(path.Base(r.file), ".json"); r.file == "" {
		name = ""
		r.errorf("$.name", "is missing")
	}
	properties = r.object(root, "properties", wantProperties)
	return root, properties, name, properties.Object != nil
}

// kindOf names the type of a value for a message.
func kindOf(v value.Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case string:
		return "text"
	case value.Array:
		return "an array"
	}
	return "an object"
}

// get returns a member; null reads as absent.
func (r *reader) get(n node, name string, required bool) (value.Value, bool) {
	v, ok := n.Lookup(name)
	if !ok || v == nil {
		if required {
			r.errorf(n.path(name), "is missing")
		}
		return nil, false
	}
	return v, true
}

func (r *reader) text(n node, name string, required bool) string {
	v, ok := r.get(n, name, required)
	if !ok {
		return ""
	}
	s, isText := v.(string)
	if !isText {
		r.errorf(n.path(name), "is %s, want text", kindOf(v))
	} else if required && strings.TrimSpace(s) == "" {
		r.errorf(n.path(name), "is empty")
	}
	return s
}

func (r *reader) object(n node, name string, required bool) node {
	at := n.path(name)
	v, ok := r.get(n, name, required)
	if !ok {
		return node{nil, at}
	}
	o, isObject := v.(*value.Object)
	if !isObject {
		r.errorf(at, "is %s, want an object", kindOf(v))
	}
	return node{o, at}
}

func (r *reader) array(n node, name string, required bool) value.Array {
	v, ok := r.get(n, name, required)
	if !ok {
		return nil
	}
	a, isArray := v.(value.Array)
	if !isArray {
		r.errorf(n.path(name), "is %s, want an array", kindOf(v))
	}
	return a
}

// objects reads an array of objects.
func (r *reader) objects(n node, name string, required bool) []node {
	var out []node
	for i, v := range r.array(n, name, required) {
		at := index(n.path(name), i)
		if o, ok := v.(*value.Object); ok {
			out = append(out, node{o, at})
		} else {
			r.errorf(at, "is %s, want an object", kindOf(v))
		}
	}
	return out
}

// boolean also accepts the texts true and false, which stand in official samples.
func (r *reader) boolean(n node, name string) bool {
	v, ok := r.get(n, name, false)
	if !ok {
		return false
	}
	switch b := v.(type) {
	case bool:
		return b
	case string:
		if equalFold(b, "true") || equalFold(b, "false") {
			return equalFold(b, "true")
		}
	}
	r.errorf(n.path(name), "is %s, want a boolean", kindOf(v))
	return false
}

// integer reads a whole number of at least min and, unless max is 0, at most max.
func (r *reader) integer(n node, name string, absent, min, max int) int {
	v, ok := r.get(n, name, false)
	if !ok {
		return absent
	}
	i, isInteger := v.(int64)
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		i, isInteger = int64(f), true
	}
	switch {
	case !isInteger:
		r.errorf(n.path(name), "is %s, want an integer", kindOf(v))
	case i < int64(min) || max > 0 && i > int64(max):
		if max > 0 {
			r.errorf(n.path(name), "is %d, want %d to %d", i, min, max)
		} else {
			r.errorf(n.path(name), "is %d, want at least %d", i, min)
		}
	default:
		return int(i)
	}
	return absent
}

// known reports the members of n that are not in names.
func (r *reader) known(n node, names ...string) {
	for _, m := range n.Members() {
		found := false
		for _, name := range names {
			found = found || equalFold(m.Name, name)
		}
		if !found {
			r.errorf(n.path(m.Name), "is not a property of this type")
		}
	}
}
