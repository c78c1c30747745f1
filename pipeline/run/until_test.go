package run_test

import (
	"testing"
	"time"

	"switchyard/pipeline/run"
)

// TestUntilTimesOutBetweenIterations: an Until whose iterations take no time is between
// two of them whenever its owner stops to look at the clock; it times out all the same.
func TestUntilTimesOutBetweenIterations(t *testing.T) {
	for decisions := 1; decisions <= 4; decisions++ { // where the turns end
		c := newCreated(t, map[string]any{
			"variables": map[string]any{"s": map[string]any{"type": "String"}},
			"activities": []any{map[string]any{"name": "U", "type": "Until", "typeProperties": map[string]any{
				"expression": "@equals(1,2)", "timeout": "00:01:00",
				"activities": []any{map[string]any{"name": "S", "type": "SetVariable", "typeProperties": map[string]any{"variableName": "s", "value": "x"}}},
			}}},
		}, nil)
		s, err := newRun(c)
		if err != nil {
			t.Fatal(err)
		}
		now := c.At
		var timers []run.Timer
		for turn := 0; !s.Finished() && turn < 100; turn++ {
			for _, timer := range timers {
				if !timer.FireAt.After(now) && s.TimerWanted(timer) {
					if err := s.Apply(timer.Fired(now)); err != nil {
						t.Fatal(err)
					}
				}
			}
			events, _ := s.Decide(now, decisions, nil)
			for _, e := range events {
				if timer, ok := run.TimerOf(e); ok {
					timers = append(timers, timer)
				}
			}
			now = now.Add(time.Second)
		}
		if r, _ := s.Result(); r.Status != run.Failed || r.End.Sub(c.At) > 61*time.Second {
			t.Errorf("with turns of %d decisions the run is %s after %s, want Failed after a minute", decisions, s.Status(), now.Sub(c.At))
		}
	}
}
