package runs_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/bench/runs"
	"switchyard/clock"
)

// An engine's runs take as long as they are told to, by their number.
type engine struct {
	takes    func(run int64) time.Duration
	forgets  bool
	runs     atomic.Int64
	made     atomic.Int64
	mu       sync.Mutex
	now, max int // runs under way
}

func (e *engine) Made() int64 { return e.made.Load() }

func (e *engine) count(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now += n
	e.max = max(e.max, e.now)
}

func (e *engine) Run(_ context.Context, w runs.Workload) error {
	e.count(1)
	defer e.count(-1)
	time.Sleep(e.takes(e.runs.Add(1)))
	if !e.forgets {
		e.made.Add(int64(w.Steps))
	}
	return nil
}

func TestFigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One of twenty takes ten times as long.
		e := &engine{takes: func(n int64) time.Duration {
			if n%20 == 0 {
				return 10 * time.Millisecond
			}
			return time.Millisecond
		}}
		m := &runs.Measurement{Engine: e, For: 290 * time.Millisecond, Clock: clock.Wall{},
			CPU: func() (time.Duration, error) { return time.Duration(e.runs.Load()) * 3 * time.Microsecond, nil }}
		f, err := m.Run(t.Context(), runs.All[0])
		if err != nil {
			t.Fatal(err)
		}
		if f.Workload != "alone" || f.Runs != 200 || f.Seconds != 0.29 || f.Median != 1 || f.Slow != 10 || f.CPU == nil || *f.CPU != 3 {
			t.Errorf("got %+v, want 200 runs in 0.29 s, of 1 ms and 10 ms, 3 us of processor time each", f)
		}
		if e.max != 1 {
			t.Errorf("%d runs at once, want 1", e.max)
		}
		if _, err = m.Run(t.Context(), runs.Workload{Name: "many", AtOnce: 7, Steps: 2}); err != nil || e.max != 7 {
			t.Errorf("%d runs at once, %v; want 7", e.max, err)
		}
		e.forgets = true
		if _, err = m.Run(t.Context(), runs.All[0]); !errors.Is(err, runs.ErrSteps) {
			t.Errorf("an engine that makes no steps: got %v, want %v", err, runs.ErrSteps)
		}
	})
}
