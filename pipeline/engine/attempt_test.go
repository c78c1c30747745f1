package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/value"
)

// attempts is a world whose runs fail while the text p is not "good".
func attempts(t *testing.T, r *enginetest.Recorder) *world {
	w := newWorld(t, r.Memory, pipelineJSON("p", `{"name":"A","type":"WebActivity","typeProperties":{"url":"http://h/","method":"POST","body":"@pipeline().parameters.p"}}`,
		`"parameters":{"p":{"type":"string"}}`))
	w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
		if body, _ := c.Input.Get("body"); body == "good" {
			return activity.Result{}
		}
		return activity.Result{Err: &activity.Error{Code: "Bad", Message: strings.Repeat("bad ", 500)}}
	})
	return w
}

func (w *world) attempt(id, p string, cause byte) {
	w.t.Helper()
	o := engine.RunOptions{ID: id}
	if cause != 0 {
		o.Cause = engine.Hash{cause}
	}
	w.wait(w.create("p", value.NewObject(value.Member{Name: "p", Value: p}), o))
}

// kept tells which runs have their activities.
func (w *world) kept(ids ...string) (kept string) {
	for _, id := range ids {
		as, err := w.engine.ActivityRuns(id)
		switch {
		case err == nil && len(as) == 1:
			kept += id + " "
		case !errors.Is(err, engine.ErrRunDropped):
			w.t.Errorf("activities of %s: %d, %v", id, len(as), err)
		}
	}
	return kept
}

// TestAttempts: of the failed runs that one cause has started, the last one has its
// events, and the others together cost little.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := attempts(t, enginetest.NewRecorder())
		w.options.Memory = 1 << 20 // too little to remember what was read
		w.start()
		large := strings.Repeat("x", 64<<10)
		w.attempt("a", large, 1)
		first := w.size()
		if first < 64<<10 {
			t.Fatalf("a run with its message has %d bytes", first)
		}
		var ids []string
		for i := range 9 {
			ids = append(ids, fmt.Sprint("b", i))
			w.attempt(ids[i], large, 1)
		}
		if got, most := w.size(), first+9*4<<10; got > most {
			t.Errorf("10 attempts take %d bytes, the first took %d: want at most %d", got, first, most)
		}
		w.left() // compares the tally
		if got, want := w.kept(append(ids, "a")...), "b8 "; got != want {
			t.Errorf("%q have their activities, want %q", got, want)
		}
		p, err := w.engine.PipelineRun("a")
		if err != nil || p.Status.String() != "Failed" || p.Parameters.Len() != 0 || p.End.IsZero() || len(p.Message) > 2<<10 ||
			!strings.Contains(p.Message, "bad") || !strings.Contains(p.Message, "run b0, a later attempt of the same messages, has failed too") {
			t.Errorf("the first attempt: %+v, %v", p, err)
		}
		if _, err := w.engine.ActivityRuns("a"); err == nil || !strings.Contains(err.Error(), "run b0") {
			t.Errorf("its activities: %v, want an error that names the later attempt", err)
		}
		page, err := w.engine.ActivityRuns("b8")
		if err != nil {
			t.Fatal(err)
		}
		w.attempt("b9", large, 1)
		if _, err := page[0].Whole(); !errors.Is(err, engine.ErrRunDropped) {
			t.Errorf("an activity that was listed and then dropped: %v, want ErrRunDropped", err)
		}
		w.attempt("other", "bad", 2)
		w.attempt("none", "bad", 0)
		w.attempt("none too", "bad", 0)
		w.attempt("good", "good", 1)
		if got, want := w.kept("b9", "other", "none", "none too", "good"), "b9 other none none too good "; got != want {
			t.Errorf("%q have their activities, want %q", got, want)
		}
		if err := w.engine.DeleteRunsOf(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		if left := w.left(); left != "" || w.size() != 0 {
			t.Errorf("%q are left, %d bytes", left, w.size())
		}
		if id, err := w.memory.Attempt(engine.Hash{1}); err == nil {
			t.Errorf("the cause still names %s", id)
		}
		w.engine.Stop(0)
	})
}

// size is the tally's.
func (w *world) size() (bytes int64) {
	all, err := w.memory.Tallies()
	if err != nil {
		w.t.Error(err)
	}
	for _, t := range all {
		bytes += t.Bytes
	}
	return bytes
}

// TestAttemptsCrash: whatever unit was the last before a kill, the tally is true, each
// run is whole or says that it was dropped, and the next attempt goes on from there.
func TestAttemptsCrash(t *testing.T) { withSnapshots(t, testAttemptsCrash) }

func testAttemptsCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := attempts(t, r)
		w.start()
		for _, id := range []string{"a", "b", "c"} {
			w.attempt(id, strings.Repeat("x", 8<<10), 1)
		}
		w.engine.Stop(0)
		more := 0
		for n := 1; n <= r.Units(); n++ {
			c := attempts(t, r.After(n))
			c.start()
			time.Sleep(time.Minute)
			c.left()
			ids := strings.Fields(c.left())
			c.kept(ids...)
			c.attempt("next", "bad", 1)
			c.left()
			whole := strings.Fields(c.kept(append(ids, "next")...))
			if whole[len(whole)-1] != "next" || len(whole) > 2 {
				t.Errorf("killed after %d units: %q have their activities, want that of the last attempt", n, whole)
			}
			more += len(whole) - 1
			c.engine.Stop(0)
		}
		// A kill between the end of a run and the note of it costs one run's events.
		if more > 3 {
			t.Errorf("%d runs more than the last attempts have their activities after %d kills", more, r.Units())
		}
	})
}

// TestAttemptsWhileDeleting: a run that is deleted while a later attempt drops its
// events does not come back.
func TestAttemptsWhileDeleting(t *testing.T) {
	w := attempts(t, enginetest.NewRecorder())
	w.start()
	var wg sync.WaitGroup
	for cause := range byte(4) {
		wg.Go(func() {
			for i := range 30 {
				id, err := w.engine.CreateRun(context.Background(), w.factory, "p", value.NewObject(value.Member{Name: "p", Value: "bad"}),
					engine.RunOptions{ID: fmt.Sprint(cause, "-", i), Cause: engine.Hash{cause + 1}})
				if err != nil {
					t.Error(err)
					return
				}
				// It may be deleted before it is looked for.
				if _, err := w.engine.Wait(context.Background(), id); err != nil && !errors.Is(err, engine.ErrRunNotFound) {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		for _, id := range strings.Fields(w.ended()) {
			if err := w.engine.DeleteRuns(t.Context(), []string{id}); err != nil {
				t.Error(err)
			}
		}
	}
	if left := w.left(); left != "" {
		t.Errorf("%q are left", left)
	}
	w.engine.Stop(0)
}

// ended lists the runs that have ended.
func (w *world) ended() string {
	var ids []string
	if err := w.memory.Runs(engine.Listing{Factory: "f"}, func(r engine.RunRecord) (bool, error) {
		if !r.Active {
			ids = append(ids, r.ID)
		}
		return true, nil
	}); err != nil {
		w.t.Error(err)
	}
	return strings.Join(ids, " ")
}
