package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"switchyard/bench/workload"
	"switchyard/clock"
)

// A Figure is what was measured of a workload. What is nil could not be measured or was not
// asked for.
type Figure struct {
	Workload  string  `json:"workload"`
	Runs      int     `json:"runs"`
	Steps     int     `json:"steps"` // of each run
	AtOnce    int     `json:"atOnce"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"runsPerSecond"`
	// Median and Slow are how long a run took from being asked for to its end, in
	// milliseconds: half of the runs took no longer, 99 of a hundred.
	Median float64 `json:"p50Milliseconds"`
	Slow   float64 `json:"p99Milliseconds"`
	// CPU is processor time for each run, of this process and of the engine's others, in
	// microseconds.
	CPU     *float64 `json:"cpuMicroseconds"`
	Flushes *int64   `json:"flushes"` // of the block device, by whatever caused them
}

// A Measurement is how workloads are measured, one after the other.
type Measurement struct {
	Engine Engine
	// For is how long runs are begun. A fifth of that goes before, and does not count.
	For time.Duration
	// CPU is the processor time that the engine has had; nil: nobody knows.
	CPU    func() (time.Duration, error)
	Device workload.Device // whose flushes are counted; "": none's
	Clock  clock.Clock
}

// Run measures a workload.
func (m *Measurement) Run(ctx context.Context, w Workload) (Figure, error) {
	if _, err := m.drive(ctx, w, m.For/5); err != nil {
		return Figure{}, err
	}
	cpu, flushes, err := m.read()
	if err != nil {
		return Figure{}, err
	}
	began := m.Clock.Now()
	took, err := m.drive(ctx, w, m.For)
	if err != nil {
		return Figure{}, err
	}
	seconds := max(m.Clock.Now().Sub(began), time.Nanosecond).Seconds()
	toCPU, toFlushes, err := m.read()
	if err != nil {
		return Figure{}, err
	}
	f := Figure{Workload: w.Name, Runs: len(took), Steps: w.Steps, AtOnce: w.AtOnce, Seconds: seconds,
		PerSecond: float64(len(took)) / seconds, Median: part(took, 50), Slow: part(took, 99)}
	if cpu != nil && toCPU != nil {
		us := float64((*toCPU - *cpu).Nanoseconds()) / 1e3 / float64(len(took))
		f.CPU = &us
	}
	if flushes != nil {
		n := *toFlushes - *flushes
		f.Flushes = &n
	}
	return f, nil
}

// read is where the counters stand.
func (m *Measurement) read() (cpu *time.Duration, flushes *int64, err error) {
	if m.CPU != nil {
		if d, err := m.CPU(); err == nil { // another system than Linux has none
			cpu = &d
		}
	}
	if m.Device != "" {
		n, err := m.Device.Flushes()
		if err != nil {
			return nil, nil, err
		}
		flushes = &n
	}
	return cpu, flushes, nil
}

// drive begins runs for a time, one at least, and returns how long each took, the shortest
// first.
func (m *Measurement) drive(ctx context.Context, w Workload, long time.Duration) ([]time.Duration, error) {
	made, until := m.Engine.Made(), m.Clock.Now().Add(long)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	each := make([][]time.Duration, w.AtOnce)
	var all sync.WaitGroup
	for i := range each {
		all.Go(func() {
			for at := m.Clock.Now(); len(each[i]) == 0 || at.Before(until); {
				if err := m.Engine.Run(ctx, w); err != nil {
					cancel(fmt.Errorf("%s: %w", w.Name, err))
					return
				}
				ended := m.Clock.Now()
				each[i] = append(each[i], ended.Sub(at))
				at = ended
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	took := slices.Concat(each...)
	slices.Sort(took)
	if got, want := m.Engine.Made()-made, int64(len(took)*w.Steps); got != want {
		return nil, fmt.Errorf("%s: %w: it made %d for %d runs of %d", w.Name, ErrSteps, got, len(took), w.Steps)
	}
	return took, nil
}

// ErrSteps is wrapped by the error of an engine that has made more steps than there are, or fewer.
var ErrSteps = errors.New("the engine did not make each step once")

// part is how long the percent fastest took at most, in milliseconds.
func part(sorted []time.Duration, percent int) float64 {
	return float64(sorted[(len(sorted)*percent+99)/100-1].Nanoseconds()) / 1e6
}
