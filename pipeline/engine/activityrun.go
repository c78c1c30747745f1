package engine

import (
	"errors"
	"fmt"

	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// ActivityRun is the record of one attempt of an activity [ADF-REST 5]. Secrets
// in it are masked; secure inputs and outputs are absent.
type ActivityRun struct {
	run.ActivityRecord
	PipelineRunID, Pipeline string
	// ShowItems adds the items of a ForEach to [ActivityRun.JSON]: the inputs of its
	// activities mostly show them already.
	ShowItems bool

	of       *runner // folded for the query
	measured *span   // nil: Start and End are
}

// JSON is the record as the REST API shows it, but for its resource path, which
// only the resource provider knows.
func (a *ActivityRun) JSON() *value.Object {
	o := &value.Object{}
	o.Set("activityRunEnd", timeOrNull(a.End))
	o.Set("activityName", a.Name)
	o.Set("activityRunStart", value.Timestamp(a.Start))
	o.Set("activityType", a.Type)
	o.Set("durationInMs", durationOrNull(a.measured.measuredOr(a.Start, a.End)))
	o.Set("retryAttempt", nil)
	if a.Attempt > 1 {
		o.Set("retryAttempt", int64(a.Attempt-1))
	}
	o.Set("error", a.errorObject())
	o.Set("activityRunId", a.ID)
	o.Set("iterationHash", a.IterationHash)
	o.Set("input", orEmpty(a.Input))
	o.Set("linkedServiceName", a.LinkedService)
	o.Set("output", a.Output)
	if a.Output == nil {
		o.Set("output", &value.Object{})
	}
	o.Set("userProperties", orEmpty(a.UserProperties))
	o.Set("pipelineName", a.Pipeline)
	o.Set("pipelineRunId", a.PipelineRunID)
	o.Set("status", a.Status.String())
	o.Set("recoveryStatus", "None")
	o.Set("integrationRuntimeNames", nil)
	o.Set("executionDetails", nil)
	if a.Execution {
		o.Set("integrationRuntimeNames", value.Array{"defaultintegrationruntime"})
		o.Set("executionDetails", value.NewObject(value.Member{Name: "integrationRuntime",
			Value: value.Array{value.NewObject(
				value.Member{Name: "name", Value: "DefaultIntegrationRuntime"},
				value.Member{Name: "type", Value: "Managed"},
				value.Member{Name: "location", Value: "Local"},
				value.Member{Name: "nodes", Value: nil})}}))
	}
	o.Set(Extension, a.extension())
	return o
}

// extension is what the record tells beyond Azure's: where the activity stands among
// the others, what its attempts are and what a container got.
func (a *ActivityRun) extension() *value.Object {
	o := value.NewObject(value.Member{Name: "path", Value: a.Path},
		value.Member{Name: "attempt", Value: int64(a.Attempt)})
	if a.Attempts > 0 {
		o.Set("attempts", int64(a.Attempts))
	}
	if !a.NextAttempt.IsZero() {
		o.Set("nextAttempt", value.Timestamp(a.NextAttempt))
	}
	if a.Branch != "" {
		o.Set("branch", a.Branch)
	}
	if a.Evaluated != nil {
		o.Set("evaluated", a.Evaluated)
	}
	if a.ChildRunID != "" && (a.Error == nil || a.Output != nil) { // else it could not be made
		o.Set("childRunId", a.ChildRunID)
	}
	if a.Reused {
		o.Set("reused", true)
	}
	if !a.Accepted.IsZero() {
		o.Set("accepted", value.Timestamp(a.Accepted))
	}
	if a.Items != nil {
		o.Set("itemCount", int64(len(a.Items)))
	}
	if a.ShowItems && a.Items != nil {
		o.Set("items", a.Items)
	}
	return o
}

// errorObject is always there: with empty texts unless the activity failed. A
// cancelled one has a failure type.
func (a *ActivityRun) errorObject() *value.Object {
	var e pipeline.ActivityError
	details := value.Value("")
	switch {
	case a.Status == run.Failed && a.Error != nil:
		e = *a.Error
		if details = e.Details; details == nil {
			details = ""
			if a.Execution {
				details = value.Array{}
			}
		}
	case a.Status == run.Cancelled:
		e.FailureType = pipeline.UserError
	}
	return value.NewObject(
		value.Member{Name: "errorCode", Value: e.Code},
		value.Member{Name: "message", Value: e.Message},
		value.Member{Name: "failureType", Value: e.FailureType},
		value.Member{Name: "target", Value: a.Name},
		value.Member{Name: "details", Value: details})
}

// ActivityRuns returns the records of a run's activities in the order of their
// start. Skipped activities have none. They are read from the history, so no owner
// is waited for, and of few runs at once, because a run may have many. A [run.Kept]
// stands for what is large: see [ActivityRun.Whole].
func (e *Engine) ActivityRuns(runID string) ([]*ActivityRun, error) {
	e.reading <- struct{}{}
	defer func() { <-e.reading }()
	r, err := e.readWhole(runID)
	if err != nil {
		return nil, fmt.Errorf("activity runs of run %s: %w", runID, err)
	}
	records := r.state.Activities()
	out := make([]*ActivityRun, 0, len(records))
	for i := range records {
		a := &ActivityRun{ActivityRecord: records[i], PipelineRunID: runID, Pipeline: r.pipeline, of: r}
		a.show(e)
		a.mask()
		out = append(out, a)
	}
	return out, nil
}

// Whole returns the record with all that its values hold, read from the history.
func (a *ActivityRun) Whole() (*ActivityRun, error) {
	whole := *a
	for _, part := range []struct {
		from value.Value
		to   func(v value.Value)
	}{
		{a.Input, func(v value.Value) { whole.Input, _ = v.(*value.Object) }},
		{a.Output, func(v value.Value) { whole.Output = v }},
		{a.UserProperties, func(v value.Value) { whole.UserProperties, _ = v.(*value.Object) }},
		{a.Evaluated, func(v value.Value) { whole.Evaluated = v }},
		{a.Items, func(v value.Value) { whole.Items, _ = v.(value.Array) }},
	} {
		if !run.HoldsKept(part.from) {
			continue
		}
		v, err := a.of.outputs.load(part.from, unbounded)
		if err != nil { // because it was dropped or deleted meanwhile?
			err = errors.Join(a.of.e.whole(a.PipelineRunID), err)
			return nil, fmt.Errorf("activity %s of run %s: %w", a.Path, a.PipelineRunID, err)
		}
		part.to(a.of.state.Masked(v))
	}
	whole.mask()
	return &whole, nil
}

func (a *ActivityRun) mask() {
	if a.Input != nil {
		a.Input = activity.MaskInput(a.Input)
	}
}
