package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/config"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/recurrence"
)

// previewed is how many times preview tells if nothing else is asked for.
const previewed = 100

// previewTrigger tells when a trigger would fire.
func previewTrigger(_ context.Context, e *env, v *config.Values, operands []string) int {
	d, t, err := triggerToPreview(v, operands[0])
	if err != nil {
		return e.fail(err)
	}
	p := &preview{env: e, trigger: t.Name, left: v.Int("count")}
	var ds pipeline.Diagnostics
	switch {
	case t.Is(recurrence.TypeScheduleTrigger):
		ds = p.schedule(d, t)
	case t.Is(recurrence.TypeTumblingWindowTrigger):
		ds = p.windows(d, t)
	default:
		return e.fail(&config.UsageError{Msg: fmt.Sprintf(
			"%s is a %s, which does not fire by time; preview is for a %s or a %s", printable(t.Name),
			printable(t.Type), recurrence.TypeScheduleTrigger, recurrence.TypeTumblingWindowTrigger)})
	}
	if ds.Err() != nil {
		return e.fail(ds.Errors())
	}
	for _, x := range ds {
		fmt.Fprintln(e.stderr, x)
	}
	if err := p.span(v, time.Now()); err != nil {
		return e.fail(err)
	}
	if e.json {
		return p.printJSON()
	}
	p.print()
	return exitOK
}

// triggerToPreview finds a trigger in its file, or by its name in a folder.
func triggerToPreview(v *config.Values, name string) (*deploy.Deployment, *pipeline.Trigger, error) {
	if strings.EqualFold(filepath.Ext(name), ".json") || strings.ContainsRune(name, filepath.Separator) {
		data, err := config.ReadFile("trigger", name)
		if err != nil {
			return nil, nil, err
		}
		d, ds := deploy.ReadTrigger(name, data)
		if err := ds.Err(); err != nil {
			return nil, nil, err
		}
		return d, d.Factory.Triggers[0], nil
	}
	dir := v.String("folder")
	if err := checkFolder(dir); err != nil {
		return nil, nil, err
	}
	d, ds := deploy.Read(os.DirFS(dir), dir, deploy.Mode{})
	if d.Factory != nil {
		if t := d.Factory.Trigger(name); t != nil {
			return d, t, d.CheckTrigger(t).Err()
		}
	}
	if err := refusedIn(ds, filepath.ToSlash(filepath.Join(dir, "trigger", name+".json"))); err != nil {
		return nil, nil, err
	}
	return nil, nil, &config.UsageError{Msg: fmt.Sprintf("the folder %s has no trigger %q%s", dir, name, triggersOf(d))}
}

// refusedIn returns the errors that are in one file.
func refusedIn(ds pipeline.Diagnostics, file string) error {
	var in pipeline.Diagnostics
	for _, x := range ds.Errors() {
		if x.File == file {
			in = append(in, x)
		}
	}
	return in.Err()
}

// triggersOf lists the triggers of a folder, as the end of a sentence.
func triggersOf(d *deploy.Deployment) string {
	if d.Factory == nil || len(d.Factory.Triggers) == 0 {
		return ", nor any other; --folder names another folder, and a FILE ends in .json"
	}
	var names []string
	for _, t := range d.Factory.Triggers {
		names = append(names, t.Name)
	}
	return "; it has " + strings.Join(names, ", ")
}

// A preview is when one trigger would fire.
type preview struct {
	*env
	trigger  string
	zone     *time.Location
	zoneName string
	from, to time.Time // a zero to is none
	left     int       // how many are told; negative: all
	between  func(from, to time.Time) iter.Seq[firing]
	windowed bool
	stamp    string // how times of windows are written
	waiting  string // title of what windows wait for; "" if they do not
	unknown  bool   // it is not known which windows they wait for
}

// A firing is one time at which it would, and of a tumbling window what is done then.
type firing struct {
	at     time.Time
	window recurrence.Window
	needs  []need
}

// A need is the windows of a trigger that must have succeeded before.
type need struct {
	trigger string
	known   bool // the folder has the trigger
	windows int64
	time    recurrence.Window // from the first to the last of them
}

// schedule prepares the preview of a schedule trigger.
func (p *preview) schedule(d *deploy.Deployment, t *pipeline.Trigger) pipeline.Diagnostics {
	s, ds := d.Schedule(t)
	if s == nil {
		return ds
	}
	p.zone, p.zoneName = s.Zone, s.ZoneName
	p.between = func(from, to time.Time) iter.Seq[firing] {
		return func(yield func(firing) bool) {
			for at := range s.Between(from, to) {
				if !yield(firing{at: at}) {
					return
				}
			}
		}
	}
	return ds
}

// windows prepares the preview of a tumbling-window trigger.
func (p *preview) windows(d *deploy.Deployment, t *pipeline.Trigger) pipeline.Diagnostics {
	w, ds := d.TumblingWindow(t)
	if w == nil {
		return ds
	}
	p.zone, p.windowed = time.UTC, true
	p.stamp = "2006-01-02 15:04"
	if w.Start.Truncate(time.Minute) != w.Start || w.Delay%time.Minute != 0 {
		p.stamp += ":05.9999999"
	}
	if len(w.DependsOn) > 0 {
		p.waiting = "WAITS FOR"
	}
	others := upstream(d, w)
	p.unknown = slices.Contains(others, nil)
	p.between = func(from, to time.Time) iter.Seq[firing] {
		return func(yield func(firing) bool) {
			for r := range w.Between(from, to) {
				f := firing{at: r.At, window: r.Window}
				for i, dependency := range w.DependsOn {
					f.needs = append(f.needs, needOf(t, dependency, r.Window, others[i]))
				}
				if !yield(f) {
					return
				}
			}
		}
	}
	return ds
}

