package recurrence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"switchyard/pipeline"
	"switchyard/value/read"
)

// Check warns of what Data Factory would refuse in the triggers of a factory that go by time,
// most of it when they are started, and of what has no effect. What is wrong with a schedule
// trigger that says it is Started, and so would be started, is an error.
func Check(f *pipeline.Factory) pipeline.Diagnostics {
	c := checker{factory: f, windows: map[string]*node{}}
	for _, t := range f.Triggers {
		var ds pipeline.Diagnostics
		switch {
		case t.Is(TypeScheduleTrigger):
			_, ds = ReadSchedule(t)
			if t.Started {
				c.refused = append(c.refused, ds.Errors()...)
				c.startsNothing(t)
				ds = slices.DeleteFunc(ds, func(d pipeline.Diagnostic) bool { return d.Severity != pipeline.SeverityWarning })
			}
		case t.Is(TypeTumblingWindowTrigger):
			var w *TumblingWindow
			if w, ds = ReadTumblingWindow(t); w != nil {
				c.add(&node{trigger: t, dependsOn: w.DependsOn})
			}
			if t.Started {
				c.refused = append(c.refused, ds.Errors()...)
				c.startsNothing(t)
				ds = slices.DeleteFunc(ds, func(d pipeline.Diagnostic) bool { return d.Severity != pipeline.SeverityWarning })
			}
		}
		c.diags = append(c.diags, ds...)
	}
	for _, n := range c.nodes {
		c.visit(n)
	}
	for i := range c.diags {
		c.diags[i].Severity = pipeline.SeverityWarning
	}
	return append(c.diags, c.refused...)
}

// CheckDependencies returns what is wrong with those of a tumbling-window trigger that is to be
// started: they lead to no trigger whose windows can be waited for, or round to itself.
func CheckDependencies(f *pipeline.Factory, t *pipeline.Trigger) pipeline.Diagnostics {
	c := checker{factory: f, windows: map[string]*node{}}
	for _, other := range f.Triggers {
		if !other.Is(TypeTumblingWindowTrigger) {
			continue
		}
		n := &node{trigger: other}
		if w, _ := ReadTumblingWindow(other); w != nil {
			n.dependsOn = w.DependsOn
		}
		c.add(n)
	}
	if n := c.windows[strings.ToLower(t.Name)]; n != nil {
		c.visit(n)
	}
	return append(c.diags, c.refused...)
}

// Awaited reports whether windows of a trigger may be waited for: a trigger of the factory
// depends on it, or it on itself.
func Awaited(f *pipeline.Factory, trigger string) bool {
	for _, t := range f.Triggers {
		if !t.Is(TypeTumblingWindowTrigger) {
			continue
		}
		w, _ := ReadTumblingWindow(t)
		if w == nil {
			continue
		}
		for _, d := range w.DependsOn {
			if on := cmp.Or(d.Trigger, t.Name); strings.EqualFold(on, trigger) {
				return true
			}
		}
	}
	return false
}

// A checker follows the dependencies of tumbling-window triggers.
type checker struct {
	factory *pipeline.Factory
	nodes   []*node
	windows map[string]*node // by name in lower case
	above   []*node          // those whose dependencies are followed now
	diags   pipeline.Diagnostics
	refused pipeline.Diagnostics // errors
}

// A node is a trigger and what its windows wait for.
type node struct {
	trigger   *pipeline.Trigger
	dependsOn []Dependency
	seen      bool
	above     bool // in the list above
}

// startsNothing refuses a trigger that would be started and names no pipeline.
func (c *checker) startsNothing(t *pipeline.Trigger) {
	if why := CheckPipelines(t); why != "" {
		c.refused = append(c.refused, pipeline.Diagnostic{File: t.File, Path: "$.properties.pipelines", Message: why})
	}
}

// CheckPipelines returns why a trigger can't be started with the pipelines that it names; "": it
// can. That there is none is said in the words of Data Factory [ADF-REST 2].
func CheckPipelines(t *pipeline.Trigger) string {
	switch n := len(t.Pipelines); {
	case n == 0:
		return "Missing or invalid pipeline references for trigger " + t.Name
	case n > 1 && t.Is(TypeTumblingWindowTrigger):
		return fmt.Sprintf("names %d pipelines; a %s runs exactly one, and waits for it", n, TypeTumblingWindowTrigger)
	}
	return ""
}

func (c *checker) add(n *node) {
	c.nodes = append(c.nodes, n)
	c.windows[strings.ToLower(n.trigger.Name)] = n
}

// report says what is wrong with the i-th dependency of a trigger, and which ones are a circle
// with it. Of a trigger that is to be started that is an error.
func (c *checker) report(n *node, i int, circle []*node, format string, a ...any) {
	at := typeProperties + "." + read.Element("dependsOn", i) + ".referenceTrigger.referenceName"
	d := pipeline.Diagnostic{File: n.trigger.File, Path: at, Message: fmt.Sprintf(format, a...)}
	if slices.ContainsFunc(append(circle, n), func(n *node) bool { return n.trigger.Started }) {
		c.refused = append(c.refused, d)
		return
	}
	c.diags = append(c.diags, d)
}

// visit reports dependencies on what is not there, and the one that closes a circle.
func (c *checker) visit(n *node) {
	if n.seen {
		return
	}
	n.seen, n.above = true, true
	c.above = append(c.above, n)
	for i, d := range n.dependsOn {
		if d.Trigger == "" {
			continue
		}
		other := c.windows[strings.ToLower(d.Trigger)]
		switch {
		case other == nil:
			c.missing(n, i, d.Trigger)
		case other.above:
			from := slices.Index(c.above, other)
			c.report(n, i, slices.Clone(c.above[from:]), "a circle of dependencies, which Data Factory refuses: %s", circle(c.above[from:]))
		default:
			c.visit(other)
		}
	}
	n.above, c.above = false, c.above[:len(c.above)-1]
}

func (c *checker) missing(n *node, i int, name string) {
	switch t := c.factory.Trigger(name); {
	case t == nil && c.factory.Unread != nil && c.factory.Unread("trigger", name):
	case t == nil:
		c.report(n, i, nil, "trigger %q does not exist", name)
	case !t.Is(TypeTumblingWindowTrigger):
		c.report(n, i, nil, "trigger %q is of type %q, want %q", name, t.Type, TypeTumblingWindowTrigger)
	}
}

// circle names the triggers from the first one to itself.
func circle(nodes []*node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.trigger.Name)
	}
	return strings.Join(append(names, names[0]), ", ")
}
