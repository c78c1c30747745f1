package run_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/pipeline/run"
	"switchyard/value"
)

const rerunDefinition = `{"name":"P","properties":{"activities":[
	{"name":"A","type":"Probe","userProperties":[{"name":"u","value":"@guid()"}]},
	{"name":"B","type":"Probe","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"got":"@activity('A').output.n"}},
	{"name":"Loop","type":"ForEach","typeProperties":{"isSequential":true,"items":"@createArray(1,2)","activities":[{"name":"In","type":"Probe"}]}}]}}`

// TestRerunFoldsFromAnyPrefix: a rerun that is read back from any part of its history decides
// what is left of it as the one that wrote it.
func TestRerunFoldsFromAnyPrefix(t *testing.T) {
	c := created([]byte(rerunDefinition), nil)
	c.Recovers = "earlier"
	s, err := newRun(c)
	if err != nil {
		t.Fatal(err)
	}
	history := []run.Event{c}
	apply := func(e run.Event) {
		t.Helper()
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
		history = append(history, e)
	}
	apply(&run.Recovered{Path: "A", Type: "Probe", Status: run.Succeeded, Output: value.NewObject(value.Member{Name: "n", Value: int64(7)}), At: testStart})
	apply(&run.Recovered{Path: "Loop[1]/In", Type: "probe", Status: run.Succeeded, At: testStart})
	apply(&run.Recovered{Path: "B", Type: "Another", Status: run.Succeeded, At: testStart})
	ends := []string{"B", "Loop[0]/In"}
	for _, path := range append([]string{""}, ends...) {
		if path != "" {
			e := succeeded(value.NewObject())
			e.Path, e.Attempt, e.At = path, 1, testStart
			apply(e)
		}
		history = append(history, decide(s, testStart, math.MaxInt)...)
	}
	if got, ok := s.Result(); !ok || got.Status != run.Succeeded {
		t.Fatalf("the run ended %+v, %v", got, ok)
	}
	var kinds []string
	for _, e := range history[4:] {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", e), "*run."))
	}
	if got := strings.Count(strings.Join(kinds, " "), "ActivityReused"); got != 2 {
		t.Errorf("%d activities are reused, want A and Loop[1]/In: %v", got, kinds)
	}
	for n := 4; n < len(history); n++ { // the first unit has Created and what is recovered
		if _, outcome := history[n].(*run.ActivityFinished); outcome {
			continue
		}
		x := refold(t, history[:n])
		if got := decide(x, testStart, 1); len(got) != 1 || !reflect.DeepEqual(got[0], history[n]) {
			t.Errorf("after %d events: %+v, want %+v", n, got, history[n])
		}
	}
}

// TestRecoveredMisplaced: what belongs to no rerun, comes too late or twice is damage.
func TestRecoveredMisplaced(t *testing.T) {
	one := &run.Recovered{Path: "A", Type: "Probe", Status: run.Succeeded, At: testStart}
	for name, c := range map[string]struct {
		recovers string
		before   []run.Event
		e        run.Event
	}{
		"no rerun":      {"", nil, one},
		"twice":         {"was", []run.Event{one}, one},
		"no status":     {"was", nil, &run.Recovered{Path: "A", At: testStart}},
		"not recovered": {"was", nil, &run.ActivityReused{Path: "A", At: testStart.Add(time.Second)}},
	} {
		first := created([]byte(rerunDefinition), nil)
		first.Recovers = c.recovers
		s, err := newRun(first)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.before {
			if err := s.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Apply(c.e); !errors.Is(err, run.ErrMisplacedEvent) {
			t.Errorf("%s: %v, want ErrMisplacedEvent", name, err)
		}
	}
}

// TestFoldOfReruns is TestFoldDecidesTheSame for the rerun of a random run, from what failed
// or from an activity, with what that run came to.
func TestFoldOfReruns(t *testing.T) {
	reused := false
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t}
		c, earlier := g.created()
		randomRun(g, earlier, c)
		r, err := run.ParseRevision(c.PipelineName, c.Definition)
		if err != nil {
			t.Fatal(err)
		}
		from := run.Restart{FromFailure: true}
		if list := r.Pipeline().Activities; len(list) > 0 && g.draw("from an activity", 2) == 0 {
			from = run.Restart{From: list[g.draw("which", len(list))].Name}
		}
		again := *c
		again.ID, again.Recovers = "0a1b2c3d-0000-4000-8000-000000000002", c.ID
		live, err := newRun(&again)
		if err != nil {
			t.Fatal(err)
		}
		history := []entry{{&again, testStart, -1}}
		for _, e := range earlier.Recovery(from, r, testStart) {
			if err := live.Apply(e); err != nil {
				t.Fatal(err)
			}
			history = append(history, entry{e, testStart, -1})
		}
		first := len(history)
		history = randomRunBehind(g, live, history)
		checkPrefixesFrom(t, history, first)
		for _, e := range history {
			_, is := e.event.(*run.ActivityReused)
			reused = reused || is
		}
	})
	if !reused {
		t.Error("no rerun reused anything")
	}
}
