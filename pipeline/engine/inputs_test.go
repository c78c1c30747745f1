package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// loopOf is a pipeline whose loop gives calls a body.
func loopOf(name, items, body string) string {
	return pipelineJSON(name, fmt.Sprintf(`{"name":"L","type":"ForEach","typeProperties":{"items":%q,"batchCount":50,"activities":[
		{"name":"A","type":"WebActivity","typeProperties":{"method":"POST","url":"http://h/","body":%q}}]}}`, items, body))
}

// TestLargeInputsWait: what attempts are given that is above 64 KiB shares a room, in
// which there is place for two here. The others wait, without a turn, and those that
// need no room go on; when one ends the next is made. Nobody fails.
func TestLargeInputsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil),
			loopOf("large", "@range(0,20)", "@concat(string(item()),replace(string(range(0,50000)),'1','1'))"),
			loopOf("small", "@range(0,20)", "@string(item())"))
		w.options.Memory, w.options.MaxActivities = 10<<20, 4
		open, under := make(chan struct{}), atomic.Int64{}
		w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
			if c.PipelineName == "small" {
				return activity.Result{Output: &value.Object{}}
			}
			under.Add(1)
			defer under.Add(-1)
			body, _ := c.Input.Get("body")
			<-open
			return activity.Result{Output: value.NewObject(value.Member{Name: "length", Value: int64(len(body.(string)))})}
		})
		w.start()
		defer w.engine.Stop(0)
		large := w.create("large", nil, engine.RunOptions{})
		for range 20 {
			synctest.Wait()
			if n := under.Load(); n > 2 || n == 0 {
				t.Fatalf("%d attempts with large inputs are made at once, want 1 or 2", n)
			}
			if got := w.wait(w.create("small", nil, engine.RunOptions{})); got != run.Succeeded {
				t.Fatalf("beside them a run with small inputs is %s", got)
			}
			open <- struct{}{}
		}
		if got := w.wait(large); got != run.Succeeded {
			t.Errorf("the run is %s: %s", got, w.message(large))
		}
	})
}

// TestInputBeyondTheRun: an input of parts that are each small enough for the run, and
// together are not, fails by name before it is in memory.
func TestInputBeyondTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		many := strings.Repeat("variables('s'),", 40)
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			`{"name":"S","type":"SetVariable","typeProperties":{"variableName":"s","value":"@string(range(0,5000))"}},
			{"name":"A","type":"WebActivity","dependsOn":[{"activity":"S","dependencyConditions":["Succeeded"]}],
				"typeProperties":{"url":"http://h/","method":"POST","body":"@createArray(`+many+`'end')"}}`,
			`"variables":{"s":{"type":"String"}}`))
		w.options.RunMemory = 256 << 10
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			t.Error("the attempt was made")
			return activity.Result{}
		})
		w.start()
		defer w.engine.Stop(0)
		var end engine.Outcome
		w.engine.OnFinished(func(f engine.FinishedRun) { end = f.Outcome })
		w.wait(w.create("p", nil, engine.RunOptions{}))
		synctest.Wait()
		if end.Error == nil || end.Error.Code != engine.CodeRunMemory || !strings.Contains(end.Error.Message, "The input of the activity 'A'") {
			t.Errorf("got %+v, want %s that names the input of A", end.Error, engine.CodeRunMemory)
		}
	})
}

// TestYield: attempts that give up their turns let others be made, and go on. At most
// twice as many as execute may be aside; then they keep their turns.
func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil),
			loopOf("six", "@range(0,6)", "@string(item())"), loopOf("ten", "@range(0,10)", "@string(item())"),
			loopOf("beside", "@range(0,3)", "@string(item())"))
		w.options.MaxActivities = 3
		open, waiting := make(chan struct{}), atomic.Int64{}
		w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
			if c.PipelineName == "beside" {
				return activity.Result{Output: &value.Object{}}
			}
			c.Yield()
			c.Yield() // the second time there is nothing to give up
			waiting.Add(1)
			defer waiting.Add(-1)
			<-open
			return activity.Result{Output: &value.Object{}}
		})
		w.start()
		defer w.engine.Stop(0)
		six := w.create("six", nil, engine.RunOptions{})
		synctest.Wait()
		if got := w.wait(w.create("beside", nil, engine.RunOptions{})); got != run.Succeeded {
			t.Errorf("a run beside six attempts that wait is %s", got)
		}
		ten := w.create("ten", nil, engine.RunOptions{})
		synctest.Wait()
		if n := waiting.Load(); n != 9 {
			t.Errorf("%d attempts wait, want 6 aside and 3 that keep their turns", n)
		}
		close(open)
		for _, id := range []string{six, ten} {
			if got := w.wait(id); got != run.Succeeded {
				t.Errorf("a run is %s", got)
			}
		}
	})
}
