package trial

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/pipeline/run"
	"switchyard/value"
	"switchyard/value/read"
)

// An Expectation is what a trial should come to. What it does not mention is free.
type Expectation struct {
	settlements []expected // nil: free
	messages    map[string][]value.Value
	names       []string // of messages, in their order; nil: free
	runs        value.Array
	hasRuns     bool
}

// expected is an expected settlement, and its place in the file.
type expected struct {
	at    string
	value value.Value
}

// ParseExpectation reads an expectation: a JSON object with the members settlements,
// messages and runs, each of which may be left out. The error names the first member
// that can't be understood.
func ParseExpectation(text []byte) (*Expectation, error) {
	text, err := value.Decode(text)
	if err != nil {
		return nil, err
	}
	v, err := value.Parse(text)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*value.Object)
	if !ok {
		return nil, fmt.Errorf("is no JSON object but %s", kinds.Of(v))
	}
	var wrong first
	in := read.New(o, "$", &wrong)
	x := &Expectation{}
	if list, ok := in.Array("settlements"); ok {
		x.settlements = []expected{}
		for i, s := range list {
			x.settlements = append(x.settlements, settlement(in, i, s))
		}
	}
	if m, ok := in.Object("messages"); ok {
		x.messages, x.names = map[string][]value.Value{}, []string{}
		for _, e := range m.Raw().Members() {
			list, _ := m.Array(e.Name)
			for i, one := range list {
				if _, ok := one.(*value.Object); !ok {
					m.Wrong(read.Element(e.Name, i), one, value.KindObject)
				}
			}
			x.messages[fold(e.Name)] = list
			x.names = append(x.names, e.Name)
		}
	}
	if list, ok := in.Array("runs"); ok {
		x.hasRuns = true
		for i, one := range list {
			x.runs = append(x.runs, expectedRun(in, i, one))
		}
	}
	in.Only("settlements", "messages", "runs")
	return x, wrong.err
}

func fold(name string) string { return strings.ToLower(name) }

// settlement reads "Complete", or an object with the outcome and more.
func settlement(in *read.Members, i int, v value.Value) expected {
	name := read.Element("settlements", i)
	if text, ok := v.(string); ok {
		v = value.NewObject(value.Member{Name: "outcome", Value: text})
	}
	o, ok := v.(*value.Object)
	if !ok {
		in.Fail(name, "should be an outcome, or an object with the member outcome")
		return expected{}
	}
	m := read.New(o, in.At(name), forward{in})
	if outcome, ok := m.String("outcome"); ok &&
		!slices.Contains([]Outcome{Completed, DeadLettered, Deferred, Expired, Unsettled}, Outcome(outcome)) {
		in.Fail(name, "has the outcome %q; there are %s, %s, %s, %s and %s", outcome,
			Completed, DeadLettered, Deferred, Expired, Unsettled)
	}
	m.Only("line", "messageId", "sequenceNumber", "outcome", "deliveryCount", "reason", "description")
	return expected{in.At(name), o}
}

// forward lets the members of another object report where those of in do.
type forward struct{ in *read.Members }

func (f forward) Report(p read.Problem) {
	name, _ := strings.CutPrefix(p.At(), f.in.Path()+".")
	f.in.Fail(name, "%s", problem(p))
}

// expectedRun reads "Succeeded", or an object of members of the run, in which activities
// are those of the run's activities that are looked at.
func expectedRun(in *read.Members, i int, v value.Value) value.Value {
	name := read.Element("runs", i)
	if text, ok := v.(string); ok {
		v = value.NewObject(value.Member{Name: "status", Value: text})
	}
	o, ok := v.(*value.Object)
	if !ok {
		in.Fail(name, "should be a status, or an object")
		return v
	}
	checkStatus(in, name, o, runStatuses)
	activities, _ := o.Lookup("activities")
	if list, ok := activities.(*value.Object); ok {
		for _, m := range list.Members() {
			if a, ok := m.Value.(*value.Object); ok {
				checkStatus(in, name+".activities."+m.Name, a, activityStatuses)
			}
		}
	}
	return v
}

// The statuses that runs and activities may be expected to have.
var (
	runStatuses      = []run.Status{run.Succeeded, run.Failed, run.Cancelled, run.InProgress, run.Queued, run.Canceling}
	activityStatuses = []run.Status{run.Succeeded, run.Failed, run.Cancelled, run.Skipped, run.Inactive, run.InProgress, run.Queued}
)

