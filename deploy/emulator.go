package deploy

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/pipeline"
	"switchyard/value"
	"switchyard/value/read"
)

// A Namespace is a Service Bus namespace to create.
type Namespace struct {
	Name   string
	Queues []Queue
	Topics []Topic

	forwards []forward
}

// A forward is a property of a queue or subscription that names where messages go on.
type forward struct {
	description.Forward
	file, at string
}

// A Queue is a queue to create.
type Queue struct {
	Name    string
	Options broker.QueueOptions
}

// A configFile keeps what is wrong in one file, so that all of it is told at once.
type configFile struct {
	name  string
	diags pipeline.Diagnostics

	// namespace and topic are those whose entities are read, forwards what these name.
	inNamespace, inTopic string
	forwards             []forward
}

func (f *configFile) errorf(path, format string, a ...any) {
	f.diags = append(f.diags, pipeline.Diagnostic{File: f.name, Path: path, Message: fmt.Sprintf(format, a...)})
}

// wanted are the words for what a member should be.
var wanted = value.KindNames{
	value.KindNull: "null", value.KindBool: "true or false",
	value.KindInt: "a whole number", value.KindFloat: "a number",
	value.KindString: "a text", value.KindArray: "an array", value.KindObject: "an object",
}

// Report implements [read.Sink].
func (f *configFile) Report(p read.Problem) {
	text := p.Text
	switch p.Reason {
	case read.WrongKind:
		text = "should be " + wanted[p.Want]
	case read.Missing, read.Empty:
		text = "is missing"
	case read.Unknown:
		text = "there is no such setting; known are " + strings.Join(p.Known, ", ")
	}
	f.errorf(p.At(), "%s", text)
}

// parseEmulatorConfig reads the Config.json of Microsoft's Service Bus emulator
// [SB-SEM 1.5]. Names of members are compared ignoring case. What this broker
// does not have is refused by name.
func parseEmulatorConfig(file string, data []byte) ([]Namespace, pipeline.Diagnostics) {
	f := &configFile{name: file}
	text, err := value.Decode(data)
	if err != nil {
		f.errorf("$", "%v", err)
		return nil, f.diags
	}
	v, err := value.Parse(blankExtras(text))
	if err != nil {
		return nil, pipeline.Diagnostics{pipeline.NotJSON(file, err)}
	}
	o, ok := v.(*value.Object)
	if !ok {
		f.errorf("$", "should be an object")
		return nil, f.diags
	}
	root := read.New(o, "$", f)
	root.Only("UserConfig", "$schema")
	user, _ := root.RequiredObject("UserConfig")
	user.Only("Namespaces", "Logging")
	return each(user, "Namespaces", f.namespace, named{}), f.diags
}

// named has the names that are taken, in lower case.
type named map[string]bool

// each reads the objects of an array and refuses a name that is taken.
func each[T any](o *read.Members, name string, item func(*read.Members) (string, T), taken named) (all []T) {
	for _, x := range o.Objects(name) {
		name, item := item(x)
		if key := strings.ToLower(name); name != "" && taken[key] {
			x.Fail("Name", "%q is there twice", name)
		} else {
			taken[key] = true
		}
		all = append(all, item)
	}
	return all
}

func (f *configFile) namespace(o *read.Members) (string, Namespace) {
	o.Only("Name", "Queues", "Topics")
	n := Namespace{Name: nameOf(o, func(name string) error {
		if err := description.CheckNamespace(name); err != nil {
			return fmt.Errorf("namespace name %q: %w", name, err)
		}
		return nil
	})}
	f.inNamespace, f.forwards = n.Name, nil
	paths := named{} // of queues and topics
	n.Queues = each(o, "Queues", f.queue, paths)
	n.Topics = each(o, "Topics", f.topic, paths)
	n.forwards = f.forwards
	return n.Name, n
}

// nameOf reads the member Name.
func nameOf(o *read.Members, check func(string) error) string {
	name := o.RequiredString("Name")
	if name != "" {
		if err := check(name); err != nil {
			o.Fail("Name", "%v", err)
		}
	}
	return name
}

func (f *configFile) queue(o *read.Members) (string, Queue) {
	o.Only("Name", "Properties")
	q := Queue{Name: nameOf(o, description.CheckPath), Options: f.options(o, description.Queue)}
	f.forwarding(o, q.Name, &q.Options)
	return q.Name, q
}

// forwarding checks where an entity of the path forwards to; that it is there is left to
// [Deployment.CheckBus].
func (f *configFile) forwarding(o *read.Members, path string, options *description.Options) {
	in := o.At("Properties")
	for _, x := range options.Forwards() {
		if err := options.CheckForward(x, f.inNamespace, path); err != nil {
			f.errorf(in+"."+x.Property, "%v", err)
			continue
		}
		f.forwards = append(f.forwards, forward{x, f.name, in + "." + x.Property})
	}
}

// options reads the member Properties of an entity. Each property is checked alone,
// so that what is wrong with it is told with its own place.
func (f *configFile) options(o *read.Members, kind description.Entity) (out description.Options) {
	props, _ := o.Object("Properties")
	for _, m := range props.Raw().Members() {
		p := kind.FileProperty(m.Name)
		if p == nil {
			props.Fail(m.Name, "there is no such setting of a %v", kind)
			continue
		}
		err := p.Set(&out, m.Value)
		if k, ok := errors.AsType[*description.KindError](err); ok {
			props.Wrong(m.Name, k.Got, k.Want)
			continue
		}
		if err == nil {
			err = kind.Check(p, out, description.Standard)
		}
		if err != nil {
			props.Fail(m.Name, "%v", err)
		}
	}
	return out
}
