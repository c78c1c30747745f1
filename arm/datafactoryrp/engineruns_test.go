package datafactoryrp_test

import (
	"context"
	"errors"
	"testing"

	"switchyard/arm/armtest"
	"switchyard/arm/datafactoryrp"
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
