package run_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// vector is one scenario of outcomes.json [ENGINE 10].
type vector struct {
	Name       string
	Activities []vectorActivity
	Want       struct {
		Activities map[string]string
		Pipeline   string
	}
}

type vectorActivity struct {
	Name      string
	DependsOn []struct {
		Activity   string
		Conditions []string
	}
	Result           string
	State            string
	OnInactiveMarkAs string
	Children         []vectorActivity
}

func (a vectorActivity) json() map[string]any {
	deps := []any{}
	for _, d := range a.DependsOn {
		deps = append(deps, map[string]any{"activity": d.Activity, "dependencyConditions": d.Conditions})
	}
	m := map[string]any{"name": a.Name, "type": "Probe", "dependsOn": deps}
	if a.State != "" {
		m["state"], m["onInactiveMarkAs"] = a.State, a.OnInactiveMarkAs
	}
	if a.Children != nil {
		m["type"] = "IfCondition"
		m["typeProperties"] = map[string]any{"expression": "@bool('true')", "ifTrueActivities": activitiesJSON(a.Children)}
	}
	return m
}

func activitiesJSON(as []vectorActivity) []any {
	out := []any{}
	for _, a := range as {
		out = append(out, a.json())
	}
	return out
}

// results are what the activities of a vector come to, and what inactive ones are marked as.
func (v vector) results() (results, marks map[string]string) {
	results, marks = map[string]string{}, map[string]string{}
	var collect func(as []vectorActivity)
	collect = func(as []vectorActivity) {
		for _, a := range as {
			results[a.Name] = a.Result
			if a.State == "Inactive" {
				marks[a.Name] = a.OnInactiveMarkAs
			}
			collect(a.Children)
		}
	}
	collect(v.Activities)
	return results, marks
}

func outcomeVectors(t *testing.T) (vectors []vector) {
	data, err := os.ReadFile("testdata/outcomes.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 61 {
		t.Fatalf("%d vectors, want 61", len(vectors))
	}
	return vectors
}

func TestOutcomeVectors(t *testing.T) {
	for _, v := range outcomeVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			results, marks := v.results()
			s := newState(t, map[string]any{"activities": activitiesJSON(v.Activities)}, nil)
			got := map[string]string{}
			events := drive(t, s, func(e *run.ActivityStarted) *run.ActivityFinished {
				if results[e.Activity] == "Failed" {
					return failed("Oops", "forced")
				}
				return succeeded(nil)
			})
			for _, e := range events {
				switch e := e.(type) {
				case *run.ActivitySkipped:
					got[lastName(e.Path)] = "Skipped"
				case *run.ActivityFinished:
					name := lastName(e.Path)
					if got[name] = e.Status.String(); e.Status == run.Inactive {
						got[name] = marks[name]
					}
				}
			}
			if !maps.Equal(got, v.Want.Activities) {
				t.Errorf("activities\n got %v\nwant %v", got, v.Want.Activities)
			}
			if s.Status().String() != v.Want.Pipeline {
				t.Errorf("pipeline: got %s, want %s", s.Status(), v.Want.Pipeline)
			}
		})
	}
}

func lastName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

const testRunID = "0a1b2c3d-0000-4000-8000-000000000001"

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newState creates a run of a pipeline with the given properties.
func newState(t testing.TB, properties map[string]any, parameters *value.Object) *run.State {
	t.Helper()
	s, err := newRun(newCreated(t, properties, parameters))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

func newCreated(t failer, properties map[string]any, parameters *value.Object) *run.Created {
	t.Helper()
	def, err := json.Marshal(map[string]any{"name": "P", "properties": properties})
	if err != nil {
		t.Fatal(err)
	}
	return created(def, parameters)
}

// failer is what tests and properties have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func created(def []byte, parameters *value.Object) *run.Created {
	return &run.Created{
		Version: run.DecisionVersion, ID: testRunID, GroupID: testRunID, Factory: "F", PipelineName: "P", Definition: def,
		Parameters: parameters, Trigger: run.TriggerInfo{ID: "0", Name: "Manual", Type: "Manual", Time: testStart}, At: testStart,
	}
}

func succeeded(output value.Value) *run.ActivityFinished {
	return &run.ActivityFinished{Status: run.Succeeded, Output: output}
}

