package engine_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/value"
)

// TestCreateRuns: those of several runs that can be created are one unit with what is added to
// them, also when there is none; each of the others says why it is not.
func TestCreateRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		units := 0
		var with []byte
		w := newWorld(t, enginetest.NewMemory(func(u *commit.Unit) {
			for _, op := range u.Ops() {
				if string(op.Key) == "x mark" {
					units, with = len(u.Ops()), op.Value
				}
			}
		}), `{"name":"one","properties":{"concurrency":1,"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":60}}]}}`,
			`{"name":"needs","properties":{"parameters":{"p":{"type":"String"}},"activities":[]}}`)
		w.options.MaxQueuedRuns = 1
		create := func(starts ...*engine.Start) error {
			units, with = 0, nil
			return w.engine.CreateRuns(t.Context(), w.factory, starts, func(u *commit.Unit) { u.Set([]byte("x mark"), []byte("m")) })
		}
		start := func(pipeline, id string) *engine.Start {
			return &engine.Start{Pipeline: pipeline, Parameters: &value.Object{}, Options: engine.RunOptions{ID: id}}
		}
		w.start()
		a, b, full := start("one", "a"), start("one", "b"), start("one", "c")
		gone, lacks, again := start("gone", "d"), start("needs", "e"), start("one", "a")
		if err := create(a, gone, b, lacks, again, full); err != nil {
			t.Fatal(err)
		}
		if string(with) != "m" || units < 5 {
			t.Errorf("the unit has %d records, want two runs and the mark", units)
		}
		for s, want := range map[*engine.Start]error{a: nil, b: nil, gone: engine.ErrPipelineNotFound, lacks: engine.ErrMissingParameter,
			again: engine.ErrRunExists, full: engine.ErrTooManyQueuedRuns} {
			if !errors.Is(s.Refused, want) || (s.Refused == nil) != (want == nil) {
				t.Errorf("run %s of %s: %v, want %v", s.Options.ID, s.Pipeline, s.Refused, want)
			}
		}
		if err := create(start("gone", "x")); err != nil || units != 1 {
			t.Errorf("none can be created: %d records, %v; want the mark", units, err)
		}
		for _, id := range []string{"a", "b"} {
			if _, err := w.engine.Wait(t.Context(), id); err != nil {
				t.Errorf("run %s: %v", id, err)
			}
		}
		runs, _, err := w.engine.Query(engine.Query{Factory: "f"})
		if err != nil || len(runs) != 2 {
			t.Errorf("%d runs, %v; want 2", len(runs), err)
		}
		w.engine.Stop(0)
		if err := create(start("one", "z")); !errors.Is(err, engine.ErrStopping) || units != 0 {
			t.Errorf("of an engine that has stopped: %d records, %v", units, err)
		}
	})
}

// TestCreateRunsPanics: a mistake of ours about one run is why there is no such run, and no end
// of the others or of who starts them.
func TestCreateRunsPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"good","properties":{"activities":[]}}`,
			`{"name":"bad","properties":{"activities":[]}}`)
		w.factory.Pipeline("bad").Parameters = []*pipeline.Parameter{nil}
		w.start()
		good, bad := &engine.Start{Pipeline: "good", Options: engine.RunOptions{ID: "g"}}, &engine.Start{Pipeline: "bad"}
		if err := w.engine.CreateRuns(t.Context(), w.factory, []*engine.Start{bad, good}, func(*commit.Unit) {}); err != nil {
			t.Fatal(err)
		}
		if good.Refused != nil || bad.Refused == nil || !strings.Contains(bad.Refused.Error(), "internal error") {
			t.Errorf("refused: %v and %v, want the second one with an internal error", good.Refused, bad.Refused)
		}
		if _, err := w.engine.Wait(t.Context(), "g"); err != nil {
			t.Error(err)
		}
		w.engine.Stop(0)
	})
}
