package recurrence

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/expr"
)

// clocks are zones with changes of every kind: of half an hour, across midnight, by a whole day.
var clocks = map[string][2]string{ // a time near a change
	"UTC":                             {"2026-01-01", "2026-12-31"},
	"Central Standard Time":           {"2026-03-06", "2026-03-10"},
	"Eastern Standard Time":           {"2026-10-30", "2026-11-03"},
	"Lord Howe Standard Time":         {"2026-04-03", "2026-04-07"},
	"Greenland Standard Time":         {"2026-03-26", "2026-03-31"},
	"Samoa Standard Time":             {"2011-12-27", "2012-01-02"},
	"E. South America Standard Time":  {"2018-11-02", "2018-11-06"},
	"Morocco Standard Time":           {"2026-02-13", "2026-02-17"},
	"Nepal Standard Time":             {"2026-05-01", "2026-05-05"},
	"Azores Standard Time":            {"2026-10-23", "2026-10-27"},
	"Central Pacific Standard Time":   {"2026-05-01", "2026-05-05"},
	"Pacific Standard Time (Mexico)":  {"2026-03-06", "2026-03-10"},
	"Line Islands Standard Time":      {"1994-12-29", "1995-01-03"},
	"Middle East Standard Time":       {"2026-03-27", "2026-03-31"},
	"Cuba Standard Time":              {"2026-10-30", "2026-11-03"},
	"Lord Howe Standard Time, spring": {"2026-10-02", "2026-10-06"},
	"Greenland Standard Time, later":  {"2076-03-26", "2076-03-31"},
	"Lord Howe Standard Time, later":  {"2076-04-02", "2076-04-06"},
	"W. Europe Standard Time":         {"2076-12-29", "2077-01-03"}, // the last day of a leap year
}

func zoneID(name string) string { id, _, _ := strings.Cut(name, ","); return id }

// anyClock draws a zone and a time near a change of its clock.
func anyClock(t *rapid.T) (id string, l *time.Location, near time.Time) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(clocks))).Draw(t, "zone")
	id = zoneID(name)
	l, ok := expr.LoadTimeZone(id)
	if !ok {
		t.Fatalf("no zone %s", id)
	}
	from, _ := time.Parse(time.DateOnly, clocks[name][0])
	to, _ := time.Parse(time.DateOnly, clocks[name][1])
	return id, l, from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from)/time.Minute)).Draw(t, "minutes")) * time.Minute)
}

// wantedInstant says when a wall is due by another way than [due] has: it tries every minute.
func wantedInstant(wall time.Time, l *time.Location) time.Time {
	for t := wall.Add(-30 * time.Hour); ; t = t.Add(time.Minute) {
		_, offset := t.In(l).Zone()
		switch at := t.Add(time.Duration(offset) * time.Second); {
		case at.Equal(wall):
			return t
		case at.After(wall): // jumped over
			_, before := t.Add(-time.Minute).In(l).Zone()
			return wall.Add(-time.Duration(before) * time.Second)
		}
	}
}

// TestChanges: around changes of a clock the times are those of all walls, each once, in order.
func TestChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, l, near := anyClock(t)
		minutes := rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 1, 4, rapid.ID).Draw(t, "minutes")
		hours := rapid.SliceOfNDistinct(rapid.IntRange(0, 23), 1, 8, rapid.ID).Draw(t, "hours")
		z := ""
		if id == "UTC" {
			z = "Z"
		}
		start := near.AddDate(0, 0, -3).Truncate(24 * time.Hour)
		s := schedule(t, fmt.Sprintf(`{"frequency":"Day","startTime":"%s%s","timeZone":%q,"schedule":{"minutes":%s,"hours":%s}}`,
			start.Format("2006-01-02T15:04:05"), z, id, list(minutes), list(hours)))
		var want []time.Time
		for day := range 12 {
			for _, h := range hours {
				for _, m := range minutes {
					at := wantedInstant(start.AddDate(0, 0, day).Add(time.Duration(h)*time.Hour+time.Duration(m)*time.Minute), l)
					if from, to := near.AddDate(0, 0, -1), near.AddDate(0, 0, 6); !at.Before(from) && at.Before(to) && !at.Before(s.Start) {
						want = append(want, at)
					}
				}
			}
		}
		slices.SortFunc(want, time.Time.Compare)
		want = slices.CompactFunc(want, time.Time.Equal)
		got := slices.Collect(s.Between(near.AddDate(0, 0, -1), near.AddDate(0, 0, 6)))
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("near %v\n got %v\nwant %v", near, got, want)
		}
	})
}

func list(n []int) string { return strings.ReplaceAll(fmt.Sprint(n), " ", ",") }

