package recurrence

import (
	"slices"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
	"switchyard/value/read"
)

// TypeScheduleTrigger is the type of triggers that [ReadSchedule] reads.
const TypeScheduleTrigger = pipeline.TypeScheduleTrigger

// maxInterval bounds the interval of a schedule.
const maxInterval = 1000

// ReadSchedule reads when a schedule trigger fires. It returns nil if there are errors; what the
// diagnostics warn of has no effect.
func ReadSchedule(t *pipeline.Trigger) (*Schedule, pipeline.Diagnostics) {
	r, tp := readerOf(t)
	tp.Only("recurrence")
	m, ok := tp.RequiredObject("recurrence")
	if !ok {
		return nil, r.diags
	}
	m.Only("frequency", "interval", "startTime", "endTime", "timeZone", "schedule", "count")
	if v, there := m.Value("count"); there {
		r.warn(m.At("count"), "is %s and has no effect: the trigger fires until endTime",
			value.Append(nil, v))
	}
	s := &Schedule{
		Frequency: frequency(m, Minute, Hour, Day, Week, Month),
		Interval:  integer(m, "interval", 1, 1, maxInterval),
	}
	start, ok := r.bounds(m, s)
	if ok && s.Frequency != 0 {
		r.due(m, s, start)
	}
	if r.diags.Err() != nil {
		return nil, r.diags
	}
	if _, fires := s.After(s.Start.Add(-1)); !fires {
		r.warn(m.Path(), "never fires: %s", whyNever(s))
	}
	return s, r.diags
}

// whyNever says why a schedule without mistakes never fires.
func whyNever(s *Schedule) string {
	if s.End.IsZero() {
		return "no month that counts has one of its days"
	}
	return "nothing is due from startTime until endTime"
}

// bounds reads start, end and zone, and returns the clock time of the start.
func (r *reader) bounds(m *read.Members, s *Schedule) (start time.Time, ok bool) {
	m.Required("startTime")
	first, haveStart := r.stamp(m, "startTime")
	last, haveEnd := r.stamp(m, "endTime")
	l, id, known := zone(m, "timeZone")
	if !haveStart || !known {
		return time.Time{}, false
	}
	if first.absolute && l != utc() {
		r.warn(m.At("timeZone"), "has no effect, because startTime %s says its offset itself: all times are UTC, "+
			"without daylight saving; leave the offset out for times of %s", first.text, id)
		l = utc()
	}
	s.Zone, s.Start = l, first.in(l)
	if l != utc() {
		s.ZoneName = id
	}
	ok = wantZ(m, "startTime", first, l)
	if !haveEnd || !wantZ(m, "endTime", last, l) {
		return first.wall, ok
	}
	if s.End = last.in(l); s.End.Before(s.Start) {
		m.Fail("endTime", "%s is before startTime %s", last.text, first.text)
	}
	return first.wall, ok
}

// wantZ refuses a time of UTC without a Z, with which a trigger can't be started.
func wantZ(m *read.Members, name string, s stamp, l *time.Location) bool {
	if s.absolute || l != utc() {
		return true
	}
	m.Fail(name, "%q has no Z at the end, without which Data Factory does not start a trigger whose time zone "+
		"is UTC; write %sZ", s.text, s.text)
	return false
}

// due reads what is due in a period.
func (r *reader) due(m *read.Members, s *Schedule, start time.Time) {
	raw, scheduled := m.Value("schedule")
	if s.Frequency.seconds() > 0 {
		if scheduled {
			m.Fail("schedule", "The recurrence schedule of trigger has an invalid recurrence frequency '%s'; "+
				"schedule belongs to Day, Week and Month", s.Frequency)
		}
		s.steps = newSteps(s.Start, s.Frequency, s.Interval)
		return
	}
	c := &calendar{start: start, unit: s.Frequency, interval: s.Interval}
	s.calendar = c
	if !scheduled {
		c.times = []time.Duration{start.Sub(midnight(dayOf(start)))}
		c.weekDays = 1 << start.Weekday()
		c.days = monthDays{numbers: []int{start.Day()}, capped: true}
		return
	}
	if o, isObject := raw.(*value.Object); !isObject {
		m.Wrong("schedule", raw, value.KindObject)
	} else {
		c.read(read.New(o, m.At("schedule"), r))
	}
}

