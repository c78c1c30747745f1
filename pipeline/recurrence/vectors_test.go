package recurrence

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"switchyard/pipeline"
)

// A vector is a case of testdata/recurrence.json.
type vector struct {
	Name, Source string
	Trigger      struct {
		Type           string
		TypeProperties json.RawMessage
	}
	From, To time.Time
	Expect   []time.Time
	Windows  [][2]time.Time
	Refused  bool

	Upstream map[string]json.RawMessage
	Window   time.Time
	Needs    map[string][][2]time.Time
}

// A tester is that of a test or of a property.
type tester interface {
	Helper()
	Fatal(args ...any)
}

// trigger makes a definition of typeProperties.
func trigger(t tester, kind, typeProperties string) *pipeline.Trigger {
	t.Helper()
	x, ds := pipeline.ParseTrigger("trigger/T.json", []byte(`{"name":"T","properties":{"type":"`+kind+`","typeProperties":`+typeProperties+`}}`))
	if ds.Err() != nil {
		t.Fatal(ds)
	}
	return x
}

func schedule(t tester, recurrence string) *Schedule {
	t.Helper()
	s, ds := ReadSchedule(trigger(t, TypeScheduleTrigger, `{"recurrence":`+recurrence+`}`))
	if s == nil {
		t.Fatal(ds)
	}
	return s
}

func window(t tester, typeProperties string) *TumblingWindow {
	t.Helper()
	w, ds := ReadTumblingWindow(trigger(t, TypeTumblingWindowTrigger, typeProperties))
	if w == nil {
		t.Fatal(ds)
	}
	return w
}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/recurrence.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 22 {
		t.Fatalf("%d vectors, want 22 or more", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			switch {
			case v.Refused:
				if _, ds := ReadSchedule(trigger(t, v.Trigger.Type, string(v.Trigger.TypeProperties))); ds.Err() == nil {
					t.Error("no error")
				}
			case v.Needs != nil:
				v.needs(t)
			case v.Trigger.Type == TypeTumblingWindowTrigger:
				v.windows(t)
			default:
				s, ds := ReadSchedule(trigger(t, v.Trigger.Type, string(v.Trigger.TypeProperties)))
				if len(ds) > 0 {
					t.Fatal(ds)
				}
				wantTimes(t, slices.Collect(s.Between(v.From, v.To)), v.Expect)
			}
		})
	}
}

func wantTimes(t *testing.T, got, want []time.Time) {
	t.Helper()
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

func (v vector) windows(t *testing.T) {
	w, ds := ReadTumblingWindow(trigger(t, v.Trigger.Type, string(v.Trigger.TypeProperties)))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	var at []time.Time
	var windows [][2]time.Time
	for r := range w.Between(v.From, v.To) {
		at = append(at, r.At)
		windows = append(windows, [2]time.Time{r.Start, r.End})
	}
	wantTimes(t, at, v.Expect)
	if !slices.Equal(windows, v.Windows) {
		t.Errorf("windows\n got %v\nwant %v", windows, v.Windows)
	}
}

func (v vector) needs(t *testing.T) {
	w := window(t, string(v.Trigger.TypeProperties))
	own := w.Window(w.steps().index(v.Window))
	if !own.Start.Equal(v.Window) {
		t.Fatalf("there is no window from %v", v.Window)
	}
	got := map[string][][2]time.Time{}
	for _, d := range w.DependsOn {
		name, of := "self", w
		if d.Trigger != "" {
			name, of = d.Trigger, window(t, string(v.Upstream[d.Trigger]))
		}
		span := d.Needs(own, of)
		for k := span.First; k <= span.Last; k++ {
			x := of.Window(k)
			got[name] = append(got[name], [2]time.Time{x.Start, x.End})
		}
	}
	if !maps.EqualFunc(got, v.Needs, slices.Equal) {
		t.Errorf("needs\n got %v\nwant %v", got, v.Needs)
	}
}
