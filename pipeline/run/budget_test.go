package run_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/expr"
	"switchyard/pipeline/run"
)

// tooMuch is an expression over 100,000 items that no core ends within an hour.
const tooMuch = "@contains(range(item(), 100000), 0)"

func filterRun(t testing.TB, condition string) *run.State {
	return newState(t, map[string]any{
		"variables": map[string]any{
			"v":    map[string]any{"type": "String"},
			"text": map[string]any{"type": "String", "defaultValue": strings.Repeat("y", 100_000)}},
		"activities": []any{
			map[string]any{"name": "First", "type": "SetVariable", "typeProperties": map[string]any{"variableName": "v", "value": "x"}},
			map[string]any{"name": "Slow", "type": "Filter", "dependsOn": []any{map[string]any{"activity": "First"}},
				"typeProperties": map[string]any{"items": "@range(1,100000)", "condition": condition}},
		}}, nil)
}

// TestInterruptedDecisionIsNotTaken interrupts an evaluation: what was decided
// before it stands, and the run can be cancelled.
func TestInterruptedDecisionIsNotTaken(t *testing.T) {
	s := filterRun(t, tooMuch)
	var interrupt expr.Interrupt
	if events, left := s.Decide(testStart, 1, &interrupt); len(events) != 1 || !left {
		t.Fatalf("got %d events, left %t, want the variable to be set and more to decide", len(events), left)
	}
	time.AfterFunc(10*time.Millisecond, interrupt.Raise)
	if events, left := s.Decide(testStart, math.MaxInt, &interrupt); len(events) != 0 || !left {
		t.Fatalf("interrupted: got %v, left %t, want nothing decided and more to decide", events, left)
	}
	if events, left := s.Decide(testStart, math.MaxInt, &interrupt); len(events) != 0 || !left {
		t.Fatalf("still raised: got %v, left %t, want nothing decided", events, left)
	}
	interrupt.Lower()
	if err := s.Apply(&run.CancelRequested{At: testStart}); err != nil {
		t.Fatal(err)
	}
	if _, left := s.Decide(testStart, math.MaxInt, &interrupt); left || s.Status() != run.Cancelled {
		t.Errorf("left %t, status %s, want Cancelled", left, s.Status())
	}
}

// TestInterruptedDecisionIsTakenAgain interrupts a decision and lets the next call
// take it.
func TestInterruptedDecisionIsTakenAgain(t *testing.T) {
	s, want := filterRun(t, "@equals(mod(item(), 2), rand(0, 2))"), filterRun(t, "@equals(mod(item(), 2), rand(0, 2))")
	var interrupt expr.Interrupt
	s.Decide(testStart, 1, &interrupt)
	time.AfterFunc(time.Millisecond, interrupt.Raise)
	events, left := s.Decide(testStart, 1, &interrupt)
	if left && len(events) == 0 {
		interrupt.Lower()
		events, _ = s.Decide(testStart, 1, &interrupt)
	}
	wanted := decide(want, testStart, 2)
	if len(events) != 1 || describe(events[0]) != describe(wanted[1]) {
		t.Errorf("got %v, want %s", events, describe(wanted[1]))
	}
}

// TestBudgetFailsTheActivity lets a Filter take more than an activity may, by what
// takes the least time for its steps: reading text.
func TestBudgetFailsTheActivity(t *testing.T) {
	s := filterRun(t, "@contains(variables('text'), string(item()))")
	decide(s, testStart, math.MaxInt)
	r, ok := s.Result()
	if !ok || r.Status != run.Failed {
		t.Fatalf("got %+v, want a failed run", r)
	}
	a := s.Activities()[1]
	if a.Error == nil || a.Error.Code != expr.CodeLimitExceeded ||
		!strings.Contains(a.Error.Message, "the activity 'Slow' take more than the limit of 500000000 steps") {
		t.Errorf("error %+v, want one that names the activity and the limit", a.Error)
	}
}