// checkStatus refuses a status that nothing can have: it would never be as expected, and a
// run that is expected to have another would be looked for in vain.
func checkStatus(in *read.Members, name string, o *value.Object, known []run.Status) {
	v, ok := o.Lookup("status")
	if !ok {
		return
	}
	var words []string
	for _, s := range known {
		if words = append(words, s.String()); v == s.String() {
			return
		}
	}
	in.Fail(name, "has the status %s; there are %s", short(v), strings.Join(words, ", "))
}

// Compare returns what of a result is not as it is expected, one sentence each.
func (x *Expectation) Compare(r *Result) []string {
	var c comparison
	if x.settlements != nil {
		c.settlements(x.settlements, r.Settlements)
	}
	if x.names != nil {
		c.messages(x, r.Entities)
	}
	if x.hasRuns {
		c.runs(x.runs, r.Runs)
	}
	return c.differences
}

// A comparison collects differences.
type comparison struct{ differences []string }

func (c *comparison) differ(format string, a ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, a...))
}

func (c *comparison) settlements(want []expected, got []Settlement) {
	if len(want) != len(got) {
		c.differ("settlements: %d messages were sent in, and %d are expected to be settled", len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if why := mismatch(want[i].value, got[i].JSON(), ""); why != "" {
			c.differ("settlement of the message in line %d: %s", got[i].Line, why)
		}
	}
}

func (c *comparison) messages(x *Expectation, got []Entity) {
	found := map[string][]*value.Object{}
	for _, e := range got {
		found[fold(e.Name)] = e.Messages
		if _, named := x.messages[fold(e.Name)]; !named {
			c.differ("%s: none is expected, got %d; the first: %s", e.Name, len(e.Messages),
				short(e.Messages[0]))
		}
	}
	for _, name := range x.names {
		var list []value.Value
		for _, m := range found[fold(name)] {
			list = append(list, m)
		}
		c.match(name, "message", x.messages[fold(name)], list, short)
	}
}

func (c *comparison) runs(want value.Array, got []Run) {
	var list []value.Value
	for _, r := range got {
		o := &value.Object{}
		for _, m := range r.Run.Members() {
			o.Set(m.Name, m.Value)
		}
		activities := &value.Object{}
		for _, a := range r.Activities {
			a := a.(*value.Object)
			name, _ := a.Lookup("activityName")
			activities.Set(value.Text(name), a)
		}
		o.Set("activities", activities)
		list = append(list, o)
	}
	c.match("runs", "run", want, list, func(v value.Value) string {
		o := v.(*value.Object)
		text := func(name string) string { x, _ := o.Get(name); return value.Text(x) }
		return strings.TrimSpace(text("pipelineName") + " " + text("status") + " " + text("message"))
	})
}

// match pairs what is expected with what is there, in any order: pipelines work in
// parallel. What is left over on either side is a difference.
func (c *comparison) match(where, what string, want, got []value.Value, show func(value.Value) string) {
	p := pairs(len(want), len(got), func(i, j int) bool { return mismatch(want[i], got[j], "") == "" })
	taken := map[int]bool{}
	for _, j := range p {
		taken[j] = true
	}
	var left []int
	for j := range got {
		if !taken[j] {
			left = append(left, j)
		}
	}
	for i := range want {
		switch {
		case p[i] >= 0:
		case len(left) == 0:
			c.differ("%s: there is no such %s: %s", read.Element(where, i), what, short(want[i]))
		default:
			j := closest(want[i], got, left)
			left = slices.DeleteFunc(left, func(x int) bool { return x == j })
			c.differ("%s: there is no such %s; of the closest %s", read.Element(where, i), what,
				mismatch(want[i], got[j], ""))
		}
	}
	for _, j := range left {
		c.differ("%s: a %s that is not expected: %s", where, what, show(got[j]))
	}
}

// closest returns which of those left differs latest: most of it is as expected.
func closest(want value.Value, got []value.Value, left []int) int {
	best, agree := left[0], -1
	for _, j := range left {
		if n := agreement(want, got[j]); n > agree {
			best, agree = j, n
		}
	}
	return best
}
