package run_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// generator draws random pipelines: every activity type that run decides, with
// random dependencies, nested as far as the depth allows.
type generator struct {
	t     *rapid.T
	names int
}

func (g *generator) draw(label string, n int) int { return rapid.IntRange(0, n-1).Draw(g.t, label) }

func (g *generator) activities(depth int) []any {
	count := g.draw("activities", 5)
	if depth == 0 {
		count++
	}
	var names []string
	out := []any{}
	for range count {
		a := g.activity(depth)
		deps := []any{}
		for _, name := range names {
			if g.draw("depends", 3) == 0 {
				var conditions []any
				for _, c := range []string{"Succeeded", "Failed", "Completed", "Skipped"} {
					if g.draw("condition", 3) == 0 {
						conditions = append(conditions, c)
					}
				}
				deps = append(deps, map[string]any{"activity": name, "dependencyConditions": conditions})
			}
		}
		a["dependsOn"] = deps
		names = append(names, a["name"].(string))
		out = append(out, a)
	}
	return out
}

func (g *generator) activity(depth int) map[string]any {
	g.names++
	a := map[string]any{"name": fmt.Sprintf("A%d", g.names)}
	set := func(kind string, properties map[string]any) map[string]any {
		a["type"], a["typeProperties"] = kind, properties
		return a
	}
	kinds := 9
	if depth < 3 {
		kinds = 13
	}
	val := []any{"@guid()", "@rand(0,9)", "@utcNow()", "@variables('s')", "@length(variables('a'))", "@item()", "text"}[g.draw("value", 7)]
	switch g.draw("kind", kinds) {
	case 0:
		return set("Wait", map[string]any{"waitTimeInSeconds": g.draw("seconds", 100)})
	case 1:
		return set("SetVariable", map[string]any{"variableName": "s", "value": val})
	case 2:
		return set("AppendVariable", map[string]any{"variableName": "a", "value": val})
	case 3:
		return set("Filter", map[string]any{"items": "@range(0,5)", "condition": "@greater(rand(0,9),4)"})
	case 4:
		a["state"], a["onInactiveMarkAs"] = "Inactive", []string{"Succeeded", "Failed", "Skipped"}[g.draw("mark", 3)]
		return set("Probe", nil)
	case 8:
		return set("ExecutePipeline", map[string]any{"pipeline": map[string]any{"referenceName": "Q", "type": "PipelineReference"},
			"parameters": map[string]any{"v": val}, "waitOnCompletion": g.draw("waits", 3) > 0})
	case 9:
		return set("IfCondition", map[string]any{"expression": "@greater(rand(0,9),4)", "ifTrueActivities": g.activities(depth + 1), "ifFalseActivities": g.activities(depth + 1)})
	case 10:
		return set("Switch", map[string]any{"on": "@rand(0,3)", "cases": []any{
			map[string]any{"value": "0", "activities": g.activities(depth + 1)}, map[string]any{"value": "1", "activities": g.activities(depth + 1)}},
			"defaultActivities": g.activities(depth + 1)})
	case 11:
		return set("ForEach", map[string]any{"items": fmt.Sprintf("@take(range(0,9),%d)", g.draw("items", 6)), "isSequential": g.draw("sequential", 2) == 0,
			"batchCount": 1 + g.draw("batch", 4), "activities": g.activities(depth + 1)})
	case 12:
		return set("Until", map[string]any{"expression": "@greater(rand(0,9),3)", "timeout": "00:01:00", "activities": g.activities(depth + 1)})
	}
	a["policy"] = map[string]any{"retry": g.draw("retry", 3), "retryIntervalInSeconds": g.draw("interval", 40), "timeout": "00:00:50"}
	a["userProperties"] = []any{map[string]any{"name": "u", "value": val}}
	return set("Probe", map[string]any{"v": val})
}

// An entry is an event of a history with the time at which the state was asked
// for its next decisions, and how many of them had come before.
type entry struct {
	event run.Event
	now   time.Time
	batch int // number of the Decide call; outcomes belong to none (-1)
}

// created makes a run of random activities.
func (g *generator) created() (*run.Created, *run.State) {
	c := newCreated(g.t, map[string]any{
		"variables":  map[string]any{"s": map[string]any{"type": "String"}, "a": map[string]any{"type": "Array"}},
		"activities": g.activities(0),
	}, nil)
	s, err := newRun(c)
	if err != nil {
		g.t.Fatal(err)
	}
	return c, s
}

// TestFoldDecidesTheSame is the property a restart rests on: the state read back
// from any part of a history decides what the live one decided.
func TestFoldDecidesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t}
		c, live := g.created()
		history := randomRun(g, live, c)
		checkPrefixes(t, history)
		checkRestored(t, g, history)
		back := refoldEntries(t, history)
		if !reflect.DeepEqual(back.Activities(), live.Activities()) || !reflect.DeepEqual(back.InFlight(), live.InFlight()) || !reflect.DeepEqual(back.Timers(), live.Timers()) ||
			!reflect.DeepEqual(back.Children(), live.Children()) {
			t.Fatal("records, attempts in flight, timers or runs that are waited for differ after a fold")
		}
	})
}

