package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
)

// restart starts another engine on the same history.
func (w *world) restart() *engine.Engine {
	w.start()
	return w.engine
}

// put gives the factory a pipeline that waits some seconds.
func (w *world) putWait(seconds int) {
	w.t.Helper()
	p, diags := pipeline.ParsePipeline("p.json", []byte(pipelineJSON("p",
		fmt.Sprintf(`{"name":"W%d","type":"Wait","typeProperties":{"waitTimeInSeconds":%d}}`, seconds, seconds))))
	if err := diags.Err(); err != nil {
		w.t.Fatal(err)
	}
	w.factory.PutPipeline(p)
}

// definitions counts how often the text of a definition is written in the open,
// and the definitions that are written.
func definitions(r *enginetest.Recorder, text string) (open, written int) {
	for i := range r.Units() {
		for _, op := range r.Ops(i) {
			if op.Kind == commit.OpSet && op.Key[0] == 'd' {
				written++
			}
			open += bytes.Count(op.Value, []byte(text))
		}
	}
	return open, written
}

// A run follows the definition with which it was created, over a restart too.
func TestRunKeepsItsRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory)
		w.options.Sealer = xor{}
		w.putWait(100)
		w.start()
		old := w.create("p", nil, engine.RunOptions{ID: "old"})
		w.putWait(7)
		w.create("p", nil, engine.RunOptions{ID: "new"})
		w.engine.Stop(0)
		w.factory.DeletePipeline("p")
		w.start()
		for id, want := range map[string]string{old: "W100:Succeeded", "new": "W7:Succeeded"} {
			if got := w.wait(id); got != run.Succeeded || w.activities(id) != want {
				t.Errorf("%s: got %s with %s, want Succeeded with %s", id, got, w.activities(id), want)
			}
		}
		w.engine.Stop(0)
		if open, written := definitions(r, "typeProperties"); written != 2 || open != 0 {
			t.Errorf("%d definitions are written, %d texts in the open; want 2 and none", written, open)
		}
	})
}

// A definition stands in the history once, as long as a run follows it.
func TestDefinitionIsStoredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory)
		w.putWait(5)
		w.start()
		create := func(ids ...string) {
			for _, id := range ids {
				w.create("p", nil, engine.RunOptions{ID: id})
				w.wait(id)
			}
		}
		wantWritten := func(when string, want int) {
			t.Helper()
			if _, got := definitions(r, "-"); got != want {
				t.Errorf("%s: the definition is written %d times, want %d", when, got, want)
			}
		}
		remove := func(ids ...string) {
			t.Helper()
			if err := w.engine.DeleteRuns(t.Context(), ids); err != nil {
				t.Fatal(err)
			}
		}
		create("a", "b")
		wantWritten("two runs", 1)
		w.engine.Stop(0)
		w.putWait(5) // the same, read again
		w.start()
		create("c")
		wantWritten("a third after a restart", 2) // what is stored is not read for it
		remove("a", "c")
		create("d")
		wantWritten("others were deleted", 2)
		remove("b", "d")
		if unused, err := r.UnusedDefinitions(); err != nil || len(unused) > 0 {
			t.Errorf("unused definitions: %d, %v; want none", len(unused), err)
		}
		create("e")
		wantWritten("all others were deleted", 3)
		if got := w.activities("e"); got != "W5:Succeeded" {
			t.Errorf("activities of e: %s", got)
		}
		w.engine.Stop(0)
	})
}

// A crash between deleting runs and deleting their definitions leaves the
// definitions to the next start.
func TestStartDeletesUnusedDefinitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory)
		w.putWait(5)
		w.start()
		w.wait(w.create("p", nil, engine.RunOptions{ID: "a"}))
		w.engine.Stop(0)
		u := &commit.Unit{}
		r.DeleteRun(u, "a")
		r.Submit(u)
		r.Sync(u)
		if unused, err := r.UnusedDefinitions(); err != nil || len(unused) != 1 {
			t.Fatalf("unused definitions: %d, %v; want one", len(unused), err)
		}
		w.start()
		if unused, err := r.UnusedDefinitions(); err != nil || len(unused) > 0 {
			t.Errorf("unused definitions after the start: %d, %v; want none", len(unused), err)
		}
		w.engine.Stop(0)
	})
}

// Runs are created while others with the same definition are deleted: none loses
// its definition.
func TestCreateWhileDeleting(t *testing.T) {
	r := enginetest.NewRecorder()
	w := newWorld(t, r.Memory, pipelineJSON("p", webA))
	w.register("WebActivity", func(context.Context, *activity.Call) activity.Result { return activity.Result{} })
	w.start()
	done := make(chan struct{})
	for creator := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 50 {
				id := fmt.Sprint(creator, "-", i)
				if _, err := w.engine.CreateRun(context.Background(), w.factory, "p", nil, engine.RunOptions{ID: id}); err != nil {
					t.Error(err)
					return
				}
				if got, err := w.engine.Wait(context.Background(), id); err != nil || got != run.Succeeded {
					t.Errorf("%s: %s, %v", id, got, err)
				}
				if i%10 == 9 {
					continue // stays
				}
				if err := w.engine.DeleteRuns(context.Background(), []string{id}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	w.engine.Stop(0)
	w.start()
	runs, _, err := w.engine.Query(engine.Query{Factory: w.factory.Name})
	if err != nil || len(runs) != 20 {
		t.Errorf("%d runs, %v; want 20", len(runs), err)
	}
	for _, p := range runs {
		if as, err := activityRuns(w.engine, p.RunID); err != nil || len(as) != 1 {
			t.Errorf("%s: %d activities, %v; want one", p.RunID, len(as), err)
		}
	}
	w.engine.Stop(0)
}
