package recurrence

import (
	"testing"
	"time"

	"switchyard/pipeline"
)

// FuzzRead: any definition is read or refused, and what is read has times that increase and lie
// within its bounds, wherever one begins.
func FuzzRead(f *testing.F) {
	for _, properties := range []string{
		`"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Month","interval":2,"startTime":"2026-01-31T01:30:00","timeZone":"Greenland Standard Time",
			"schedule":{"minutes":[0,59],"hours":7,"monthDays":[31,-1],"monthlyOccurrences":[{"day":"Friday","occurrence":-5}]}}}`,
		`"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Week","startTime":"0001-01-01T00:00:00Z","endTime":"9999-12-31T00:00:00Z","schedule":{"weekDays":["Sunday"]}}}`,
		`"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Minute","interval":"7","startTime":"2026-01-31T01:30:00.1-08:00","count":1}}`,
		`"type":"TumblingWindowTrigger","typeProperties":{"frequency":"Month","interval":2147483647,"startTime":"2026-01-31T01:30:00Z","delay":"1.00:00:00","maxConcurrency":1,
			"dependsOn":[{"type":"SelfDependencyTumblingWindowTriggerReference","offset":"-70.00:00:00","size":"00:00:01"},
			{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"T"}}]}`,
		`"type":"TumblingWindowTrigger","typeProperties":{"frequency":"Minute","interval":2147483647,"startTime":"9000-01-31T01:30:00Z","maxConcurrency":1,"retryPolicy":{"count":1}}`,
	} {
		f.Add([]byte(`{"name":"T","properties":{`+properties+`}}`), int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, definition []byte, seconds int64) {
		x, _ := pipeline.ParseTrigger("T.json", definition)
		if x == nil {
			return
		}
		const years = 400 * 366 * 24 * 60 * 60
		from := time.Unix(seconds%years, 0)
		if s, ds := ReadSchedule(x); (s == nil) != (ds.Err() != nil) {
			t.Fatalf("schedule %v, %v", s, ds)
		} else if s != nil {
			walk(t, from, s.Start, s.End, s.After)
		}
		w, ds := ReadTumblingWindow(x)
		if (w == nil) != (ds.Err() != nil) {
			t.Fatalf("window %v, %v", w, ds)
		}
		if w == nil {
			return
		}
		walk(t, from, w.Start, time.Time{}, func(at time.Time) (time.Time, bool) {
			r, ok := w.After(at)
			if ok && (!r.Start.Before(r.End) || r.At.Before(r.End) || !w.End.IsZero() && r.End.After(w.End)) {
				t.Fatalf("window %v", r)
			}
			for _, d := range w.DependsOn {
				if s := d.Needs(r.Window, w); ok && s.Len() < 0 {
					t.Fatalf("%v needs %v", r, s)
				}
			}
			return r.At, ok
		})
		Check(&pipeline.Factory{Triggers: []*pipeline.Trigger{x}})
	})
}

func walk(t *testing.T, from, start, end time.Time, after func(time.Time) (time.Time, bool)) {
	for range 20 {
		at, ok := after(from)
		if !ok {
			return
		}
		if !at.After(from) || at.Before(start) || !end.IsZero() && at.After(end) {
			t.Fatalf("%v follows %v, from %v until %v", at, from, start, end)
		}
		from = at
	}
}
