package datafactoryrp

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"switchyard/arm"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// The parameters of createRun that are about reruns [ENGINE 3.6]. definition is ours: Azure
// has one answer to whether a rerun follows the definition of then or of now, and nobody has
// written down which.
const (
	paramRecovery    = "isRecovery"
	paramReference   = "referencePipelineRunId"
	paramActivity    = "startActivityName"
	paramFailure     = "startFromFailure"
	paramDefinition  = "definition"
	definitionThen   = "original"
	definitionLatest = "current"
)

// recovery reads which run createRun asks to rerun in its group; nil: none.
func recovery(r *arm.Request) (*engine.Recovery, error) {
	is, err := boolParam(r, paramRecovery)
	if err != nil {
		return nil, err
	}
	failure, err := boolParam(r, paramFailure)
	if err != nil {
		return nil, err
	}
	x := &engine.Recovery{Run: r.Param(paramReference),
		Restart: run.Restart{From: r.Param(paramActivity), FromFailure: failure}}
	switch d := r.Param(paramDefinition); {
	case strings.EqualFold(d, definitionThen):
		x.AsItWas = true
	case d != "" && !strings.EqualFold(d, definitionLatest):
		return nil, arm.BadRequest("the parameter %s is '%s': it should be %s or %s", paramDefinition, d,
			definitionThen, definitionLatest)
	}
	if is {
		if x.Run == "" {
			return nil, arm.BadRequest("%s=true needs %s, the run that is rerun", paramRecovery, paramReference)
		}
		return x, nil
	}
	var alone string
	switch {
	case x.From != "":
		alone = paramActivity
	case failure:
		alone = paramFailure
	case x.AsItWas:
		alone = paramDefinition
	default:
		return nil, nil
	}
	return nil, arm.BadRequest("the parameter %s is for reruns: it needs %s=true and %s", alone, paramRecovery,
		paramReference)
}

func boolParam(r *arm.Request, name string) (bool, error) {
	text := r.Param(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, arm.BadRequest("the parameter %s is '%s': it should be true or false", name, text)
	}
	return b, nil
}

// Recover implements [Runs].
func (r EngineRuns) Recover(ctx context.Context, name, pipelineName string, x engine.Recovery) (string, error) {
	return r.create(ctx, name, pipelineName, nil, engine.RunOptions{Recovery: &x})
}

// CreateRun implements [Runs].
func (r EngineRuns) CreateRun(ctx context.Context, name, pipelineName string, params *value.Object) (
	string, error) {
	return r.create(ctx, name, pipelineName, params, engine.RunOptions{})
}

func (r EngineRuns) create(ctx context.Context, name, pipelineName string, params *value.Object,
	o engine.RunOptions) (id string, err error) {
	err = r.Factories.WithFactory(name, func(f *pipeline.Factory) (err error) {
		def := f.Pipeline(pipelineName)
		if r.Strict && def != nil && (o.Recovery == nil || !o.Recovery.AsItWas) {
			if list := idle(def); len(list) > 0 {
				return fmt.Errorf("%w: pipeline '%s' can't run: activity '%s' is of type %s, which this version of "+
					"Switchyard does not run. Deactivate it, or start with --strict=false and the run fails when it "+
					"gets there",
					errIdle, pipelineName, list[0].Name, list[0].Type)
			}
		}
		id, err = r.Engine.CreateRun(ctx, f, pipelineName, params, o)
		return err
	})
	return id, classify(err)
}
