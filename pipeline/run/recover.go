package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

// Recovered says what a rerun has of one activity of the run that it recovers. Such events
// stand behind [Created], in its unit. They hold the values themselves: the history of the
// earlier run may end before this one's.
type Recovered struct {
	Path string
	Type string
	// Status is how the activity ended: Succeeded or Failed. It is 0 if the activity runs
	// again and only Child counts.
	Status       Status
	Output       value.Value
	Error        *pipeline.ActivityError
	SecureOutput bool
	// Child is the run that an ExecutePipeline had started: the one that it starts now
	// recovers that one.
	Child ID
	At    time.Time
}

func (e *Recovered) fields(c codec) {
	c.sealed() // what revealed a secret in the earlier run is not known any more
	c.text(&e.Path)
	c.text(&e.Type)
	c.small((*uint8)(&e.Status))
	c.value(&e.Output)
	visitError(c, &e.Error)
	c.bool(&e.SecureOutput)
	c.text(&e.Child)
	c.time(&e.At)
}

func (e *Recovered) When() time.Time { return e.At }

func (e *Recovered) apply(s *State) error {
	if s.created.Recovers == "" || s.began > 0 || e.Status == 0 && e.Child == "" ||
		e.Status != 0 && e.Status != Succeeded && e.Status != Failed {
		return misplaced("%s is recovered with status %d", e.Path, e.Status)
	}
	if s.recovered == nil {
		s.recovered = map[string]*Recovered{}
	}
	if s.recovered[e.Path] != nil {
		return misplaced("%s is recovered twice", e.Path)
	}
	s.recovered[e.Path] = e
	if e.SecureOutput {
		s.secrets.secure(e.Output)
	}
	return nil
}

// ActivityReused ends an activity of a rerun with what it came to in the earlier run. It is
// shown as Skipped and counts with its earlier status [ENGINE 3.6].
type ActivityReused struct {
	Path           string
	At             time.Time
	UserProperties *value.Object
}

func (e *ActivityReused) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.At)
	c.object(&e.UserProperties)
}

func (e *ActivityReused) When() time.Time { return e.At }

func (e *ActivityReused) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	was := s.reusable(n)
	if was == nil {
		return misplaced("nothing is recovered of %s", e.Path)
	}
	r := s.begin(n, e.At, nil, e.UserProperties, false, was.SecureOutput || n.step.def.Policy.SecureOutput)
	r.Reused, r.Status, r.End, r.Output, r.Error = true, was.Status, e.At, was.Output, was.Error
	if r.SecureOutput {
		s.secrets.secure(r.Output)
	}
	s.finish(n, was.Status)
	return nil
}

// reusable returns what a node has from the earlier run; nil if it has to run. An activity
// that has become another one has to.
func (s *State) reusable(n *node) *Recovered {
	if was := s.recovered[n.path]; was != nil && was.Status != 0 && n.step.kind == kindExecution &&
		strings.EqualFold(was.Type, n.step.def.Type) {
		return was
	}
	return nil
}

// RecoveredChild returns the run that the ExecutePipeline at a path had started in the run
// that this one recovers; "" if there is none that counts.
func (s *State) RecoveredChild(path string) ID {
	if was := s.recovered[path]; was != nil {
		return was.Child
	}
	return ""
}

// A Restart says where a rerun begins: at the activity From, else at what had failed, else
// at the start.
type Restart struct {
	From        string
	FromFailure bool
}

// Check returns an error if a definition has no such activity at its top level.
func (x Restart) Check(r *Revision) error {
	if x.From == "" {
		return nil
	}
	if _, ok := r.graph.byName[strings.ToLower(x.From)]; ok {
		return nil
	}
	inner := false
	r.pipeline.Walk(func(a *pipeline.Activity) { inner = inner || strings.EqualFold(a.Name, x.From) })
	if inner {
		return fmt.Errorf("the activity '%s' stands inside of another one: a rerun starts at an activity of the "+
			"pipeline's own list", x.From)
	}
	return fmt.Errorf("the pipeline '%s' has no activity '%s'", r.pipeline.Name, x.From)
}

// again reports whether what stands in an activity of the pipeline's own list runs again
// wholly: the one at which a rerun starts, and all behind it.
func (x Restart) again(g *graph, top string) bool {
	if x.From == "" {
		return !x.FromFailure
	}
	from, to := g.byName[strings.ToLower(x.From)], g.byName[strings.ToLower(top)]
	if _, ok := g.byName[strings.ToLower(top)]; !ok {
		return true
	}
	return from == to || g.steps[to].isUpstream(from)
}

// Recovery returns what a rerun that follows the revision has of this run, which has ended
// and has its records ([State.KeepRecords]). Values in it may hold a [Kept]. What is inside
// of an Until runs again: the loop is evaluated anew.
func (s *State) Recovery(x Restart, r *Revision, at time.Time) []*Recovered {
	last := map[string]*ActivityRecord{}
	var paths []string
	for _, a := range s.records {
		if last[a.Path] == nil {
			paths = append(paths, a.Path)
		}
		last[a.Path] = a
	}
	var out []*Recovered
	for _, path := range paths {
		a := last[path]
		if a.until || x.again(r.graph, a.top) {
			continue
		}
		e := &Recovered{Path: path, Type: a.Type, At: at, Child: a.ChildRunID}
		if a.Execution && (a.Status == Succeeded || a.Status == Failed && x.From != "") {
			e.Status, e.Output, e.Error = a.Status, a.Output, a.Error
			e.SecureOutput = a.SecureOutput
		}
		if e.Status != 0 || e.Child != "" {
			out = append(out, e)
		}
	}
	return out
}

// Settled returns what names the messages that the run or those that it recovers have
// settled: lock tokens in lower case, and sequence numbers. It needs [State.KeepRecords]; load
// returns a value with every [Kept] replaced.
func (s *State) Settled(load func(value.Value) (value.Value, error)) ([]string, error) {
	names := slices.Clone(s.created.Settled)
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	add := func(v value.Value) {
		o, _ := v.(*value.Object)
		for _, name := range []string{"lockToken", "sequenceNumber"} {
			if v, ok := o.Lookup(name); ok && v != nil {
				if text := strings.ToLower(value.Text(v)); !known[text] {
					known[text] = true
					names = append(names, text)
				}
			}
		}
	}
	for _, a := range s.records {
		switch {
		case a.Status != Succeeded || a.Reused:
		case strings.EqualFold(a.Type, pipeline.ServiceBusSettle):
			if o, ok := a.Output.(*value.Object); ok {
				if done, _ := o.Lookup("settled"); done == false {
					continue
				}
			}
			add(a.Output)
		case strings.EqualFold(a.Type, pipeline.ServiceBusSend):
			v, err := load(a.Input)
			if err != nil {
				return nil, err
			}
			input, _ := v.(*value.Object)
			v, _ = input.Lookup("settle")
			if list, ok := v.(value.Array); ok {
				for _, one := range list {
					add(one)
				}
			} else {
				add(v)
			}
		}
	}
	return names, nil
}
