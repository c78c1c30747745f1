package pipeline

import (
	"fmt"
	"strings"

	"switchyard/expr"
	"switchyard/value"
)

// SharedVariables warns of the variables that iterations of a ForEach write while others
// run: a variable belongs to the whole run [ENGINE 1.2], and what an iteration reads may
// be what another one has written. Two things are well: what only appends collects, in
// the order of chance, and what sets the same value in all iterations [ENGINE 5.2].
func (p *Pipeline) SharedVariables() Diagnostics {
	var ds Diagnostics
	eachActive(p.Activities, func(a *Activity) (inside bool) {
		if a.ForEach == nil || a.ForEach.Sequential || a.ForEach.BatchCount == 1 {
			return true
		}
		for _, d := range newParallelLoop(a).shared() {
			d.File, d.Severity = p.File, SeverityWarning
			ds = append(ds, d)
		}
		return false
	})
	return ds
}

// eachActive calls f for the activities of a list that are active, and for those inside
// if it says so.
func eachActive(list []*Activity, f func(a *Activity) (inside bool)) {
	for _, a := range list {
		if a.Inactive || !f(a) {
			continue
		}
		for _, s := range a.Scopes() {
			eachActive(s.Activities, f)
		}
	}
}

// A parallelLoop is what the activities inside a ForEach do with variables.
type parallelLoop struct {
	loop      *Activity
	inside    map[string]bool // names of the activities, lower case
	order     []string
	variables map[string]*sharedVariable // those that are written, lower case
	read      map[string]bool            // lower case
	computed  bool                       // names that are read are computed
}

type sharedVariable struct {
	name          string
	sets, appends []*Activity
}

func newParallelLoop(a *Activity) *parallelLoop {
	l := &parallelLoop{loop: a, inside: map[string]bool{}, variables: map[string]*sharedVariable{}, read: map[string]bool{}}
	eachActive(a.ForEach.Activities, func(a *Activity) bool {
		l.inside[strings.ToLower(a.Name)] = true
		l.reads(a)
		if name, ok := writtenVariable(a); ok {
			l.writes(a, name)
		}
		return true
	})
	return l
}

// writtenVariable is the variable that an activity sets or appends to. A name that is
// computed is not seen.
func writtenVariable(a *Activity) (name string, ok bool) {
	if !a.Is("AppendVariable") && (!a.Is("SetVariable") || SetsReturnValue(a)) {
		return "", false
	}
	v, _ := a.TypeProperties.Lookup("variableName")
	name, ok = v.(string)
	return name, ok && !isExpression(name)
}

func (l *parallelLoop) writes(a *Activity, name string) {
	key := strings.ToLower(name)
	x := l.variables[key]
	if x == nil {
		x = &sharedVariable{name: name}
		l.variables[key], l.order = x, append(l.order, key)
	}
	if a.Is("AppendVariable") {
		x.appends = append(x.appends, a)
	} else {
		x.sets = append(x.sets, a)
	}
}

func (l *parallelLoop) reads(a *Activity) {
	for _, m := range a.Raw.Members() {
		v := m.Value
		if equalFold(m.Name, "typeProperties") {
			v = typePropertiesOf(a) // children speak for themselves
		}
		eachReferences(v, func(r expr.References) {
			for _, x := range r.Variables {
				l.read[strings.ToLower(x.Name)] = true
			}
			l.computed = l.computed || r.ComputedVariables > 0
		})
	}
}

// eachReferences calls f with what each expression below a value refers to. One that
// can't be parsed is told elsewhere.
func eachReferences(v value.Value, f func(expr.References)) {
	eachText(v, "", func(text, _ string) {
		if t, err := expr.Parse(text); err == nil {
			f(t.References())
		}
	})
}

// shared warns, at each activity that writes a variable so.
func (l *parallelLoop) shared() (ds Diagnostics) {
	for _, key := range l.order {
		x, read := l.variables[key], l.computed || l.read[key]
		warn := func(writers []*Activity, what string) {
			for _, a := range writers {
				ds = append(ds, Diagnostic{Path: a.Path + ".typeProperties.variableName", Message: fmt.Sprintf(
					"iterations of the ForEach activity %q run at the same time and share the variable %q: %s",
					l.loop.Name, x.name, what)})
			}
		}
		switch {
		case len(x.sets) > 0 && len(x.appends) > 0:
			warn(x.sets, "one discards what others have appended. Set isSequential to true")
		case len(x.sets) == 0 || l.sameForAll(x.sets):
		case read:
			warn(x.sets, "one sets it before another has read what it had set. Set isSequential to true, read "+
				"item() and activity() themselves in place of the variable, or call a pipeline that has it (ExecutePipeline)")
		default:
			warn(x.sets, "which of them sets it last is chance. Set isSequential to true, or collect the values of all "+
				"with AppendVariable")
		}
		if read {
			warn(x.appends, "what one reads of it holds what others have appended so far. Set isSequential to true, or "+
				"read it behind the loop")
		}
	}
	return ds
}

// changing are the functions that give something else each time.
var changing = []string{"item", "guid", "rand", "utcNow", "getFutureTime", "getPastTime"}

// sameForAll reports whether activities set one and the same value in all iterations.
func (l *parallelLoop) sameForAll(sets []*Activity) bool {
	first, _ := sets[0].TypeProperties.Lookup("value")
	for _, a := range sets {
		if v, _ := a.TypeProperties.Lookup("value"); !value.Equal(v, first) {
			return false
		}
	}
	same := true
	eachReferences(first, func(r expr.References) {
		for _, c := range r.Calls {
			same = same && !containsFold(changing, c.Name)
		}
		for _, a := range r.Activities {
			same = same && !l.inside[strings.ToLower(a.Name)]
		}
		for _, x := range r.Variables {
			same = same && l.variables[strings.ToLower(x.Name)] == nil
		}
		same = same && r.ComputedActivities+r.ComputedVariables == 0
	})
	return same
}
