package recurrence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// first are the first times of a recurrence, in short.
func first(s *Schedule, n int) string {
	var out []string
	for t := range s.Between(s.Start, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)) {
		if out = append(out, t.Format("2006-01-02T15:04:05.999")); len(out) == n {
			break
		}
	}
	return strings.Join(out, " ")
}

// TestRules: rules of the specification that no vector has [ENGINE 6.1].
func TestRules(t *testing.T) {
	for _, c := range []struct{ name, recurrence, want string }{
		{"seconds are kept without a schedule", `"frequency":"hour","startTime":"2026-03-01T00:43:14.5Z"`,
			"2026-03-01T00:43:14.5 2026-03-01T01:43:14.5"},
		{"by days too", `"frequency":"Day","startTime":"2026-03-01T00:43:14Z"`, "2026-03-01T00:43:14 2026-03-02T00:43:14"},
		{"with a schedule the second is 0, and nothing is before the start", `"frequency":"Day","startTime":"2026-03-01T00:43:14Z","schedule":{}`,
			"2026-03-02T00:43:00 2026-03-03T00:43:00"},
		{"an occurrence at the start fires", `"frequency":"Day","startTime":"2026-03-01T08:00:00Z","schedule":{"hours":8,"minutes":0}`,
			"2026-03-01T08:00:00 2026-03-02T08:00:00"},
		{"the end fires", `"frequency":"Day","startTime":"2026-03-01T08:00:00Z","endTime":"2026-03-02T08:00:00Z"`,
			"2026-03-01T08:00:00 2026-03-02T08:00:00"},
		{"hours alone have the minute of the start", `"frequency":"Day","startTime":"2026-03-01T01:20:00Z","schedule":{"hours":[5]}`,
			"2026-03-01T05:20:00 2026-03-02T05:20:00"},
		{"a week has the day of the start", `"frequency":"Week","startTime":"2026-03-03T01:20:00Z","interval":2`,
			"2026-03-03T01:20:00 2026-03-17T01:20:00"},
		{"weeks begin on Monday", `"frequency":"Week","interval":2,"startTime":"2026-03-04T00:00:00Z","schedule":{"weekDays":["Sunday","Monday"]}`,
			"2026-03-08T00:00:00 2026-03-16T00:00:00 2026-03-22T00:00:00"},
		{"an empty list of days is none", `"frequency":"Week","startTime":"2026-03-04T00:00:00Z","schedule":{"weekDays":[]}`,
			"2026-03-04T00:00:00 2026-03-11T00:00:00"},
		{"months are counted from the start", `"frequency":"Month","startTime":"2026-01-31T06:00:00Z"`,
			"2026-01-31T06:00:00 2026-02-28T06:00:00 2026-03-31T06:00:00 2026-04-30T06:00:00"},
		{"with a schedule such a month is skipped", `"frequency":"Month","startTime":"2026-01-31T06:00:00Z","schedule":{"minutes":[0],"hours":[6]}`,
			"2026-01-31T06:00:00 2026-03-31T06:00:00 2026-05-31T06:00:00"},
		{"a day that two rules mean fires once", `"frequency":"Month","startTime":"2026-01-01T06:00:00Z","schedule":{"monthDays":[-31,31,-1]}`,
			"2026-01-01T06:00:00 2026-01-31T06:00:00 2026-02-28T06:00:00"},
		{"every Friday, the fifth and the last Monday", `"frequency":"Month","startTime":"2026-08-20T06:00:00Z","schedule":{
			"monthlyOccurrences":[{"day":"Friday"},{"day":"monday","occurrence":5},{"day":"monday","occurrence":-1}]}`,
			"2026-08-21T06:00:00 2026-08-28T06:00:00 2026-08-31T06:00:00 2026-09-04T06:00:00"},
		{"both lists", `"frequency":"Month","startTime":"2026-03-01T06:00:00Z","schedule":{"monthDays":[2],"monthlyOccurrences":[{"day":"Tuesday","occurrence":1}]}`,
			"2026-03-02T06:00:00 2026-03-03T06:00:00 2026-04-02T06:00:00 2026-04-07T06:00:00"},
		{"every second month", `"frequency":"Month","interval":2,"startTime":"2026-11-05T06:00:00Z","schedule":{"monthDays":[1,10]}`,
			"2026-11-10T06:00:00 2027-01-01T06:00:00 2027-01-10T06:00:00"},
		{"leap days, not in 2100", `"frequency":"Month","interval":12,"startTime":"2092-02-01T06:00:00Z","schedule":{"monthDays":[29]}`,
			"2092-02-29T06:00:00 2096-02-29T06:00:00 2104-02-29T06:00:00"},
		{"an offset is absolute, and the zone has no effect", `"frequency":"Day","startTime":"2026-03-08T00:30:00-08:00","timeZone":"Pacific Standard Time","schedule":{"hours":[9]}`,
			"2026-03-08T09:30:00 2026-03-09T09:30:00"},
		{"a start that the clock jumps over", `"frequency":"Hour","startTime":"2026-03-08T02:30:00","timeZone":"Eastern Standard Time"`,
			"2026-03-08T07:30:00 2026-03-08T08:30:00"},
		{"a start that the clock has twice", `"frequency":"Minute","interval":"45","startTime":"2026-11-01T01:30:00","timeZone":"Eastern Standard Time"`,
			"2026-11-01T05:30:00 2026-11-01T06:15:00"},
		{"a wall that is jumped over meets its neighbour", `"frequency":"Day","startTime":"2026-03-08T00:00:00","timeZone":"Eastern Standard Time",
			"schedule":{"hours":[1,2,3],"minutes":[0,30]}`,
			"2026-03-08T06:00:00 2026-03-08T06:30:00 2026-03-08T07:00:00 2026-03-08T07:30:00 2026-03-09T05:00:00"},
		{"up to the last day", `"frequency":"Day","startTime":"9999-12-30T06:00:00Z"`, "9999-12-30T06:00:00 "},
	} {
		s := schedule(t, "{"+c.recurrence+"}")
		n := strings.Count(c.want, " ") + 1
		if got := first(s, n); got != strings.TrimSpace(c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestFromWithin: what is asked for in a period that does not count is in the next one that does.
func TestFromWithin(t *testing.T) {
	for _, c := range []struct{ recurrence, after, want string }{
		{`"frequency":"Month","interval":2,"startTime":"2026-11-05T06:00:00Z","schedule":{"monthDays":[1,10]}`, "2026-12-15T00:00:00Z", "2027-01-01T06:00:00Z"},
		{`"frequency":"Month","interval":2,"startTime":"2026-11-05T06:00:00Z","schedule":{"monthDays":[1,10]}`, "2026-12-01T00:00:00Z", "2027-01-01T06:00:00Z"},
		{`"frequency":"Week","interval":2,"startTime":"2026-11-02T06:00:00Z","schedule":{"weekDays":["Tuesday"]}`, "2026-11-09T00:00:00Z", "2026-11-17T06:00:00Z"},
		{`"frequency":"Week","interval":2,"startTime":"2026-11-02T06:00:00Z","schedule":{"weekDays":["Tuesday"]}`, "2026-11-03T06:00:00Z", "2026-11-17T06:00:00Z"},
		{`"frequency":"Day","interval":3,"startTime":"2026-11-02T06:00:00Z"`, "2026-11-03T00:00:00Z", "2026-11-05T06:00:00Z"},
		{`"frequency":"Day","interval":3,"startTime":"2026-11-02T06:00:00Z"`, "1970-01-01T00:00:00Z", "2026-11-02T06:00:00Z"},
	} {
		after, _ := time.Parse(time.RFC3339, c.after)
		if got, ok := schedule(t, "{"+c.recurrence+"}").After(after); !ok || got.Format(time.RFC3339) != c.want {
			t.Errorf("%s after %s: got %v, %v, want %s", c.recurrence, c.after, got, ok, c.want)
		}
	}
}

// TestTheLastYear: what the service can't write does not fire.
func TestTheLastYear(t *testing.T) {
	for _, f := range []Frequency{Minute, Hour, Day, Week, Month} {
		s := schedule(t, fmt.Sprintf(`{"frequency":%q,"interval":1000,"startTime":"9999-12-31T20:00:00","timeZone":"Eastern Standard Time"}`, f))
		if at, ok := s.After(s.Start.Add(-1)); ok {
			t.Errorf("%s: fires at %v, want never: the year is 10000 in UTC", f, at)
		}
	}
	w := window(t, `{"frequency":"Hour","interval":5,"startTime":"9999-12-31T20:00:00Z","maxConcurrency":1}`)
	if r, ok := w.After(w.Start); ok {
		t.Errorf("a window %v, want none", r)
	}
}

// TestNever: a recurrence of days that there are not ends, and says so.
func TestNever(t *testing.T) {
	const path = "$.properties.typeProperties.recurrence: never fires: "
	for _, c := range []struct{ recurrence, why string }{
		{`"interval":12,"startTime":"2026-02-01T00:00:00Z","schedule":{"monthDays":[30]}`, "no month that counts has one of its days"},
		{`"interval":12,"startTime":"2026-02-01T00:00:00Z","schedule":{"monthDays":[-31,-30,31]}`, "no month that counts has one of its days"},
		{`"startTime":"2026-02-01T00:00:00Z","endTime":"2026-03-30T00:00:00Z","schedule":{"monthDays":[31]}`, "nothing is due from startTime until endTime"},
	} {
		s, ds := ReadSchedule(trigger(t, TypeScheduleTrigger, `{"recurrence":{"frequency":"Month",`+c.recurrence+`}}`))
		if s == nil {
			t.Fatal(ds)
		}
		if at, ok := s.After(s.Start); ok {
			t.Errorf("%s: fires at %v, want never", c.recurrence, at)
		}
		wantLines(t, c.recurrence, ds, path+c.why)
	}
	w, ds := ReadTumblingWindow(trigger(t, TypeTumblingWindowTrigger,
		`{"frequency":"Month","interval":1,"startTime":"2026-01-31T00:00:00Z","endTime":"2026-02-27T00:00:00Z","maxConcurrency":1}`))
	if w == nil {
		t.Fatal(ds)
	}
	wantLines(t, "a window", ds, "$.properties.typeProperties: never fires: the first window would end at 2026-02-28T00:00:00Z, after endTime")
	if r, ok := w.After(w.Start); ok {
		t.Errorf("a window %v, want none", r)
	}
}

// TestManyTimes: a year of minutes and a far time are as cheap as the next one: what is asked of
// the calendar is counted.
func TestManyTimes(t *testing.T) {
	zone := schedule(t, `{"frequency":"Day","startTime":"2026-01-01T00:00:00","timeZone":"W. Europe Standard Time"}`).Zone
	c := &calendar{start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), unit: Month, interval: 1, days: monthDays{numbers: []int{29}}, times: []time.Duration{0}}
	asked := 0
	walls := func(from time.Time) (time.Time, bool) { asked++; return c.next(from) }
	for _, at := range []time.Time{c.start, c.start.AddDate(5000, 0, 0), time.Date(9990, 2, 1, 0, 0, 0, 0, time.UTC)} {
		asked = 0
		if _, ok := due(at, zone, walls); !ok || asked > 6 {
			t.Errorf("after %v: %v with %d questions, want at most 6", at, ok, asked)
		}
	}
	every := schedule(t, `{"frequency":"Minute","startTime":"2026-01-01T00:00:00Z"}`)
	n := 0
	for range every.Between(every.Start, every.Start.AddDate(1, 0, 0)) {
		n++
	}
	if n != 365*24*60 {
		t.Errorf("a year has %d minutes, want %d", n, 365*24*60)
	}
}

// TestNeeds: which windows are waited for [ENGINE 6.2].
func TestNeeds(t *testing.T) {
	const hourly = `"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1`
	w := window(t, "{"+hourly+"}")
	for _, c := range []struct {
		name     string
		of       string
		d        Dependency
		k        int64
		want     Span
		wantSome int64
	}{
		{"the same hour", "{" + hourly + "}", Dependency{}, 5, Span{5, 5}, 1},
		{"before the start there are none", "{" + hourly + "}", Dependency{Offset: -3 * time.Hour, Size: 3 * time.Hour}, 1, Span{0, 0}, 1},
		{"all is before the start", "{" + hourly + "}", Dependency{Offset: -3 * time.Hour, Size: time.Hour}, 1, Span{0, -2}, 0},
		{"windows to come", "{" + hourly + "}", Dependency{Offset: time.Hour, Size: 2 * time.Hour}, 1, Span{2, 3}, 2},
		{"a day around the hour", `{"frequency":"Hour","interval":24,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1}`, Dependency{}, 30, Span{1, 1}, 1},
		{"after the other's end there are none", `{` + hourly + `,"endTime":"2026-01-01T03:30:00Z"}`, Dependency{Size: 9 * time.Hour}, 1, Span{1, 2}, 2},
		{"a month", `{"frequency":"Month","interval":1,"startTime":"2025-12-31T00:00:00Z","maxConcurrency":1}`, Dependency{Size: 40 * 24 * time.Hour}, 0, Span{0, 1}, 2},
	} {
		got := c.d.Needs(w.Window(c.k), window(t, c.of))
		if got != c.want || got.Len() != c.wantSome {
			t.Errorf("%s: got %v, %d windows, want %v, %d", c.name, got, got.Len(), c.want, c.wantSome)
		}
	}
}

// TestTheLastWindow: one that ends with the trigger is there, one that would end later is not.
func TestTheLastWindow(t *testing.T) {
	for end, want := range map[string]int{"03:00:00": 3, "03:59:59": 3, "04:00:00": 4} {
		w := window(t, `{"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-01T`+end+`Z","maxConcurrency":1}`)
		n := 0
		for range w.Between(w.Start, w.Start.AddDate(1, 0, 0)) {
			n++
		}
		if n != want {
			t.Errorf("until %s: %d windows, want %d", end, n, want)
		}
	}
}

// TestTumblingMonths: months from the 31st have no gap.
func TestTumblingMonths(t *testing.T) {
	w := window(t, `{"frequency":"Month","interval":"1","startTime":"2024-01-31T10:00:00Z","delay":"01:00:00","maxConcurrency":1}`)
	var got []string
	for r := range w.Between(w.Start, w.Start.AddDate(0, 3, 5)) {
		got = append(got, r.Start.Format("01-02")+" "+r.End.Format("01-02")+" "+r.At.Format("01-02T15"))
	}
	if want := []string{"01-31 02-29 02-29T11", "02-29 03-31 03-31T11", "03-31 04-30 04-30T11"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
