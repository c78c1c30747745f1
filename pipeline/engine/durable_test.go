package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
)

// TestListsShowWhatIsDurable: an attempt that a list shows as ended has ended for ever. While its
// end is written and not yet on the disk, the list shows it as it was.
func TestListsShowWhatIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		var mu sync.Mutex
		durable, looked := map[string]bool{}, 0
		memory := enginetest.NewMemory(func(*commit.Unit) { // written, and nobody has heard of it
			if w.engine == nil {
				return
			}
			for _, id := range w.engine.RunsOf("f") {
				as, err := activityRuns(w.engine, id)
				if err != nil {
					continue // not durable itself
				}
				mu.Lock()
				for _, a := range as {
					looked++
					if a.Status == run.Succeeded && !durable[fmt.Sprint(id, a.Path)] {
						t.Errorf("%s is shown as Succeeded and is not durable", a.Path)
					}
				}
				mu.Unlock()
			}
		})
		w = newWorld(t, memory, `{"name":"p","properties":{"activities":[`+webA+`,
			{"name":"B","type":"WebActivity","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"url":"http://h/","method":"GET"}}]}}`)
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result { return activity.Result{} })
		w.options.ActivityFinished = func(f engine.FinishedActivity) {
			mu.Lock()
			defer mu.Unlock()
			durable[fmt.Sprint(f.Run, f.Path)] = true
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Fatalf("status: got %s (%s)", got, w.message(id))
		}
		if as := w.activities(id); len(durable) != 2 || looked == 0 {
			t.Errorf("%d attempts are durable, %d were looked at; the list shows %s", len(durable), looked, as)
		}
		w.engine.Stop(0)
	})
}
