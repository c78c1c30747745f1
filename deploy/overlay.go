package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// overlaySuffix is how a file ends that is merged over the file of the same name without
// it, and that is for this machine alone: pipeline/P.local.json over pipeline/P.json.
const overlaySuffix = ".local.json"

// overlayOf returns the name of the overlay of a definition's file.
func overlayOf(file string) string { return strings.TrimSuffix(file, path.Ext(file)) + overlaySuffix }

func isOverlay(name string) bool {
	return len(name) > len(overlaySuffix) && strings.EqualFold(name[len(name)-len(overlaySuffix):], overlaySuffix)
}

// overlay is the text of an overlay, and its name as diagnostics call it.
type overlay struct {
	name string
	text []byte // comments are blank
}

// merge returns the text of a definition with its overlay merged over it, and with the
// values of the .env file in its SecureString parameters. A text that can't be read is
// returned as it is: it is reported where it is parsed.
func (d *Deployment) merge(file string, base []byte, over *overlay) ([]byte, pipeline.Diagnostics) {
	src := d.sources.keep(file, base)
	v, err := value.Parse(src.text)
	root, ok := v.(*value.Object)
	if err != nil || !ok {
		return base, nil
	}
	if over != nil {
		v, err := value.Parse(over.text)
		if err != nil {
			return base, pipeline.Diagnostics{pipeline.NotJSON(over.name, err)}
		}
		o, ok := v.(*value.Object)
		if !ok {
			return base, pipeline.Diagnostics{{File: over.name, Path: "$", Message: "is no JSON object"}}
		}
		root = mergeObjects(root, o)
	}
	owner, _ := root.Lookup("name")
	name, ok := owner.(string)
	if !ok {
		name = strings.TrimSuffix(path.Base(file), path.Ext(file))
	}
	if filled := d.Env.fill(name, root); !filled && over == nil {
		return base, nil // as it was written
	}
	src.merged, src.overlay = value.Append(nil, root), over
	return src.merged, nil
}

// readOverlay returns the overlay of a file, nil if there is none.
func (d *Deployment) readOverlay(fsys fs.FS, file string) (*overlay, error) {
	text, err := readFile(fsys, overlayOf(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &overlay{path.Join(d.name, overlayOf(file)), blank(text)}, nil
}

// withOverlay reads a definition's file, merged with its overlay. What is wrong with the
// overlay is reported, and then the file alone is returned.
func (d *Deployment) withOverlay(fsys fs.FS, file string) ([]byte, pipeline.Diagnostics, error) {
	base, err := readFile(fsys, file)
	if err != nil {
		return nil, nil, err
	}
	over, err := d.readOverlay(fsys, file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", overlayOf(file), err)
	}
	data, ds := d.merge(path.Join(d.name, file), base, over)
	return data, ds, nil
}

// mergeObjects returns base with the members of over: objects are merged, everything else
// is replaced, null takes a member away. Names are compared ignoring case. Arrays whose
// elements have names are merged by them, so that one activity or queue can be changed.
func mergeObjects(base, over *value.Object) *value.Object {
	out := &value.Object{}
	for _, m := range base.Members() {
		v, there := over.Lookup(m.Name)
		switch {
		case !there:
			out.Set(m.Name, m.Value)
		case v != nil:
			out.Set(m.Name, mergeValues(m.Value, v))
		}
	}
	for _, m := range over.Members() {
		if _, there := base.Lookup(m.Name); !there && m.Value != nil {
			out.Set(m.Name, m.Value)
		}
	}
	return out
}

func mergeValues(base, over value.Value) value.Value {
	switch o := over.(type) {
	case *value.Object:
		if b, ok := base.(*value.Object); ok {
			return mergeObjects(b, o)
		}
	case value.Array:
		if b, ok := base.(value.Array); ok && allNamed(b) && allNamed(o) {
			return mergeNamed(b, o)
		}
	}
	return over
}

// nameOfElement returns the name of an object in an array.
func nameOfElement(v value.Value) string {
	o, _ := v.(*value.Object)
	n, _ := o.Lookup("name")
	name, _ := n.(string)
	return name
}

func allNamed(a value.Array) bool {
	for _, v := range a {
		if nameOfElement(v) == "" {
			return false
		}
	}
	return len(a) > 0
}

func mergeNamed(base, over value.Array) value.Array {
	out := append(value.Array{}, base...)
	for _, v := range over {
		found := false
		for i := range out {
			if strings.EqualFold(nameOfElement(out[i]), nameOfElement(v)) {
				out[i], found = mergeValues(out[i], v), true
			}
		}
		if !found {
			out = append(out, v)
		}
	}
	return out
}

// blank is a text without comments, as it is parsed.
func blank(data []byte) []byte {
	text, err := value.Decode(data)
	if err != nil {
		return data
	}
	return blankExtras(text)
}
