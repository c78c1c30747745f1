package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"switchyard/value"
)

// treeOptions say what of a run is shown.
type treeOptions struct {
	Full     bool   // input and output of each activity
	Activity string // only activities of this name, with input and output
	Failed   bool   // only what failed, and what that is part of
	Now      time.Time
	Columns  int // at which texts are wrapped
	Cut      int // at which what stands on one line ends
}

// tree shows everything of a run.
func (e *env) tree() treeOptions {
	return treeOptions{Now: time.Now(), Columns: e.width(), Cut: e.tableWidth()}
}

// wants reports whether an attempt of an activity is asked for.
func (o treeOptions) wants(a *value.Object) bool {
	return (o.Activity == "" || strings.EqualFold(o.Activity, str(a, "activityName"))) &&
		(!o.Failed || str(a, "status") == "Failed")
}

// check refuses the name of an activity that the run does not have.
func (o treeOptions) check(activities value.Array) error {
	var names []string
	for _, a := range objects(activities) {
		name := str(a, "activityName")
		if strings.EqualFold(o.Activity, name) {
			return nil
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch {
	case o.Activity == "":
		return nil
	case len(names) == 0:
		return fmt.Errorf("no activity %q has started in that run: none has", o.Activity)
	}
	return fmt.Errorf("no activity %q has started in that run; there are %s", o.Activity, strings.Join(names, ", "))
}

// selected returns the records that are asked for.
func (o treeOptions) selected(list value.Array) value.Array {
	out := value.Array{}
	for _, a := range objects(list) {
		if o.wants(a) {
			out = append(out, a)
		}
	}
	return out
}

// A branch is an activity, with its attempts, or an iteration of a loop.
type branch struct {
	title    string // of an iteration
	attempts []*value.Object
	children []*branch
	items    value.Array // of a ForEach
}

// treeOf makes a tree of records by their paths: "Each[3]/If/Call" stands in If, which
// stands in the fourth iteration of Each.
func treeOf(activities []*value.Object) *branch {
	root := &branch{}
	all := map[string]*branch{"": root}
	for _, a := range activities {
		path := pathOf(a)
		b := all[path]
		if b == nil {
			b = &branch{}
			all[path] = b
			parent := parentOf(all, path)
			parent.children = append(parent.children, b)
		}
		b.attempts = append(b.attempts, a)
		if v, ok := member(a, "switchyard").Lookup("items"); ok {
			b.items, _ = v.(value.Array)
		}
	}
	return root
}

// parentOf finds or makes the branch in which a path stands. Names may hold the signs
// that paths are made of, so the longest prefix that is an activity counts.
func parentOf(all map[string]*branch, path string) *branch {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '/' {
			continue
		}
		scope := path[:i]
		if b := all[scope]; b != nil {
			return b
		}
		owner, title, number := iterationOf(scope)
		if b := all[owner]; b != nil && title != "" {
			it := &branch{title: title}
			if number >= 0 && number < len(b.items) {
				it.title += itemText(b.items[number])
			}
			all[scope] = it
			b.children = append(b.children, it)
			return it
		}
	}
	return all[""]
}

// iterationOf takes a scope apart: "Each[3]" is the item 3 of Each, "Until#2" the round 2
// of Until.
func iterationOf(scope string) (owner, title string, number int) {
	if i := strings.LastIndexByte(scope, '['); i > 0 && strings.HasSuffix(scope, "]") {
		if _, err := fmt.Sscanf(scope[i:], "[%d]", &number); err == nil {
			return scope[:i], "item " + scope[i+1:len(scope)-1], number
		}
	}
	if i := strings.LastIndexByte(scope, '#'); i > 0 {
		if _, err := fmt.Sscanf(scope[i:], "#%d", &number); err == nil {
			return scope[:i], "round " + scope[i+1:], -1
		}
	}
	return "", "", -1
}

// itemText names an item of a ForEach: a message by its id, a simple value by itself.
func itemText(item value.Value) string {
	switch x := item.(type) {
	case *value.Object:
		if id := str(x, "messageId"); id != "" {
			return "  message " + printable(id)
		}
		return ""
	case value.Array:
		return ""
	}
	return "  " + middle(printable(value.Text(item)), 40)
}

// keeps reports whether anything in the branch is asked for.
func (b *branch) keeps(o treeOptions) bool {
	for _, a := range b.attempts {
		if o.wants(a) {
			return true
		}
	}
	for _, c := range b.children {
		if c.keeps(o) {
			return true
		}
	}
	return len(b.attempts) == 0 && len(b.children) == 0
}

// printTree prints a run: what it is, and its activities by iteration.
func printTree(out io.Writer, run *value.Object, activities []*value.Object, o treeOptions) {
	printRunHead(out, run, o)
	if len(activities) == 0 {
		return
	}
	fmt.Fprintln(out)
	p := &treePrinter{out: out, o: o, goesOn: str(run, "runEnd") == ""}
	p.children(treeOf(activities), "")
}

func printRunHead(out io.Writer, run *value.Object, o treeOptions) {
	row := func(name, text string) {
		if text != "" {
			lines := strings.SplitN(wrapped(printable(text), "          ", o.Columns), "          ", 2)
			fmt.Fprintf(out, "%-10s%s", name, lines[1])
		}
	}
	row("run", str(run, "runId"))
	row("pipeline", str(run, "pipelineName"))
	row("status", str(run, "status"))
	if group := groupText(run); group != "" {
		row("group", str(run, "runGroupId")+", "+group)
	}
	by := str(member(run, "invokedBy"), "name")
	if above := runAbove(run); above != "" {
		by = above
	}
	start := str(run, "runStart")
	if by != "" {
		start += " by " + by
	}
	row("started", start)
	if d := took(run); d != "" {
		row("took", d)
	} else {
		row("since", past(str(run, "runStart"), o.Now))
	}
	for _, m := range messagesOf(run) {
		text := str(m, "messageId")
		if text == "" {
			text = "without id"
		}
		text += " (number " + str(m, "sequenceNumber")
		if n := str(m, "deliveryCount"); n != "" && n != "0" {
			text += ", failed " + n + " times before"
		}
		row("message", text+") of "+queueOf(run))
	}
	row("error", str(run, "message"))
}

// messagesOf are the messages that started a run.
func messagesOf(run *value.Object) []*value.Object {
	v, _ := member(member(member(run, "switchyard"), "triggerOutputs"), "body").Lookup("messages")
	list, _ := v.(value.Array)
	return objects(list)
}

// queueOf is the queue that they come from.
func queueOf(run *value.Object) string {
	return str(member(member(member(run, "switchyard"), "triggerOutputs"), "body"), "queueName")
}

type treePrinter struct {
	out    io.Writer
	o      treeOptions
	goesOn bool
}

func (p *treePrinter) children(b *branch, indent string) {
	for _, c := range b.children {
		if !c.keeps(p.o) {
			continue
		}
		if c.title != "" {
			fmt.Fprintln(p.out, shorten(indent+c.title, p.o.Cut))
		}
		for i, a := range c.attempts {
			p.attempt(a, indent, i == len(c.attempts)-1)
		}
		p.children(c, indent+"  ")
	}
}

// attempt prints one attempt: last says that no other one of the activity has followed.
func (p *treePrinter) attempt(a *value.Object, indent string, last bool) {
	fmt.Fprintln(p.out, indent+attemptSummary(a, took(a), last && p.goesOn))
	if text := errorText(a); text != "" {
		fmt.Fprint(p.out, wrapped(printable(text), indent+"    ", p.o.Columns))
	}
	if p.o.Full || p.o.Activity != "" && p.o.wants(a) {
		p.value("input", a, indent)
		x := member(a, "switchyard")
		if _, ok := x.Lookup("items"); ok {
			p.value("items", x, indent)
		}
		p.value("output", a, indent)
	}
}

// attemptSummary is an attempt in one line, with how long it takes or took: pending says
// that another one may follow.
func attemptSummary(a *value.Object, took string, pending bool) string {
	parts := []string{printable(str(a, "activityName")), str(a, "activityType"), str(a, "status")}
	if took != "" {
		parts = append(parts, took)
	}
	x := member(a, "switchyard")
	switch n := str(x, "itemCount"); n {
	case "":
	case "1":
		parts = append(parts, "1 item")
	default:
		parts = append(parts, n+" items")
	}
	if b := str(x, "branch"); b != "" {
		if v, ok := x.Lookup("evaluated"); ok {
			b = middle(printable(string(value.Append(nil, v))), 40) + " → " + b
		}
		parts = append(parts, b)
	}
	if id := str(x, "childRunId"); id != "" {
		parts = append(parts, "run "+id)
	}
	if text := attemptText(a, pending); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, "  ")
}

