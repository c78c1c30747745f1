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
	"unsafe"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
)

const day = 24 * time.Hour

// keeping is a world whose engine has a retention; each run of its pipeline P has an
// activity.
func keeping(t *testing.T, r *enginetest.Recorder, keep engine.Retention) *world {
	w := newWorld(t, r.Memory, pipelineJSON("p", webA))
	w.register("WebActivity", func(context.Context, *activity.Call) activity.Result { return activity.Result{} })
	w.options.Retention = keep
	return w
}

func (w *world) runs(ids ...string) {
	for _, id := range ids {
		w.wait(w.create("p", nil, engine.RunOptions{ID: id}))
	}
}

// left lists the runs that are there, oldest first, and compares their tally.
func (w *world) left() string {
	w.t.Helper()
	var ids []string
	tally := engine.Tally{}
	if err := w.memory.Runs(engine.Listing{Factory: "f"}, func(r engine.RunRecord) (bool, error) {
		ids = append(ids, r.ID)
		if !r.Active {
			tally.Runs, tally.Bytes = tally.Runs+1, tally.Bytes+r.Bytes
		}
		return true, nil
	}); err != nil {
		w.t.Error(err)
	}
	all, err := w.memory.Tallies()
	if err != nil || len(all) > 1 {
		w.t.Errorf("tallies: %v, %v", all, err)
	}
	got := engine.Tally{}
	if len(all) == 1 {
		got.Runs, got.Bytes = all[0].Runs, all[0].Bytes
	}
	if got != tally {
		w.t.Errorf("the tally is %+v, and the runs are %+v", got, tally)
	}
	return strings.Join(ids, " ")
}

func (w *world) wantLeft(when, want string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.left(); got != want {
		w.t.Errorf("%s: the runs %q are there, want %q", when, got, want)
	}
}

// TestRetentionAge: runs go when they are old enough and have ended, over a restart
// too, with what only they needed.
func TestRetentionAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := keeping(t, r, engine.Retention{Age: 5 * day})
		w.putWait(int(8 * day / time.Second))
		w.start()
		w.create("p", nil, engine.RunOptions{ID: "long"})
		w.putWait(1)
		time.Sleep(time.Second)
		w.runs("a")
		time.Sleep(day)
		w.runs("b")
		w.wantLeft("after a day", "long a b")
		time.Sleep(4*day - time.Hour)
		w.wantLeft("shortly before", "long a b")
		time.Sleep(2 * time.Hour)
		w.wantLeft("after 5 days", "long b")
		if _, err := w.engine.ActivityRuns("a"); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("activities of a deleted run: %v", err)
		}
		w.engine.Stop(0)
		w.start()
		time.Sleep(day)
		w.wantLeft("after 6 days", "long")
		time.Sleep(6 * day)
		w.wantLeft("it has ended, and not long ago", "long")
		time.Sleep(2 * day)
		w.wantLeft("at the end", "")
		if unused, err := r.UnusedDefinitions(); err != nil || len(unused) > 0 {
			t.Errorf("definitions that no run follows: %d, %v", len(unused), err)
		}
		w.engine.Stop(0)
	})
}

// TestRetentionSize: the oldest go when there is too much, soon, and what is counted is
// what is there.
func TestRetentionSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := keeping(t, r, engine.Retention{})
		w.start()
		w.runs("one")
		w.engine.Stop(0)
		one, err := w.memory.Run("one")
		if err != nil || one.Bytes == 0 {
			t.Fatal(one, err)
		}
		items, bytes, err := w.memory.RunSize("one", 0, 0)
		if want := engine.SizeOf(items, bytes, one.Summary); err != nil || one.Bytes != want {
			t.Errorf("a run has %d bytes, %v; its events and payloads make it %d", one.Bytes, err, want)
		}
		w.options.Retention.Size = 16*one.Bytes + one.Bytes/2
		w.start()
		var ids []string
		for i := range 16 {
			ids = append(ids, fmt.Sprintf("r%02d", i))
		}
		w.runs(ids...)
		time.Sleep(30 * time.Second)
		w.runs("last")
		time.Sleep(5 * time.Second)
		w.wantLeft("when they had ended for a while", "r01 r02 r03 r04 r05 r06 r07 r08 r09 r10 r11 r12 r13 r14 r15 last")
		w.engine.Stop(0)
	})
}

// TestRetentionCrash: whatever unit was the last, the next process goes on and the
// tally is true.
func TestRetentionCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := keeping(t, r, engine.Retention{})
		w.start()
		for i := range 200 {
			w.runs(fmt.Sprintf("r%03d", i))
		}
		w.engine.Stop(0)
		time.Sleep(3 * day)
		before := r.Units()
		w.options.Retention.Age = 2 * day
		w.start()
		time.Sleep(3 * time.Hour)
		w.wantLeft("all are old", "")
		w.engine.Stop(0)
		if n := r.Units() - before; n < 4 || n > 8 {
			t.Errorf("200 runs and their definition were deleted in %d units", n)
		}
		for n := before; n < r.Units(); n++ {
			c := keeping(t, r.After(n), engine.Retention{Age: 2 * day})
			if left := len(strings.Fields(c.left())); left == 0 && n < r.Units()-1 {
				t.Errorf("after %d units nothing is left", n-before)
			}
			c.start()
			time.Sleep(3 * time.Hour)
			c.wantLeft(fmt.Sprint("killed after ", n-before), "")
			c.engine.Stop(0)
		}
	})
}