// read reads the schedule of a recurrence.
func (c *calendar) read(m *read.Members) {
	m.Only("minutes", "hours", "weekDays", "monthDays", "monthlyOccurrences")
	c.belongs(m, "weekDays", Week)
	c.belongs(m, "monthDays", Month)
	c.belongs(m, "monthlyOccurrences", Month)
	c.times = timesOfDay(m, c.start)
	c.weekDays = readWeekDays(m)
	if c.weekDays == 0 {
		c.weekDays = 1 << c.start.Weekday()
	}
	c.days = monthDays{numbers: numbers(m, "monthDays", -31, 31), occurrences: readOccurrences(m)}
	if c.days.numbers == nil && c.days.occurrences == nil {
		c.days.numbers = []int{c.start.Day()}
	}
}

// belongs refuses a member with another frequency, also if it is an empty list.
func (c *calendar) belongs(m *read.Members, name string, to Frequency) {
	if _, there := m.Value(name); there && c.unit != to {
		m.Fail(name, "The recurrence schedule of trigger could not have '%s' for recurrence frequency '%s'; "+
			"%[3]s belongs to %s", strings.ToUpper(name[:1])+name[1:], c.unit, name, to)
	}
}

// timesOfDay reads minutes and hours. Minutes alone mean every hour, hours alone the minute of
// the start, and neither its hour and minute.
func timesOfDay(m *read.Members, start time.Time) []time.Duration {
	minutes, hours := numbers(m, "minutes", 0, 59), numbers(m, "hours", 0, 23)
	if hours == nil {
		hours = []int{start.Hour()}
		if minutes != nil {
			hours = nil
			for h := range 24 {
				hours = append(hours, h)
			}
		}
	}
	if minutes == nil {
		minutes = []int{start.Minute()}
	}
	times := make([]time.Duration, 0, len(hours)*len(minutes))
	for _, h := range hours {
		for _, minute := range minutes {
			times = append(times, time.Duration(h)*time.Hour+time.Duration(minute)*time.Minute)
		}
	}
	return times
}

// numbers reads an integer or a list of them, sorted and each once; an empty list is none. 0 is
// none of a range that begins below it.
func numbers(m *read.Members, name string, least, most int) []int {
	v, ok := m.Value(name)
	if !ok {
		return nil
	}
	list, isList := v.(value.Array)
	if !isList {
		list = value.Array{v}
	}
	var out []int
	for i, v := range list {
		at := name
		if isList {
			at = read.Element(name, i)
		}
		n, ok := whole(v)
		if ok && n >= int64(least) && n <= int64(most) && (n != 0 || least == 0) {
			out = append(out, int(n))
			continue
		}
		without := ""
		if least < 0 {
			without = " without 0"
		}
		m.Fail(at, "is %s, want an integer from %d to %d%s", value.Append(nil, v), least, most, without)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// maxWeekDays bounds the list of week days.
const maxWeekDays = 7

func readWeekDays(m *read.Members) (set weekDays) {
	list, _ := m.Array("weekDays")
	if len(list) > maxWeekDays {
		m.Fail("weekDays", "has %d elements, want at most %d", len(list), maxWeekDays)
	}
	for i, v := range list {
		text, _ := v.(string)
		d, ok := parseWeekday(text)
		if !ok {
			failWeekday(m, read.Element("weekDays", i), v)
			continue
		}
		set |= 1 << d
	}
	return set
}

func parseWeekday(s string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(s, d.String()) {
			return d, true
		}
	}
	return 0, false
}

func failWeekday(m *read.Members, name string, v value.Value) {
	m.Fail(name, "is %s, want a day of the week such as %q", value.Append(nil, v), time.Monday)
}

func readOccurrences(m *read.Members) (list []occurrence) {
	for _, o := range m.Objects("monthlyOccurrences") {
		o.Only("day", "occurrence")
		v, ok := o.Required("day")
		text, _ := v.(string)
		d, known := parseWeekday(text)
		if ok && !known {
			failWeekday(o, "day", v)
		}
		x := occurrence{day: d, n: integer(o, "occurrence", 0, -5, 5)}
		if v, there := o.Value("occurrence"); there && x.n == 0 {
			if n, ok := whole(v); ok && n == 0 {
				o.Fail("occurrence", "is 0, want 1 to 5, or -1 to -5 from the month's end; "+
					"without it, every one counts")
			}
		}
		list = append(list, x)
	}
	return list
}
