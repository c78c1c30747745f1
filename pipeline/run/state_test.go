package run_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/pipeline/run"
	"switchyard/value"
)

func TestNewRefuses(t *testing.T) {
	probe := func(name string, deps ...any) any {
		return map[string]any{"name": name, "type": "Probe", "dependsOn": deps}
	}
	on := func(name string) any { return map[string]any{"activity": name} }
	for name, activities := range map[string][]any{
		"cycle":                {probe("A", on("B")), probe("B", on("A"))},
		"depends on nothing":   {probe("A", on("Z"))},
		"depends on itself":    {probe("A", on("a"))},
		"same name twice":      {probe("A"), probe("a")},
		"malformed definition": {3},
	} {
		if _, err := newRun(newCreated(t, map[string]any{"activities": activities}, nil)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c := newCreated(t, map[string]any{}, nil)
	c.Version = run.DecisionVersion + 1
	if _, err := newRun(c); !errors.Is(err, run.ErrNewerRun) {
		t.Errorf("newer run: got %v, want ErrNewerRun", err)
	}
}

func TestEmptyPipelineSucceeds(t *testing.T) {
	s := newState(t, map[string]any{}, nil)
	events := decide(s, testStart, math.MaxInt)
	if len(events) != 1 || s.Status() != run.Succeeded || !s.Finished() {
		t.Errorf("got %d events and status %s, want one and Succeeded", len(events), s.Status())
	}
}

// TestRefusedEventsChangeNothing applies events that do not fit and finishes the
// run as if they had not come.
func TestRefusedEventsChangeNothing(t *testing.T) {
	s := newState(t, map[string]any{"activities": []any{
		map[string]any{"name": "A", "type": "Probe"},
		map[string]any{"name": "U", "type": "Until", "typeProperties": map[string]any{"expression": "@bool(1)", "activities": []any{map[string]any{"name": "B", "type": "Probe"}}}},
		map[string]any{"name": "C", "type": "Probe", "dependsOn": []any{map[string]any{"activity": "A"}}},
	}}, nil)
	decide(s, testStart, math.MaxInt)
	for _, tt := range []struct {
		e    run.Event
		want error
	}{
		{&run.Created{}, run.ErrMisplacedEvent},
		{&run.ActivityStarted{Path: "A", Attempt: 1}, run.ErrMisplacedEvent},
		{&run.ActivityStarted{Path: "C", Attempt: 1}, run.ErrMisplacedEvent},
		{&run.ActivityStarted{Path: "Nobody", Attempt: 1}, run.ErrMisplacedEvent},
		{&run.ContainerStarted{Path: "C", Branch: "activities"}, run.ErrMisplacedEvent},
		{&run.IterationStarted{Path: "U", Iteration: 2}, run.ErrMisplacedEvent},
		{&run.ActivitySkipped{Path: "C"}, run.ErrMisplacedEvent},
		{&run.RetryScheduled{Path: "A", Attempt: 2}, run.ErrMisplacedEvent},
		{&run.TimerStarted{Path: "C"}, run.ErrMisplacedEvent},
		{&run.VariableSet{Path: "A", Name: "x"}, run.ErrMisplacedEvent},
		{&run.VariableAppended{Path: "A", Name: "x"}, run.ErrMisplacedEvent},
		{&run.Finished{Status: run.InProgress}, run.ErrMisplacedEvent},
		{&run.ActivityFinished{Path: "A", Attempt: 1, Status: run.Skipped}, run.ErrMisplacedEvent},
		{&run.ActivityFinished{Path: "U", Attempt: 1, Status: run.Succeeded}, run.ErrMisplacedEvent},
		{&run.ActivityFinished{Path: "A", Attempt: 2, Status: run.Succeeded}, run.ErrNotWanted},
		{&run.ActivityFinished{Path: "C", Attempt: 1, Status: run.Succeeded}, run.ErrNotWanted},
		{&run.TimerFired{Path: "A", Attempt: 1, Timer: run.TimerWait}, run.ErrNotWanted},
		{&run.TimerFired{Path: "Nobody", Attempt: 1, Timer: run.TimerWait}, run.ErrNotWanted},
	} {
		if err := s.Apply(tt.e); !errors.Is(err, tt.want) {
			t.Errorf("%T %s: got %v, want %v", tt.e, describe(tt.e), err, tt.want)
		}
		if more := decide(s, testStart, math.MaxInt); len(more) > 0 {
			t.Fatalf("%T: led to %s", tt.e, describe(more[0]))
		}
	}
	drive(t, s, func(*run.ActivityStarted) *run.ActivityFinished { return succeeded(nil) })
	if s.Status() != run.Succeeded {
		t.Errorf("status %s, want Succeeded", s.Status())
	}
	if err := s.Apply(&run.CancelRequested{}); !errors.Is(err, run.ErrNotWanted) {
		t.Errorf("cancel after the end: got %v, want ErrNotWanted", err)
	}
}

func TestCall(t *testing.T) {
	s := newState(t, map[string]any{"activities": []any{map[string]any{
		"name": "A", "type": "Copy", "policy": map[string]any{"retry": 1},
		"linkedServiceName": map[string]any{"referenceName": "L", "type": "LinkedServiceReference", "parameters": map[string]any{"p": "@concat('a','b')"}},
		"inputs":            []any{map[string]any{"referenceName": "In", "type": "DatasetReference", "parameters": map[string]any{"q": "@int(1)"}}},
		"outputs":           []any{map[string]any{"referenceName": "Out", "type": "DatasetReference"}},
		"typeProperties":    map[string]any{"source": map[string]any{}, "sink": map[string]any{}},
	}}}, nil)
	e := decide(s, testStart, math.MaxInt)[0].(*run.ActivityStarted)
	c := s.Call(e)
	if c.Activity.Name != "A" || c.LinkedService.Name != "L" || object(c.LinkedService.Parameters) != `{"p":"ab"}` {
		t.Errorf("linked service %+v of %s", c.LinkedService, c.Activity.Name)
	}
	if len(c.Inputs) != 1 || object(c.Inputs[0].Parameters) != `{"q":1}` || len(c.Outputs) != 1 || c.Outputs[0].Parameters != nil {
		t.Errorf("inputs %+v, outputs %+v", c.Inputs, c.Outputs)
	}
	if c.Activity.LinkedService.Parameters == c.LinkedService.Parameters {
		t.Error("the definition's reference was resolved in place")
	}
	// RFC 4122: version 5, variant 10.
	if id := c.ActivityRunID; len(id) != 36 || id[14] != '5' || !strings.ContainsAny(id[19:20], "89ab") {
		t.Errorf("activity run id %s is no UUID of version 5", id)
	}
	second := s.Call(&run.ActivityStarted{Path: "A", Attempt: 2})
	if second.ActivityRunID == c.ActivityRunID || second.Seed == c.Seed {
		t.Error("two attempts share an id or a seed")
	}
	if again := s.Call(e); again.ActivityRunID != c.ActivityRunID || again.Seed != c.Seed {
		t.Error("the same attempt has two ids or seeds")
	}
}

// TestDecideMax takes decisions one by one and gets those of one call.
func TestDecideMax(t *testing.T) {
	whole, single := forEach(t, 30), forEach(t, 30)
	want := decide(whole, testStart, math.MaxInt)
	for i, w := range want {
		got := decide(single, testStart, 1)
		if len(got) != 1 || describe(got[0]) != describe(w) {
			t.Fatalf("decision %d: got %v, want %s", i, got, describe(w))
		}
	}
	if more := decide(single, testStart, 1); len(more) > 0 {
		t.Errorf("one more: %s", describe(more[0]))
	}
}

// TestUntilHasAnEnd runs a loop that would never end in one call of Decide.
func TestUntilHasAnEnd(t *testing.T) {
	s := newState(t, map[string]any{"activities": []any{map[string]any{"name": "U", "type": "Until",
		"typeProperties": map[string]any{"expression": "@bool(0)", "activities": []any{}}}}}, nil)
	decide(s, testStart, math.MaxInt)
	if r, ok := s.Result(); !ok || r.Status != run.Failed || !strings.Contains(r.Message, "100000 iterations") {
		t.Errorf("got %+v, want a failure that names the limit", r)
	}
}

func TestCancelledOnItsOwnCountsAsFailed(t *testing.T) {
	s := newState(t, map[string]any{"activities": []any{
		map[string]any{"name": "A", "type": "Probe", "policy": map[string]any{"retry": 2}},
		map[string]any{"name": "H", "type": "Probe", "dependsOn": []any{map[string]any{"activity": "A", "dependencyConditions": []string{"Failed"}}}},
	}}, nil)
	decide(s, testStart, math.MaxInt)
	if err := s.Apply(&run.ActivityFinished{Path: "A", Attempt: 1, Status: run.Cancelled, At: testStart}); err != nil {
		t.Fatal(err)
	}
	events := decide(s, testStart, math.MaxInt)
	if len(events) != 1 || run.NumberOf(events[0]) != run.NumberOf(&run.ActivityStarted{}) || !s.Wanted("H", 1) || s.Wanted("A", 1) || s.Wanted("A", 2) {
		t.Errorf("got %v, want the start of H and no retry of A", events)
	}
}

func forEach(t testing.TB, items int) *run.State {
	return newState(t, map[string]any{"activities": []any{map[string]any{
		"name": "Loop", "type": "ForEach", "typeProperties": map[string]any{
			"items": fmt.Sprintf("@range(0,%d)", items), "batchCount": 50,
			"activities": []any{map[string]any{"name": "Call", "type": "Probe", "typeProperties": map[string]any{"n": "@item()", "text": "item @{item()} of @{pipeline().Pipeline}"}}},
		}}}}, nil)
}

// BenchmarkDecideForEach1000 decides a ForEach of 1,000 items with one activity
// each, from its start to the end of the run. The cost of an event must not grow
// with the number of items: compare BenchmarkDecideForEach10000.
func BenchmarkDecideForEach1000(b *testing.B)  { benchmarkForEach(b, 1000) }
func BenchmarkDecideForEach10000(b *testing.B) { benchmarkForEach(b, 10000) }

func benchmarkForEach(b *testing.B, items int) {
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		s := forEach(b, items)
		queue := decide(s, testStart, math.MaxInt)
		events = 1
		for now := testStart; len(queue) > 0; now = now.Add(time.Millisecond) {
			e := queue[0]
			queue = queue[1:]
			events++
			if a, ok := e.(*run.ActivityStarted); ok {
				if err := s.Apply(&run.ActivityFinished{Path: a.Path, Attempt: a.Attempt, Status: run.Succeeded, Output: &value.Object{}, At: now}); err != nil {
					b.Fatal(err)
				}
				events++
				queue = append(queue, decide(s, now, math.MaxInt)...)
			}
		}
		if s.Status() != run.Succeeded {
			b.Fatalf("status %s", s.Status())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := &run.ActivityStarted{Path: "Loop[17]/Call", Attempt: 1, Activity: "Call", Type: "WebActivity", At: testStart, Timeout: time.Hour,
		Input: value.NewObject(value.Member{Name: "url", Value: "http://127.0.0.1/x"}, value.Member{Name: "method", Value: "POST"})}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = run.EncodeEvent(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}

// FuzzFold applies decoded events to a run: damaged histories are errors.
func FuzzFold(f *testing.F) {
	for _, e := range everyEvent() {
		f.Add(run.EncodeEvent(nil, e), true)
	}
	f.Add(run.EncodeEvent(nil, &run.ActivityFinished{Path: "Loop[0]/Call", Attempt: 1, Status: run.Failed}), true)
	f.Add(run.EncodeEvent(nil, &run.ContainerStarted{Path: "Loop", Branch: "activities", Queues: 3, Items: value.Array{nil}}), false)
	f.Fuzz(func(t *testing.T, data []byte, decided bool) {
		e, err := run.DecodeEvent(data)
		if err != nil {
			return
		}
		s := forEach(t, 3)
		if decided {
			decide(s, testStart, math.MaxInt)
		}
		if err := s.Apply(e); err != nil && !errors.Is(err, run.ErrMisplacedEvent) && !errors.Is(err, run.ErrNotWanted) {
			t.Fatalf("untyped error %v", err)
		}
		decide(s, testStart, 100)
		s.Activities()
		s.Timers()
	})
}