// A jumpingClock is a wall clock that somebody sets while time passes.
type jumpingClock struct {
	clock.Wall
	mu   sync.Mutex
	jump time.Duration
}

func (c *jumpingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Wall.Now()
	const secondBit = 30 // of a time.Time with a monotonic reading, which stays as it is
	*(*uint64)(unsafe.Pointer(&now)) += uint64(c.jump/time.Second) << secondBit
	return now
}

func (c *jumpingClock) set(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jump = d
}

// TestRetentionClock: a clock that is wrong for a while deletes nothing early, neither
// while it is wrong, nor after a restart, nor when it is right again.
func TestRetentionClock(t *testing.T) {
	for _, jump := range []time.Duration{day, 400 * day} {
		t.Run(jump.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wall := &jumpingClock{}
				r := enginetest.NewRecorder()
				w := keeping(t, r, engine.Retention{Age: 2 * day, Wall: wall})
				process := clock.NewProcess(wall)
				w.options.Clock = process
				w.start()
				w.runs("a")
				time.Sleep(day + 12*time.Hour)
				w.runs("b")
				wall.set(jump)
				time.Sleep(5 * time.Minute)
				w.wantLeft("while it is wrong", "a b")
				w.runs("wrong")
				w.engine.Stop(0)
				w.start()
				time.Sleep(3 * time.Minute)
				w.wantLeft("after a restart", "a b wrong")
				wall.set(0)
				time.Sleep(10 * time.Hour)
				w.wantLeft("right again", "a b wrong")
				time.Sleep(3 * time.Hour)
				w.wantLeft("after 2 days", "b wrong")
				w.engine.Stop(0)
			})
		})
	}
}

// TestDeleteRunsOf: deleting a factory's runs goes on where it was stopped, and others
// stay.
func TestDeleteRunsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := keeping(t, r, engine.Retention{})
		w.start()
		for i := range 150 {
			w.runs(fmt.Sprintf("r%03d", i))
		}
		ctx, cancel := context.WithCancel(t.Context())
		units := 0
		w.engine.Stop(0)
		log := &countedLog{Memory: w.memory, submitted: func() {
			if units++; units == 2 {
				cancel()
			}
		}}
		w.options.Log = log
		w.start()
		if err := w.engine.DeleteRunsOf(ctx, "F"); err == nil {
			t.Error("deleting went on after its context had ended")
		}
		if n := len(strings.Fields(w.left())); n == 0 || n == 150 {
			t.Errorf("%d runs are left half-way", n)
		}
		if err := w.engine.DeleteRunsOf(t.Context(), "F"); err != nil {
			t.Error(err)
		}
		w.wantLeft("at the end", "")
		w.engine.Stop(0)
	})
}

type countedLog struct {
	*enginetest.Memory
	submitted func()
}

func (l *countedLog) Submit(u *commit.Unit) {
	l.Memory.Submit(u)
	l.submitted()
}

// lateWall is a clock that takes a while to tell the time.
type lateWall struct{ clock.Wall }

func (c lateWall) Now() time.Time {
	time.Sleep(100 * time.Millisecond)
	return c.Wall.Now()
}

type watchedTallies struct {
	*enginetest.Memory
	put chan engine.Tally
}

func (h watchedTallies) PutTally(u *commit.Unit, t engine.Tally) {
	h.Memory.PutTally(u, t)
	h.put <- t
}

// TestRetentionBeginsBeforeRuns: a resumed run that ends at once does not find
// retention's time unset, and so set it back to the beginning of all time.
func TestRetentionBeginsBeforeRuns(t *testing.T) {
	r := enginetest.NewRecorder()
	w := newWorld(t, r.Memory, pipelineJSON("p", `{"name":"V","type":"SetVariable","typeProperties":{"variableName":"v","value":"x"}}`,
		`"variables":{"v":{"type":"String"}}`))
	w.start()
	w.wait(w.create("p", nil, engine.RunOptions{}))
	w.engine.Stop(0)
	for n := 1; n < r.Units(); n++ {
		again := newWorld(t, r.After(n).Memory)
		put := make(chan engine.Tally, 9)
		history := watchedTallies{again.memory, put}
		again.options.History = history
		again.options.Retention = engine.Retention{Age: time.Hour, Wall: lateWall{}}
		again.start()
		if got := <-put; got.Reached.IsZero() {
			t.Errorf("after %d units the tally is %+v", n, got)
		}
		again.engine.Stop(time.Minute)
	}
}
