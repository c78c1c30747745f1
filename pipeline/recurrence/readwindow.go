package recurrence

import (
	"math"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value/read"
)

// TypeTumblingWindowTrigger is the type of triggers that [ReadTumblingWindow] reads.
const TypeTumblingWindowTrigger = pipeline.TypeTumblingWindowTrigger

// Limits and defaults of a [TumblingWindow].
const (
	minWindowMinutes     = 5
	maxConcurrency       = 50
	maxDependencies      = 5
	defaultRetryInterval = 30
)

// ReadTumblingWindow reads the windows of a tumbling-window trigger. It returns nil if there are
// errors. What a dependency says of another trigger is for [Check].
func ReadTumblingWindow(t *pipeline.Trigger) (*TumblingWindow, pipeline.Diagnostics) {
	r, m := readerOf(t)
	m.Only("frequency", "interval", "startTime", "endTime", "delay", "maxConcurrency", "retryPolicy",
		"dependsOn")
	m.Required("interval")
	m.Required("startTime")
	m.Required("maxConcurrency")
	retry, _ := m.Object("retryPolicy")
	retry.Only("count", "intervalInSeconds")
	retryInterval := integer(retry, "intervalInSeconds", defaultRetryInterval, 0, math.MaxInt32)
	w := &TumblingWindow{
		Frequency:      frequency(m, Minute, Hour, Month),
		Interval:       integer(m, "interval", 1, 1, math.MaxInt32),
		MaxConcurrency: integer(m, "maxConcurrency", 1, 1, maxConcurrency),
		RetryInterval:  time.Duration(retryInterval) * time.Second,
	}
	if v, ok := retry.Value("count"); ok {
		w.Retry = v
		if literal := pipeline.Literal(v); literal != nil {
			if _, err := pipeline.RetryCount(literal); err != nil {
				retry.Fail("count", "%v", err)
			}
		}
	}
	if w.Frequency == Minute && w.Interval < minWindowMinutes && r.diags.Err() == nil {
		m.Fail("interval", "is %d, want at least %d minutes", w.Interval, minWindowMinutes)
	}
	if d, ok := timespan(m, "delay"); ok {
		if w.Delay = d; d < 0 {
			m.Fail("delay", "is %s, want 0 or more", pipeline.FormatTimespan(d))
		}
	}
	r.windowBounds(m, w)
	w.DependsOn = r.dependencies(m, w)
	if r.diags.Err() != nil {
		return nil, r.diags
	}
	if _, ok := w.After(w.Start); !ok {
		r.warn(m.Path(), "never fires: the first window would end at %s, after endTime",
			w.Window(0).End.Format(time.RFC3339))
	}
	return w, r.diags
}

// An Anchor is what says which windows a trigger has. It can't change once the trigger is there
// [ENGINE 6.2].
type Anchor struct {
	Frequency Frequency
	Interval  int
	Start     time.Time
}

// ReadAnchor reads only that of a tumbling-window trigger; false: it can't be read, so the trigger
// has no windows.
func ReadAnchor(t *pipeline.Trigger) (a Anchor, ok bool) {
	r, m := readerOf(t)
	m.Required("interval")
	m.Required("startTime")
	first, _ := r.stamp(m, "startTime")
	a = Anchor{frequency(m, Minute, Hour, Month), integer(m, "interval", 1, 1, math.MaxInt32), first.wall}
	return a, r.diags.Err() == nil
}

// windowBounds reads start and end, which are UTC.
func (r *reader) windowBounds(m *read.Members, w *TumblingWindow) {
	first, ok := r.stamp(m, "startTime")
	last, ended := r.stamp(m, "endTime")
	for _, x := range []struct {
		name string
		stamp
	}{{"startTime", first}, {"endTime", last}} {
		if x.text != "" && !x.absolute {
			r.warn(m.At(x.name), "%q has no Z at the end, and is UTC nevertheless: tumbling windows have no time zone",
				x.text)
		}
	}
	w.Start = first.wall
	if !ended {
		return
	}
	if w.End = last.wall; ok && !w.End.After(w.Start) {
		m.Fail("endTime", "%s is not after startTime %s", last.text, first.text)
	}
}

// dependencies reads dependsOn.
func (r *reader) dependencies(m *read.Members, w *TumblingWindow) (list []Dependency) {
	entries := m.Objects("dependsOn")
	if n := len(entries); n > maxDependencies {
		m.Fail("dependsOn", "has %d elements, want at most %d", n, maxDependencies)
		return nil
	}
	for _, o := range entries {
		switch kind := o.RequiredString("type"); {
		case strings.EqualFold(kind, "TumblingWindowTriggerDependencyReference"):
			list = append(list, otherDependency(o))
		case strings.EqualFold(kind, "SelfDependencyTumblingWindowTriggerReference"):
			list = append(list, selfDependency(o, w))
		case kind != "":
			o.Fail("type", "%q is neither TumblingWindowTriggerDependencyReference nor "+
				"SelfDependencyTumblingWindowTriggerReference", kind)
		}
	}
	return list
}

func otherDependency(o *read.Members) Dependency {
	o.Only("type", "referenceTrigger", "offset", "size")
	ref, _ := o.RequiredObject("referenceTrigger")
	ref.Only("referenceName", "type")
	d := Dependency{Size: size(o)}
	if ref.Raw() != nil {
		d.Trigger = ref.RequiredString("referenceName")
	}
	d.Offset, _ = timespan(o, "offset")
	return d
}

// size reads the length of a dependency; 0 is that of the window.
func size(o *read.Members) time.Duration {
	d, ok := timespan(o, "size")
	if ok && d <= 0 {
		o.Fail("size", "is %s, want more than 0", pipeline.FormatTimespan(d))
	}
	return d
}

// selfDependency reads a dependency on earlier windows. One that reaches into the window itself
// would have it wait for its own success.
func selfDependency(o *read.Members, w *TumblingWindow) Dependency {
	o.Only("type", "offset", "size")
	d := Dependency{Size: size(o)}
	if _, ok := o.Required("offset"); !ok {
		return d
	}
	offset, ok := timespan(o, "offset")
	if !ok {
		return d
	}
	if d.Offset = offset; offset >= 0 {
		o.Fail("offset", "is %s, want less than 0: a window can depend on earlier ones only",
			pipeline.FormatTimespan(offset))
		return d
	}
	if length := max(d.Size, 0); length > -offset || length == 0 && w.shortest() > -offset {
		name := "size"
		if length == 0 {
			name, length = "offset", w.shortest()
		}
		o.Fail(name, "a window would wait for itself: the size %s is more than what the offset %s goes back",
			pipeline.FormatTimespan(length), pipeline.FormatTimespan(offset))
	}
	return d
}

// shortest is how long a window is at least.
func (w *TumblingWindow) shortest() time.Duration {
	seconds := w.Frequency.seconds()
	if w.Frequency == Month {
		seconds = 28 * 24 * 60 * 60
	}
	return time.Duration(min(seconds*int64(w.Interval), int64(math.MaxInt64/time.Second))) * time.Second
}