// value prints a member as JSON that is laid out.
func (p *treePrinter) value(name string, of *value.Object, indent string) {
	v, _ := of.Lookup(name)
	indent += "    "
	fmt.Fprintf(p.out, "%s%s\n%s  %s\n", indent, name, indent, layoutJSON(value.Append(nil, v), indent+"  ", p.o.Columns))
}

// pathOf says where an activity stands.
func pathOf(a *value.Object) string {
	if path := str(member(a, "switchyard"), "path"); path != "" {
		return path
	}
	return str(a, "activityName")
}

// attemptText says which attempt it is, if it is not the first or not the last that may
// be, and when the next one starts if that is to come.
func attemptText(a *value.Object, pending bool) string {
	x := member(a, "switchyard")
	of := str(x, "attempts")
	if of == "" || of == "1" || str(a, "status") == "Succeeded" && str(x, "attempt") == "1" {
		return ""
	}
	text := "attempt " + str(x, "attempt") + "/" + of
	if next := str(x, "nextAttempt"); next != "" && pending {
		if t, err := time.Parse(time.RFC3339Nano, next); err == nil {
			text += ", next at " + t.Local().Format(time.TimeOnly)
		}
	}
	return text
}

// errorText is the error of an attempt, whole.
func errorText(a *value.Object) string {
	e := member(a, "error")
	code, message := str(e, "errorCode"), str(e, "message")
	if code == "" && message == "" {
		return ""
	}
	return "error " + code + ": " + message
}
