package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

const outputSize = 200 << 10

// failedWithOutputs runs a pipeline two of whose activities answer with outputSize bytes and a
// third fails, and returns it.
func failedWithOutputs(t *testing.T, w *world, l *callLog, name string) string {
	t.Helper()
	w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
		r := l.execute(ctx, c)
		if r.Err == nil {
			r.Output = value.NewObject(value.Member{Name: "of", Value: strings.Repeat(c.Path, outputSize)})
		}
		return r
	})
	l.fails["C"] = true
	id := w.create(name, nil, engine.RunOptions{})
	if s := w.wait(id); s != run.Failed {
		t.Fatal(s)
	}
	l.take()
	l.fails["C"] = false
	return id
}

var threeWebs = web("A", "a") + "," + web("B", "b") + "," + web("C", "c", "A", "B")

// TestRerunTakesNoMoreThanARunMay: what a rerun has from the run before is in memory together,
// and no more than a run may hold.
func TestRerunTakesNoMoreThanARunMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", threeWebs))
		w.engine.Stop(0)
		w.options.RunMemory = outputSize * 3 / 2
		w.start()
		defer w.engine.Stop(0)
		first := failedWithOutputs(t, w, l, "p")
		_, err := w.engine.CreateRun(t.Context(), w.factory, "p", nil, engine.RunOptions{
			Recovery: &engine.Recovery{Run: first, Restart: run.Restart{FromFailure: true}}})
		if !errors.Is(err, engine.ErrNotRecoverable) || !strings.Contains(err.Error(), "more memory than a run may hold. Rerun it from the start") {
			t.Errorf("two outputs: %v, want them refused", err)
		}
		w.rerun(first, run.Restart{})
		if got := l.take(); got != "A=a B=b C=c" {
			t.Errorf("from the start: calls %s", got)
		}
		w.rerun(first, run.Restart{From: "A"}) // has one output, which fits
		if got := l.take(); got != "A=a C=c" {
			t.Errorf("from A: calls %s", got)
		}
	})
}

// TestChildThatCanNotBeRecoveredStartsAnew: when what a child had done takes too much, or is
// lost between the look at its record and the reading of its events, the child is a new run.
func TestChildThatCanNotBeRecoveredStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", callOf("Call", "c", true)), pipelineJSON("c", threeWebs))
		w.engine.Stop(0)
		w.options.RunMemory = outputSize * 3 / 2
		w.start()
		defer w.engine.Stop(0)
		first := failedWithOutputs(t, w, l, "p")
		second := w.rerun(first, run.Restart{FromFailure: true})
		if got := l.take(); got != "A=a B=b C=c" || w.status(second) != run.Succeeded {
			t.Errorf("calls %s, status %s, %s", got, w.status(second), w.message(second))
		}
		if a, b := w.children(first)[0], w.children(second)[0]; b.GroupID != b.RunID || a.Superseded {
			t.Errorf("the new child is of the group %s", b.GroupID)
		}
	})
}

// watchedLog is a log whose Admit is watched, and waits while gate is held.
type watchedLog struct {
	*enginetest.Memory
	gate chan struct{}

	mu        sync.Mutex
	announced []int // guarded by mu
	waiting   int   // guarded by mu
}

func (w *watchedLog) Admit(ctx context.Context, n int) error {
	w.mu.Lock()
	w.announced = append(w.announced, n)
	gate := w.gate
	w.waiting++
	w.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	w.mu.Lock()
	w.waiting--
	w.mu.Unlock()
	return ctx.Err()
}

// hold has Admit wait from now on, until the channel is closed.
func (w *watchedLog) hold() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate, w.announced = make(chan struct{}), nil
	return w.gate
}

// TestRerunsAreCreatedInTurn: a few reruns at once are read and written, the others wait, and
// the log knows how much comes.
func TestRerunsAreCreatedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", threeWebs))
		w.engine.Stop(0)
		log := &watchedLog{Memory: w.memory}
		w.options.Log = log
		w.start()
		defer w.engine.Stop(0)
		first := failedWithOutputs(t, w, l, "p")
		gate := log.hold()
		rerun := func(ctx context.Context) error {
			_, err := w.engine.CreateRun(ctx, w.factory, "p", nil, engine.RunOptions{
				Recovery: &engine.Recovery{Run: first, Restart: run.Restart{FromFailure: true}}})
			return err
		}
		results := make(chan error, 10)
		for range cap(results) {
			go func() { results <- rerun(context.Background()) }()
		}
		synctest.Wait()
		log.mu.Lock()
		if log.waiting != 4 {
			t.Errorf("%d reruns are in memory at once, want 4", log.waiting)
		}
		for _, n := range log.announced {
			if n < 2*outputSize {
				t.Errorf("%d bytes are announced to the log, want those of two outputs", n)
			}
		}
		log.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		late := make(chan error)
		go func() { late <- rerun(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-late; !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up gets %v", err)
		}
		close(gate)
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}
