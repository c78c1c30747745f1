package trigger

import (
	"fmt"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/pipeline/recurrence"
)

// An upstream is a dependency of a trigger and the windows that it is about.
type upstream struct {
	recurrence.Dependency
	trigger string // its own name too
	of      *recurrence.TumblingWindow
}

// upstreams finds what the windows of a trigger wait for.
func upstreams(f *pipeline.Factory, t *pipeline.Trigger, own *recurrence.TumblingWindow) (list []upstream, err error) {
	if ds := recurrence.CheckDependencies(f, t); ds.Err() != nil {
		return nil, fmt.Errorf("trigger %q: %w", t.Name, ds.Err())
	}
	for _, d := range own.DependsOn {
		if d.Trigger == "" {
			list = append(list, upstream{d, t.Name, own})
			continue
		}
		other := f.Trigger(d.Trigger)
		if other == nil {
			return nil, fmt.Errorf("trigger %q depends on trigger %q, which does not exist", t.Name, d.Trigger)
		}
		of, ds := recurrence.ReadTumblingWindow(other)
		if err := ds.Err(); err != nil {
			return nil, fmt.Errorf("trigger %q depends on trigger %q: %w", t.Name, other.Name, err)
		}
		list = append(list, upstream{d, other.Name, of})
	}
	return list, nil
}

// unmet returns what a window still waits for, in a sentence; "": for nothing. It goes by what
// is durable.
func (t *TumblingWindow) unmet(r *Run) (why string, err error) {
	for _, n := range t.needs {
		span := n.Needs(r.Window.span(), n.of)
		if span.Len() == 0 {
			continue
		}
		first, last := n.of.Window(span.First), n.of.Window(span.Last)
		if why, err = t.o.Firings.missing(t.o.Factory.Name, n.trigger, first, last); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// missing returns the first reason why not all windows of a trigger from one to another have
// succeeded; "": they have. It reads how far the trigger has come first: what was made after that
// is not missed.
func (x *Firings) missing(factory, trigger string, first, last recurrence.Window) (why string, err error) {
	made, err := x.lastMade(factory, trigger)
	if err != nil {
		return "", err
	}
	from, to := first.Start.UTC().Format(keyTime), last.Start.UTC().Format(keyTime)
	err = x.eachWindow(factory, trigger, from, to, func(start string, w windowRecord) (bool, error) {
		at, _ := time.Parse(keyTime, start)
		why = fmt.Sprintf("It waits for the window of trigger '%s' that begins at %s (trigger run %s)", trigger, moment(at), w.ID)
		if w.Ended {
			why += ", which has not succeeded: rerun it"
		}
		why += "."
		return false, nil
	})
	if why == "" && err == nil && made.Before(last.End) {
		why = fmt.Sprintf("It waits for the windows of trigger '%s' until %s, which has made ", trigger, moment(last.End))
		if why += "none yet."; !made.IsZero() {
			why = strings.TrimSuffix(why, "none yet.") + "those until " + moment(made) + "."
		}
	}
	return why, err
}
