package recurrence

import (
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

// startsNothing refuses a trigger that would be started and names no pipeline, in the words of
// Data Factory [ADF-REST 2].
func (c *checker) startsNothing(t *pipeline.Trigger) {
	if len(t.Pipelines) == 0 {
		c.refused = append(c.refused, pipeline.Diagnostic{File: t.File, Path: "$.properties.pipelines",
			Message: "Missing or invalid pipeline references for trigger " + t.Name})
	}
}

func (c *checker) add(n *node) {
	c.nodes = append(c.nodes, n)
	c.windows[strings.ToLower(n.trigger.Name)] = n
}

func (c *checker) report(n *node, i int, format string, a ...any) {
	at := typeProperties + "." + read.Element("dependsOn", i) + ".referenceTrigger.referenceName"
	c.diags = append(c.diags,
		pipeline.Diagnostic{File: n.trigger.File, Path: at, Message: fmt.Sprintf(format, a...)})
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
			c.report(n, i, "a circle of dependencies, which Data Factory refuses: %s", c.circle(other))
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
		c.report(n, i, "trigger %q does not exist", name)
	case !t.Is(TypeTumblingWindowTrigger):
		c.report(n, i, "trigger %q is of type %q, want %q", name, t.Type, TypeTumblingWindowTrigger)
	}
}

// circle names the triggers from one to itself.
func (c *checker) circle(from *node) string {
	var names []string
	for _, a := range c.above {
		if a == from || names != nil {
			names = append(names, a.trigger.Name)
		}
	}
	return strings.Join(append(names, from.trigger.Name), ", ")
}
