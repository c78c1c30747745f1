package deploy

import (
	"fmt"
	"strings"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/pipeline"
	"switchyard/value"
)

// A Namespace is a Service Bus namespace to create.
type Namespace struct {
	Name   string
	Queues []Queue
	Topics []Topic
}

// A Queue is a queue to create.
type Queue struct {
	Name    string
	Options broker.QueueOptions
}

// reader collects what is wrong in one file, so that all of it is told at once.
type reader struct {
	file  string
	diags pipeline.Diagnostics
}

func (r *reader) errorf(path, format string, a ...any) {
	r.diags = append(r.diags, pipeline.Diagnostic{File: r.file, Path: path, Message: fmt.Sprintf(format, a...)})
}

// parseEmulatorConfig reads the Config.json of Microsoft's Service Bus emulator
// [SB-SEM 1.5]. Names of members are compared ignoring case. What this broker
// does not have is refused by name.
func parseEmulatorConfig(file string, data []byte) ([]Namespace, pipeline.Diagnostics) {
	r := &reader{file: file}
	text, err := value.Decode(data)
	if err != nil {
		r.errorf("$", "%v", err)
		return nil, r.diags
	}
	v, err := value.Parse(blankExtras(text))
	if err != nil {
		r.errorf("$", "%v", err)
		return nil, r.diags
	}
	root := r.object("$", v)
	user, ok := root.Lookup("UserConfig")
	if !ok {
		r.errorf("$", "there is no member UserConfig")
		return nil, r.diags
	}
	r.members("$", root, "UserConfig", "$schema")
	uc := r.object("$.UserConfig", user)
	r.members("$.UserConfig", uc, "Namespaces", "Logging")
	var out []Namespace
	seen := map[string]bool{}
	for i, n := range r.array("$.UserConfig.Namespaces", uc, "Namespaces") {
		path := fmt.Sprintf("$.UserConfig.Namespaces[%d]", i)
		o := r.object(path, n)
		r.members(path, o, "Name", "Queues", "Topics")
		ns := Namespace{Name: r.name(path, o)}
		r.namespaceName(path+".Name", ns.Name)
		if seen[strings.ToLower(ns.Name)] {
			r.errorf(path+".Name", "namespace %q is there twice", ns.Name)
		}
		seen[strings.ToLower(ns.Name)] = true
		queues := map[string]bool{}
		for j, q := range r.array(path+".Queues", o, "Queues") {
			qpath := fmt.Sprintf("%s.Queues[%d]", path, j)
			queue := r.queue(qpath, q)
			if queues[strings.ToLower(queue.Name)] {
				r.errorf(qpath+".Name", "queue %q is there twice", queue.Name)
			}
			queues[strings.ToLower(queue.Name)] = true
			ns.Queues = append(ns.Queues, queue)
		}
		for j, t := range r.array(path+".Topics", o, "Topics") {
			tpath := fmt.Sprintf("%s.Topics[%d]", path, j)
			topic := r.topic(tpath, t)
			if queues[strings.ToLower(topic.Name)] {
				r.errorf(tpath+".Name", "queue or topic %q is there twice", topic.Name)
			}
			queues[strings.ToLower(topic.Name)] = true
			ns.Topics = append(ns.Topics, topic)
		}
		out = append(out, ns)
	}
	return out, r.diags
}

func (r *reader) object(path string, v value.Value) *value.Object {
	o, ok := v.(*value.Object)
	if !ok {
		r.errorf(path, "should be an object")
		return value.NewObject()
	}
	return o
}

func (r *reader) array(path string, o *value.Object, name string) value.Array {
	v, ok := o.Lookup(name)
	if !ok || v == nil {
		return nil
	}
	a, ok := v.(value.Array)
	if !ok {
		r.errorf(path, "should be an array")
	}
	return a
}

func (r *reader) members(path string, o *value.Object, known ...string) {
next:
	for _, m := range o.Members() {
		for _, k := range known {
			if strings.EqualFold(k, m.Name) {
				continue next
			}
		}
		r.errorf(path+"."+m.Name, "there is no such setting; known are %s", strings.Join(known, ", "))
	}
}

func (r *reader) name(path string, o *value.Object) string {
	v, _ := o.Lookup("Name")
	s, ok := v.(string)
	if !ok || s == "" {
		r.errorf(path+".Name", "should be a name")
	}
	return s
}

func (r *reader) namespaceName(path, name string) {
	if name == "" {
		return // reported as missing
	}
	if err := description.CheckNamespace(name); err != nil {
		r.errorf(path, "namespace name %q: %v", name, err)
	}
}

// options reads the member Properties of an entity. Each property is checked alone
// as well, so that what is wrong with it is told with its own place.
func (r *reader) options(path string, o *value.Object, kind description.Entity) (out description.Options) {
	properties(r, path, o, &out, func(out *description.Options, at string, m value.Member) {
		p := kind.FileProperty(m.Name)
		if p == nil {
			r.errorf(at, "there is no such setting of a %v", kind)
		} else if err := p.Set(out, m.Value); err != nil {
			r.errorf(at, "%v", err)
		}
	}, func(o description.Options) error {
		_, err := kind.Normal(o, description.Standard)
		return err
	})
	return out
}

// properties reads the member Properties of o into opt. Each property is checked
// alone as well, so that what is wrong with it is told with its own place.
func properties[O any](r *reader, path string, o *value.Object, opt *O, set func(opt *O, at string, m value.Member), validate func(O) error) {
	p, ok := o.Lookup("Properties")
	if !ok || p == nil {
		return
	}
	path += ".Properties"
	before := len(r.diags)
	for _, m := range r.object(path, p).Members() {
		at := path + "." + m.Name
		found := len(r.diags)
		set(opt, at, m)
		if len(r.diags) > found {
			continue
		}
		var alone O
		set(&alone, at, m)
		if err := validate(alone); err != nil {
			r.errorf(at, "%v", err)
		}
	}
	if len(r.diags) == before {
		if err := validate(*opt); err != nil {
			r.errorf(path, "%v", err)
		}
	}
}

// entityName reads the name of a queue or topic.
func (r *reader) entityName(path string, o *value.Object) string {
	name := r.name(path, o)
	if name != "" {
		if err := description.CheckPath(name); err != nil {
			r.errorf(path+".Name", "%v", err)
		}
	}
	return name
}

func (r *reader) queue(path string, v value.Value) Queue {
	o := r.object(path, v)
	r.members(path, o, "Name", "Properties")
	return Queue{Name: r.entityName(path, o), Options: r.options(path, o, description.Queue)}
}

func (r *reader) text(path string, v value.Value) string {
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.errorf(path, "should be a text")
	}
	return s
}
