package datafactoryrp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"switchyard/arm/armtest"
	"switchyard/arm/datafactoryrp"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// TestEngineRuns: what is not there is told from what was asked for wrongly.
func TestEngineRuns(t *testing.T) {
	f := open(t, armtest.NewStore())
	r := datafactoryrp.EngineRuns{Engine: f.engine, Factories: f.m}
	_, create := r.CreateRun(context.Background(), "nowhere", "p", nil)
	_, get := r.PipelineRun("nowhere", "run")
	_, activities := r.ActivityRuns("nowhere", "run")
	for what, err := range map[string]error{
		"create": create, "get": get, "activities": activities, "cancel": r.Cancel("nowhere", "run", true),
	} {
		if !errors.Is(err, datafactoryrp.ErrNotFound) || errors.Is(err, datafactoryrp.ErrBadRequest) {
			t.Errorf("%s in a factory that is not there: %v, want ErrNotFound", what, err)
		}
	}
}

// A run of which nobody knows the factory any more is found through each, so that it can
// be cancelled; those of other factories are not.
func TestRunOfUnknownFactory(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	var u commit.Unit
	f.memory.PutRun(&u, engine.RunRecord{ID: "lost", Start: time.Unix(1, 0)})
	f.memory.PutRun(&u, engine.RunRecord{ID: "other", Factory: "elsewhere", Start: time.Unix(1, 0)})
	f.memory.Apply(&u)
	f.must(t, 200, "GET", "$DF/pipelineruns/lost?$V", "")
	f.must(t, 404, "GET", "$DF/pipelineruns/other?$V", "")
}

// A refusal is one line that says what was asked for and why not.
func TestCancelOfAnEndedRun(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	id, _ := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")), "runId").(string)
	if _, err := f.engine.Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	answer := parse(t, f.must(t, 400, "POST", "$DF/pipelineruns/"+id+"/cancel?$V", ""))
	if got, want := get(answer, "error", "message"), "cancel run "+id+": pipeline run has finished"; got != want {
		t.Errorf("cancel of an ended run: got %q, want %q", got, want)
	}
}
