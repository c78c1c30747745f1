package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// TestEndAtItsPaceHoldsUpNoOther: a run that has more than a megabyte to write with its
// end waits until it may, and the ends of other runs, which count with it, do not.
func TestEndAtItsPaceHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		memory := enginetest.NewMemory(func(u *commit.Unit) {
			if u.Bytes() >= 1<<20 {
				writes.Add(1)
				time.Sleep(time.Second) // and then the log is left to others for as long
			}
		})
		large := webA // and three decisions in one turn with the end
		for _, v := range []string{"x", "y", "z"} {
			large += fmt.Sprintf(`,{"name":%q,"type":"SetVariable","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],
				"typeProperties":{"variableName":%[1]q,"value":"@concat('%[1]s',string(range(0,100000)))"}}`, v)
		}
		w := newWorld(t, memory, pipelineJSON("large", large,
			`"variables":{"x":{"type":"String"},"y":{"type":"String"},"z":{"type":"String"}}`),
			pipelineJSON("small", webA))
		w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
			if c.PipelineName == "large" {
				time.Sleep(time.Second)
			}
			return activity.Result{Output: &value.Object{}}
		})
		w.start()
		defer w.engine.Stop(0)
		ids := []string{w.create("large", nil, engine.RunOptions{}), w.create("large", nil, engine.RunOptions{}),
			w.create("large", nil, engine.RunOptions{})}
		time.Sleep(2100 * time.Millisecond) // one is written, and the others wait
		if n := writes.Load(); n != 1 {
			t.Fatalf("%d large turns are written, want 1 at this moment", n)
		}
		began := time.Now()
		if got := w.wait(w.create("small", nil, engine.RunOptions{})); got != run.Succeeded {
			t.Errorf("a small run is %s", got)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("a small run ended after %s, want at once", took)
		}
		for _, id := range ids {
			if got := w.wait(id); got != run.Succeeded {
				t.Errorf("a large run is %s: %s", got, w.message(id))
			}
		}
	})
}

// TestEndThatWaitsHoldsUpNoCreation: who creates a run whose messages can't be read is
// answered, and what waits for the creations that are under way does not wait for its end.
func TestEndThatWaitsHoldsUpNoCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			`{"name":"S","type":"SetVariable","typeProperties":{"variableName":"s","value":"x"}}`,
			`"variables":{"s":{"type":"String"}}`))
		var failing atomic.Bool
		failing.Store(true)
		w.options.Finish = func(json.RawMessage, string, engine.Outcome) (commit.Effect, error) {
			return effect(func(*commit.Unit) (func(), error) {
				if failing.Load() {
					return nil, fmt.Errorf("queue: %w", commit.ErrUnread)
				}
				return func() {}, nil
			}), nil
		}
		w.start()
		defer w.engine.Stop(0)
		began := time.Now()
		go func() {
			time.Sleep(time.Minute)
			failing.Store(false)
		}()
		id := w.create("p", nil, engine.RunOptions{Binding: json.RawMessage(`1`)})
		if took := time.Since(began); took > time.Second {
			t.Errorf("the run was created after %s, want at once", took)
		}
		if err := w.engine.DeleteRunsOf(t.Context(), "other"); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the runs of another factory were deleted after %s, want at once", took)
		}
		if p, err := w.engine.PipelineRun(id); err != nil || p.Status != run.InProgress {
			t.Errorf("while it waits the run is %v, %v, want it in progress", p, err)
		}
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("the run is %s", got)
		}
	})
}

// TestCancelWhileWaitingForRoom: a run that waits for others that decide large things is
// cancelled at once.
func TestCancelWhileWaitingForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const large = `{"name":"Pre","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"L","type":"SetVariable","dependsOn":[{"activity":"Pre","dependencyConditions":["Succeeded"]}],
				"typeProperties":{"variableName":"s","value":"@concat(string(range(0,100000)),string(range(0,100000)))"}},
			{"name":"S","type":"SetVariable","dependsOn":[{"activity":"L","dependencyConditions":["Succeeded"]}],
				"policy":{"secureInput":true},"typeProperties":{"variableName":"v","value":%q}}`
		const variables = `"variables":{"s":{"type":"String"},"v":{"type":"String"}}`
		w := newWorld(t, enginetest.NewMemory(nil),
			pipelineJSON("holds", fmt.Sprintf(large, "@concat('slowly',' done')"), variables),
			pipelineJSON("waits", fmt.Sprintf(large, "x"), variables))
		w.options.Memory = 1 << 30 // room for one
		b := busy{done: make(chan struct{})}
		w.options.Sealer = b
		w.start()
		defer w.engine.Stop(0)
		holds := w.create("holds", nil, engine.RunOptions{})
		time.Sleep(2 * time.Second)
		waits := w.create("waits", nil, engine.RunOptions{})
		time.Sleep(2 * time.Second)
		if got := w.activities(waits); got != "Pre:Succeeded L:Succeeded" {
			t.Fatalf("the run that waits has %s", got)
		}
		if err := w.engine.Cancel(waits, true); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := w.status(waits); got != run.Cancelled {
			t.Errorf("a second after its cancellation the run is %s", got)
		}
		close(b.done)
		if got := w.wait(holds); got != run.Succeeded {
			t.Errorf("the other run is %s: %s", got, w.message(holds))
		}
	})
}