// TestFoldOfLoops covers loops whose iterations end without waiting: work of an
// earlier iteration must not be taken for that of a later one.
func TestFoldOfLoops(t *testing.T) {
	loop := func(name string) any {
		return map[string]any{"name": name, "type": "Until", "typeProperties": map[string]any{
			"expression": "@greaterOrEquals(length(variables('a')),9)",
			"activities": []any{map[string]any{"name": "In" + name, "type": "AppendVariable", "typeProperties": map[string]any{"variableName": "a", "value": name}}},
		}}
	}
	c := newCreated(t, map[string]any{
		"variables":  map[string]any{"a": map[string]any{"type": "Array"}},
		"activities": []any{loop("X"), loop("Y"), loop("Z")},
	}, nil)
	s, err := newRun(c)
	if err != nil {
		t.Fatal(err)
	}
	history := []entry{{c, testStart, -1}}
	for _, e := range decide(s, testStart, math.MaxInt) {
		history = append(history, entry{e, testStart, 0})
	}
	if !s.Finished() || len(history) < 20 {
		t.Fatalf("%d events, finished %t", len(history), s.Finished())
	}
	checkPrefixes(t, history)
}

// checkPrefixes folds every part of a history and compares what the state then
// decides with what follows.
func checkPrefixes(t failer, history []entry) {
	t.Helper()
	checkPrefixesFrom(t, history, 1)
}

// checkPrefixesFrom leaves out what is written in one unit at the start.
func checkPrefixesFrom(t failer, history []entry, first int) {
	t.Helper()
	for k := first; k <= len(history); k++ {
		s := refoldEntries(t, history[:k])
		now := history[k-1].now
		want := nextBatch(history, k)
		if len(want) > 0 {
			now = want[0].now
		}
		other := restore(t, s)
		got := decide(s, now, math.MaxInt)
		decide(other, now, math.MaxInt)
		if !bytes.Equal(run.EncodeState(nil, s), run.EncodeState(nil, other)) {
			t.Fatalf("after %d of %d events: a state that was encoded and read decides something else", k, len(history))
		}
		if len(got) != len(want) {
			t.Fatalf("after %d of %d events: %d decisions, want %d", k, len(history), len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(run.EncodeEvent(nil, got[i]), run.EncodeEvent(nil, want[i].event)) {
				t.Fatalf("after %d events, decision %d: got %s, want %s", k, i, describe(got[i]), describe(want[i].event))
			}
		}
	}
}

// nextBatch returns the decisions that follow the first k events.
func nextBatch(history []entry, k int) []entry {
	end := k
	for end < len(history) && history[end].batch >= 0 && history[end].batch == history[k].batch {
		end++
	}
	return history[k:end]
}

func refoldEntries(t failer, history []entry) *run.State {
	var s *run.State
	for i, e := range history {
		d, err := run.DecodeEvent(run.EncodeEvent(nil, e.event))
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if i == 0 {
			s, err = newRun(d.(*run.Created))
		} else {
			err = s.Apply(d)
		}
		if err != nil {
			t.Fatalf("event %d %s: %v", i, describe(e.event), err)
		}
	}
	return s
}

// randomRun drives a state with random outcomes, delays, late reports and
// cancellation, and returns its history. It ends early when it gets long.
func randomRun(g *generator, s *run.State, c *run.Created) []entry {
	return randomRunBehind(g, s, []entry{{c, testStart, -1}})
}

// randomRunBehind is randomRun behind the events of the run's first unit.
func randomRunBehind(g *generator, s *run.State, history []entry) []entry {
	now := testStart
	for batch := 0; len(history) < 250; batch++ {
		for _, e := range decide(s, now, math.MaxInt) {
			history = append(history, entry{e, now, batch})
		}
		if s.Finished() {
			break
		}
		now = now.Add(time.Duration(g.draw("pass", 5)) * time.Second)
		e := g.outcome(s, now)
		if timer, ok := e.(*run.TimerFired); ok && timer.At.After(now) {
			now = timer.At
		}
		if err := s.Apply(e); err != nil {
			g.t.Fatalf("Apply %s: %v", describe(e), err)
		}
		history = append(history, entry{e, now, -1})
	}
	return history
}

func (g *generator) outcome(s *run.State, now time.Time) run.Event {
	if s.Status() == run.InProgress && g.draw("cancel", 60) == 0 {
		return &run.CancelRequested{At: now}
	}
	in, timers, children := s.InFlight(), s.Timers(), s.Children()
	if len(in)+len(timers)+len(children) == 0 {
		g.t.Fatal("the run is stuck")
	}
	if len(children) > 0 && (len(in)+len(timers) == 0 || g.draw("child", 3) == 0) {
		r := run.ChildResult{Status: []run.Status{run.Succeeded, run.Failed, run.Cancelled}[g.draw("ends", 3)], Message: "drawn"}
		return s.ChildEnded(children[g.draw("which child", len(children))].RunID, r, now)
	}
	if len(in) == 0 || len(timers) > 0 && g.draw("timer", 6) == 0 {
		x := timers[g.draw("which timer", len(timers))]
		if x.FireAt.After(now) {
			now = x.FireAt
		}
		return x.Fired(now)
	}
	e := in[g.draw("which attempt", len(in))]
	f := failed("E", "drawn")
	if g.draw("fails", 3) > 0 {
		f = succeeded(value.NewObject(value.Member{Name: "n", Value: int64(g.draw("n", 5))}))
	}
	f.Path, f.Attempt, f.At = e.Path, e.Attempt, now
	return f
}
