package recurrence

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
	"switchyard/value/read"
)

// A reader reads the typeProperties of one trigger and collects what is wrong with them: what
// Data Factory refuses when the trigger is created or started is an error.
type reader struct {
	file  string
	diags pipeline.Diagnostics
}

// readerOf starts to read a trigger.
func readerOf(t *pipeline.Trigger) (*reader, *read.Members) {
	r := &reader{file: t.File}
	return r, read.New(t.TypeProperties, typeProperties, r)
}

// typeProperties is where those of a trigger stand in its file.
const typeProperties = "$.properties.typeProperties"

// Report implements [read.Sink]. A member that is not known is no error in Data Factory.
func (r *reader) Report(p read.Problem) {
	d := pipeline.Malformed(r.file, p)
	if p.Reason == read.Unknown {
		d.Severity = pipeline.SeverityWarning
		d.Message = "is not a member of this object, and has no effect; there are " +
			strings.Join(p.Known, ", ")
	}
	r.diags = append(r.diags, d)
}

// warn reports what has no effect, or not the one that it seems to have.
func (r *reader) warn(at, format string, a ...any) {
	r.diags = append(r.diags, pipeline.Diagnostic{File: r.file, Path: at, Message: fmt.Sprintf(format, a...),
		Severity: pipeline.SeverityWarning})
}

// whole returns the integer that a value is. Samples of the service write some as text.
func whole(v value.Value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case string:
		i, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return i, err == nil
	}
	return 0, false
}

// integer reads a whole number of a range.
func integer(m *read.Members, name string, absent, least, most int) int {
	v, ok := m.Value(name)
	if !ok {
		return absent
	}
	i, ok := whole(v)
	if !ok || i < int64(least) || i > int64(most) {
		m.Fail(name, "is %s, want an integer from %d to %d", value.Append(nil, v), least, most)
		return absent
	}
	return int(i)
}

// timespan reads [-][d.]hh:mm:ss. It returns false if there is none that can be read.
func timespan(m *read.Members, name string) (time.Duration, bool) {
	v, ok := m.Value(name)
	if !ok {
		return 0, false
	}
	s, ok := v.(string)
	if !ok {
		m.Fail(name, "is %s, want a timespan such as 01:00:00 or -1.00:00:00", value.Append(nil, v))
		return 0, false
	}
	digits, negative := strings.CutPrefix(s, "-")
	d, err := pipeline.ParseTimespan(digits)
	if err != nil {
		m.Fail(name, "is %q, want a timespan such as 01:00:00 or -1.00:00:00", s)
		return 0, false
	}
	if negative {
		d = -d
	}
	return d, true
}

// A stamp is a time as a definition writes it.
type stamp struct {
	text string
	// wall is the clock time that stands there or, if it has an offset, the time in UTC.
	wall     time.Time
	absolute bool // it ends in Z or an offset
}

// in returns the instant, which a zone tells of a time without an offset.
func (s stamp) in(zone *time.Location) time.Time {
	if s.absolute {
		return s.wall
	}
	return instant(s.wall, zone)
}

var stampPattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?$`)

// parseStamp reads yyyy-MM-ddTHH:mm[:ss[.fffffff]] with or without Z or an offset.
func parseStamp(text string) (stamp, bool) {
	m := stampPattern.FindStringSubmatch(text)
	if m == nil {
		return stamp{}, false
	}
	layout := "2006-01-02T15:04"
	if m[1] != "" {
		layout += ":05"
	}
	if m[3] != "" {
		layout += "Z07:00"
	}
	t, err := time.Parse(layout, text)
	t = t.UTC()
	return stamp{text, t, m[3] != ""}, err == nil && t.Year() >= 1 && possible(t)
}

// stamp reads a time. It returns false if there is none that can be read.
func (r *reader) stamp(m *read.Members, name string) (stamp, bool) {
	v, ok := m.Value(name)
	if !ok {
		return stamp{}, false
	}
	text, _ := v.(string)
	s, ok := parseStamp(text)
	if !ok {
		m.Fail(name, "is %s, want a time such as 2026-03-01T08:00:00Z", value.Append(nil, v))
	}
	return s, ok
}

// zone reads the time zone, which is UTC if there is none. It returns false if it does not exist.
func zone(m *read.Members, name string) (l *time.Location, id string, ok bool) {
	if _, there := m.Value(name); !there {
		return utc(), "", true
	}
	if id, ok = m.String(name); !ok {
		return nil, id, false
	}
	if l, ok = expr.LoadTimeZone(id); !ok {
		m.Fail(name, "%q is no time zone; want the id that Windows has for one, such as %q", id,
			"W. Europe Standard Time")
	}
	return l, id, ok
}

// utc is the zone that "UTC" and its other names stand for.
func utc() *time.Location {
	l, _ := expr.LoadTimeZone("UTC")
	return l
}

// frequency reads the unit, which must be one of some.
func frequency(m *read.Members, allowed ...Frequency) Frequency {
	text := m.RequiredString("frequency")
	f := parseFrequency(text)
	for _, a := range allowed {
		if a == f {
			return f
		}
	}
	if strings.TrimSpace(text) != "" {
		m.Fail("frequency", "%q is none of %s%s", text, names(allowed), instead(text))
	}
	return 0
}

func names(list []Frequency) string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = f.String()
	}
	return strings.Join(words, ", ")
}

// instead says how to write a frequency that there is not.
func instead(text string) string {
	switch strings.ToLower(text) {
	case "year":
		return "; a year is the frequency Month with the interval 12"
	case "week":
		return "; a week is the frequency Hour with the interval 168"
	case "day":
		return "; a day is the frequency Hour with the interval 24"
	}
	return ""
}