func failed(code, message string) *run.ActivityFinished {
	return &run.ActivityFinished{Status: run.Failed, Error: &pipeline.ActivityError{Code: code, Message: message, FailureType: pipeline.UserError}}
}

// decide takes at most max decisions that nothing interrupts.
func decide(s *run.State, now time.Time, max int) []run.Event {
	events, _ := s.Decide(now, max, nil)
	return events
}

// drive runs a state to its end, firing timers when nothing else is in flight
// and answering attempts in the order in which they start. It returns every
// event after Created.
func drive(t testing.TB, s *run.State, answer func(*run.ActivityStarted) *run.ActivityFinished) []run.Event {
	t.Helper()
	now := testStart
	var all []run.Event
	for range 1_000_000 {
		all = append(all, decide(s, now, math.MaxInt)...)
		if s.Finished() {
			return all
		}
		now = now.Add(time.Second)
		var e run.Event
		if in := s.InFlight(); len(in) > 0 {
			f := answer(in[0])
			f.Path, f.Attempt, f.At = in[0].Path, in[0].Attempt, now
			e = f
		} else if timers := s.Timers(); len(timers) > 0 {
			next := timers[0]
			for _, x := range timers {
				if x.FireAt.Before(next.FireAt) {
					next = x
				}
			}
			if next.FireAt.After(now) {
				now = next.FireAt
			}
			e = next.Fired(now)
		} else {
			t.Fatalf("the run is stuck after %d events", len(all))
		}
		if err := s.Apply(e); err != nil {
			t.Fatalf("Apply %T: %v", e, err)
		}
		all = append(all, e)
	}
	t.Fatal("the run does not end")
	return nil
}

// describe renders an event on one line for scripts and messages.
func describe(e run.Event) string {
	js := func(v value.Value) string { return string(value.Append(nil, v)) }
	obj := func(o *value.Object) string {
		if o == nil {
			return "-"
		}
		return js(o)
	}
	reason := func(err *pipeline.ActivityError) string {
		if err == nil {
			return ""
		}
		return fmt.Sprintf(" error %s: %s", err.Code, err.Message)
	}
	clock := func(at time.Time) string { return "+" + at.Sub(testStart).String() }
	switch e := e.(type) {
	case *run.ActivityStarted:
		return fmt.Sprintf("start %s input %s timeout %s retry %d", run.Key(e.Path, e.Attempt), obj(e.Input), e.Timeout, e.Retry)
	case *run.ContainerStarted:
		s := fmt.Sprintf("container %s branch %s", e.Path, e.Branch)
		if e.Items != nil {
			s += fmt.Sprintf(" items %d queues %d", len(e.Items), e.Queues)
		}
		if !e.Deadline.IsZero() {
			s += " deadline " + clock(e.Deadline)
		}
		return s
	case *run.IterationStarted:
		return fmt.Sprintf("iteration %s#%d", e.Path, e.Iteration)
	case *run.ActivityFinished:
		return fmt.Sprintf("finish %s %s output %s%s", run.Key(e.Path, e.Attempt), e.Status, js(e.Output), reason(e.Error))
	case *run.ActivitySkipped:
		return "skip " + e.Path
	case *run.RetryScheduled:
		return fmt.Sprintf("retry %s at %s", run.Key(e.Path, e.Attempt), clock(e.FireAt))
	case *run.TimerStarted:
		return fmt.Sprintf("wait %s until %s", e.Path, clock(e.FireAt))
	case *run.TimerFired:
		return fmt.Sprintf("fired %s of %s", e.Timer, run.Key(e.Path, e.Attempt))
	case *run.VariableSet:
		return fmt.Sprintf("set %s: %s = %s", e.Path, e.Name, js(e.Value))
	case *run.VariableAppended:
		return fmt.Sprintf("append %s: %s + %s", e.Path, e.Name, js(e.Value))
	case *run.ChildStarted:
		return fmt.Sprintf("child %s runs %s wait %t input %s", e.Path, e.Pipeline, e.Wait, obj(e.Input))
	case *run.CancelRequested:
		return "cancel"
	case *run.Finished:
		return strings.TrimSpace(fmt.Sprintf("finished %s %s", e.Status, e.Message))
	}
	return fmt.Sprintf("%T", e)
}
