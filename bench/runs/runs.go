// Package runs drives an engine that makes the steps of runs durable, and measures it. It
// knows nothing of pipelines, so that any engine can be measured in the same way: each
// workload is the same for all, and a step does nothing.
//
// An engine that has not made each step of each run exactly once fails, and there are no
// figures.
package runs

import (
	"context"
	"fmt"
)

// A Workload is what is asked of an engine again and again.
type Workload struct {
	Name   string
	AtOnce int // runs that are under way
	Steps  int // of each run
	// Batch has the steps of a run made at once, at most so many, each for an item of a
	// list. 0: one after the other.
	Batch int
}

// All are the workloads that there are.
var All = []Workload{
	{Name: "alone", AtOnce: 1, Steps: 1},
	{Name: "together", AtOnce: 64, Steps: 1},
	{Name: "five", AtOnce: 64, Steps: 5},
	{Name: "foreach", AtOnce: 1, Steps: 1000, Batch: 50},
}

// Find returns the workload of a name.
func Find(name string) (Workload, error) {
	for _, w := range All {
		if w.Name == name {
			return w, nil
		}
	}
	return Workload{}, fmt.Errorf("%q is none of the workloads alone, together, five and foreach", name)
}

// An Engine makes runs of steps. What a step came to is durable before the step behind it
// begins, and the end of a run before Run returns.
type Engine interface {
	// Run makes one run of a workload.
	Run(ctx context.Context, w Workload) error
	// Made is how many steps have been made.
	Made() int64
}