// upstream returns the windows of each trigger that one depends on; nil if they are not known.
func upstream(d *deploy.Deployment, w *recurrence.TumblingWindow) []*recurrence.TumblingWindow {
	list := make([]*recurrence.TumblingWindow, len(w.DependsOn))
	for i, dependency := range w.DependsOn {
		if dependency.Trigger == "" {
			list[i] = w
			continue
		}
		other := d.Factory.Trigger(dependency.Trigger)
		if other != nil && other.Is(recurrence.TypeTumblingWindowTrigger) {
			list[i], _ = recurrence.ReadTumblingWindow(other)
		}
	}
	return list
}

func needOf(t *pipeline.Trigger, d recurrence.Dependency, w recurrence.Window, of *recurrence.TumblingWindow) need {
	n := need{trigger: d.Trigger}
	if n.trigger == "" {
		n.trigger = t.Name
	}
	if of == nil {
		return n
	}
	span := d.Needs(w, of)
	n.known, n.windows = true, span.Len()
	if n.windows > 0 {
		n.time = recurrence.Window{Start: of.Window(span.First).Start, End: of.Window(span.Last).End}
	}
	return n
}

// span reads from when on and until when is asked for, and how much.
func (p *preview) span(v *config.Values, now time.Time) (err error) {
	p.from = now
	if s := v.String("from"); s != "" {
		if p.from, err = momentIn(s, now, 1, p.zone); err != nil {
			return &config.UsageError{Msg: "--from: " + err.Error(), CommandLine: true}
		}
	}
	if s := v.String("to"); s != "" {
		if p.to, err = momentIn(s, p.from, 1, p.zone); err != nil {
			return &config.UsageError{Msg: "--to: " + err.Error(), CommandLine: true}
		}
		if !p.to.After(p.from) {
			return &config.UsageError{Msg: "--to is not after --from: nothing can be between them", CommandLine: true}
		}
	}
	switch {
	case p.left > 0:
	case p.json && !p.to.IsZero():
		p.left = -1
	default:
		p.left = previewed
	}
	return nil
}

// firings calls f for each time that is told, and returns the next one after them; zero: there is
// none.
func (p *preview) firings(f func(firing) error) (next time.Time, err error) {
	to := p.to
	if to.IsZero() {
		to = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for x := range p.between(p.from, to) {
		if p.left == 0 {
			return x.at, nil
		}
		p.left--
		if err := f(x); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

// print tells it to a person.
func (p *preview) print() {
	t := p.table()
	next, _ := p.firings(func(f firing) error { t.add(p.row(f)...); return nil })
	if len(t.rows) == 0 {
		fmt.Fprintf(p.stderr, "%s does not fire%s\n", printable(p.trigger), p.when())
		return
	}
	p.printf("%s", t.layout(p.tableWidth()))
	if p.unknown {
		fmt.Fprintln(p.stderr, "(?): the trigger is not there; a FILE is read alone, a NAME with its folder")
	}
	if !next.IsZero() {
		fmt.Fprintf(p.stderr, "there are more, from %s on: see --count and --from\n", next.Format(time.RFC3339Nano))
	}
}

// when says which time is meant.
func (p *preview) when() string {
	from := p.from.UTC().Format(time.RFC3339)
	if p.to.IsZero() {
		return " from " + from + " on"
	}
	return " from " + from + " until " + p.to.UTC().Format(time.RFC3339)
}

func (p *preview) table() *table {
	utc := column{title: "UTC", whole: true}
	if p.windowed {
		return &table{columns: []column{{"WINDOW (UTC)", true}, {"UNTIL", true}, {"READY", true}, {p.waiting, false}}}
	}
	if p.zoneName == "" {
		return &table{columns: []column{utc}}
	}
	return &table{columns: []column{{p.zoneName, true}, utc}}
}

func (p *preview) row(f firing) []string {
	const stamp = "2006-01-02T15:04:05.9999999Z07:00"
	switch {
	case p.windowed:
		return []string{f.window.Start.Format(p.stamp), f.window.End.Format(p.stamp), f.at.Format(p.stamp), waits(f.needs)}
	case p.zoneName == "":
		return []string{f.at.Format("Mon " + stamp)}
	}
	return []string{f.at.In(p.zone).Format("Mon 2006-01-02 15:04:05.9999999 -07:00"), f.at.Format(stamp)}
}

// waits says for how many windows of which triggers a window waits.
func waits(needs []need) string {
	var list []string
	for _, n := range needs {
		count := "?"
		if n.known {
			count = fmt.Sprint(n.windows)
		}
		list = append(list, fmt.Sprintf("%s (%s)", n.trigger, count))
	}
	return strings.Join(list, ", ")
}