// anySchedule draws a recurrence without mistakes, as JSON, and a time near its start.
func anySchedule(t *rapid.T) (recurrence string, near time.Time) {
	id, _, near := anyClock(t)
	f := rapid.SampledFrom([]Frequency{Minute, Hour, Day, Week, Month}).Draw(t, "frequency")
	interval := rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(1, maxInterval)).Draw(t, "interval")
	z := ""
	if id == "UTC" || rapid.Bool().Draw(t, "Z") {
		z = "Z"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"frequency":%q,"interval":%d,"startTime":%q,"timeZone":%q`, f, interval,
		near.Format("2006-01-02T15:04:05")+z, id)
	if rapid.IntRange(0, 3).Draw(t, "ends") == 0 {
		after := time.Duration(rapid.IntRange(0, 3000).Draw(t, "end")) * time.Hour
		fmt.Fprintf(&b, `,"endTime":%q`, near.Add(48*time.Hour+after).Format("2006-01-02T15:04:05")+z)
	}
	if f >= Day && rapid.Bool().Draw(t, "scheduled") {
		fmt.Fprintf(&b, `,"schedule":{"x":null%s}`, anyElements(t, f))
	}
	return b.String() + "}", near
}

func anyElements(t *rapid.T, f Frequency) string {
	var b strings.Builder
	numbers := func(name string, least, most, n int) {
		if rapid.Bool().Draw(t, name+" there") {
			all := rapid.SliceOfN(rapid.IntRange(least, most).Filter(func(n int) bool { return n != 0 || least == 0 }), 1, n).Draw(t, name)
			fmt.Fprintf(&b, `,%q:%s`, name, list(all))
		}
	}
	numbers("minutes", 0, 59, 5)
	numbers("hours", 0, 23, 5)
	day := rapid.SampledFrom([]string{"monday", "Tuesday", "SUNDAY", "Saturday"})
	if f == Week {
		fmt.Fprintf(&b, `,"weekDays":[%q,%q]`, day.Draw(t, "day"), day.Draw(t, "day"))
	}
	if f == Month {
		numbers("monthDays", -31, 31, 3)
		if rapid.Bool().Draw(t, "occurrences") {
			n := rapid.IntRange(-5, 5).Filter(func(n int) bool { return n != 0 }).Draw(t, "occurrence")
			fmt.Fprintf(&b, `,"monthlyOccurrences":[{"day":%q,"occurrence":%d},{"day":"Friday"}]`, day.Draw(t, "day"), n)
		}
	}
	return b.String()
}

// TestLawsOfSchedules: the times increase, none is outside of start and end, and a span is what
// its parts are together, however it is parted.
func TestLawsOfSchedules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		recurrence, near := anySchedule(t)
		s := schedule(t, recurrence)
		span := time.Duration(rapid.IntRange(1, 24*900).Draw(t, "hours")) * time.Hour
		if s.Frequency == Minute {
			span /= 100
		}
		from := near.Add(-span / 4)
		to := from.Add(span)
		all := slices.Collect(s.Between(from, to))
		for i, at := range all {
			if i > 0 && !at.After(all[i-1]) {
				t.Fatalf("%v follows %v", at, all[i-1])
			}
			if at.Before(s.Start) || !s.End.IsZero() && at.After(s.End) || at.Before(from) || !at.Before(to) {
				t.Fatalf("%v is outside of %v to %v, or of %v to %v", at, s.Start, s.End, from, to)
			}
			if at.Location() != time.UTC {
				t.Fatalf("%v is not in UTC", at)
			}
		}
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(span)).Draw(t, "between")))
		parts := append(slices.Collect(s.Between(from, between)), slices.Collect(s.Between(between, to))...)
		if !slices.Equal(parts, all) {
			t.Fatalf("from %v, %v to %v:\n got %v\nwant %v", from, between, to, parts, all)
		}
	})
}

// TestLawsOfWindows: windows follow each other without a gap from the start on, each is ready
// when its end and the delay have passed, none ends after the trigger, and those that have a part
// of a time are all of those and no others.
func TestLawsOfWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, _, start := anyClock(t)
		f := rapid.SampledFrom([]Frequency{Minute, Hour, Month}).Draw(t, "frequency")
		interval := rapid.IntRange(minWindowMinutes, 40).Draw(t, "interval")
		if f == Month {
			interval -= 4
		}
		start = start.Add(time.Duration(rapid.Int64Range(0, 9_999_999).Draw(t, "ticks")) * 100)
		delay := rapid.SampledFrom([]string{"00:00:00", "00:07:30", "3.00:00:00"}).Draw(t, "delay")
		end := ""
		if rapid.Bool().Draw(t, "ends") {
			end = `,"endTime":"` + start.AddDate(1, 6, 0).Format("2006-01-02T15:04:05Z") + `"`
		}
		w := window(t, fmt.Sprintf(`{"frequency":%q,"interval":%d,"startTime":%q,"delay":%q,"maxConcurrency":1%s}`, f, interval,
			start.Format("2006-01-02T15:04:05.0000000Z"), delay, end))
		x := w.Window(rapid.Int64Range(0, 300).Draw(t, "first"))
		if first := w.Window(0); !first.Start.Equal(start) {
			t.Fatalf("the first window is %v, want it from %v", first, start)
		}
		ready, ok := w.After(x.End.Add(w.Delay - 1))
		for range 50 {
			if ok != w.exists(x) {
				t.Fatalf("%v is there: %v, want %v", x, ok, !ok)
			}
			if !ok {
				break
			}
			if ready.Window != x || !ready.At.Equal(x.End.Add(w.Delay)) || !x.Start.Before(x.End) {
				t.Fatalf("%v is ready at %v, want %v at its end + %v", ready.Window, ready.At, x, w.Delay)
			}
			ready, ok = w.After(ready.At)
			if !ready.Start.Equal(x.End) {
				t.Fatalf("%v follows %v", ready, x)
			}
			x = ready.Window
		}
		from := start.Add(time.Duration(rapid.Int64Range(-100, 1000).Draw(t, "from")) * time.Hour)
		to := from.Add(time.Duration(rapid.Int64Range(1, 300*60).Draw(t, "long")) * time.Minute)
		span := w.overlapping(from, to)
		for k := max(span.First-2, 0); k <= span.Last+2; k++ {
			x := w.Window(k)
			if want := x.Start.Before(to) && from.Before(x.End) && w.exists(x); want != (k >= span.First && k <= span.Last) {
				t.Fatalf("window %d %v and %v to %v: in %v is %v", k, x, from, to, span, !want)
			}
		}
	})
}
