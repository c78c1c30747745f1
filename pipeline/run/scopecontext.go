package run

import (
	"errors"
	"fmt"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

func member(name string, v value.Value) value.Member { return value.Member{Name: name, Value: v} }

// pipelineObject is pipeline() [EXPR 3].
func pipelineObject(c *Created) *value.Object {
	o := value.NewObject(
		member("DataFactory", c.Factory),
		member("Pipeline", c.PipelineName),
		member("RunId", c.ID),
		member("TriggerId", c.Trigger.ID),
		member("TriggerName", c.Trigger.Name),
		member("TriggerTime", value.Timestamp(c.Trigger.Time)),
		member("TriggerType", c.Trigger.Type),
		member("GroupId", c.GroupID),
		member("parameters", orEmpty(c.Parameters)),
		member("globalParameters", orEmpty(c.GlobalParameters)),
	)
	if c.InvokedBy.PipelineRunID != "" {
		o.Set("TriggeredByPipelineName", c.InvokedBy.PipelineName)
		o.Set("TriggeredByPipelineRunId", c.InvokedBy.PipelineRunID)
	}
	return o
}

// Dimensions evaluates the run dimensions of a pipeline as texts; they see
// pipeline() only. It returns nil if there are none. The error names the dimension
// and wraps an [*expr.Error]. now is what the wall clock shows.
func Dimensions(p *pipeline.Pipeline, c *Created, now time.Time) (*value.Object, error) {
	if p.RunDimensions.Len() == 0 {
		return nil, nil
	}
	x := expr.Context{Now: now, Pipeline: pipelineObject(c), Budget: expr.NewBudget("the run dimensions", nil)}
	out := &value.Object{}
	for _, m := range p.RunDimensions.Members() {
		v, err := x.Evaluate(m.Value)
		if err != nil {
			return nil, fmt.Errorf("run dimension %q: %w", m.Name, err)
		}
		out.Set(m.Name, value.Text(v))
	}
	return out, nil
}

func orEmpty(o *value.Object) *value.Object {
	if o == nil {
		return &value.Object{}
	}
	return o
}

// context is what the expressions of a node can refer to, with a new budget for
// the decision.
func (s *State) context(n *node, now time.Time) *expr.Context {
	var load func() value.Value
	if s.partly {
		load = func() value.Value {
			v, _ := s.load(s.pipeline)
			return v
		}
	}
	s.budget = expr.NewBudget("the activity '"+n.step.def.Name+"'", s.interrupt)
	return &expr.Context{
		Budget:   s.budget,
		Now:      s.wall(now),
		Seed:     seed(s.created.ID, n.path, n.attempt),
		Pipeline: s.pipeline, LoadPipeline: load,
		Variables: s.Variable,
		Activity:  func(name string) (value.Value, bool) { return s.activity(n.find(name)) },
		Item:      func() (value.Value, bool) { return s.item(n.scope) },
	}
}

// current is item(): the element of the innermost ForEach around the scope.
func (sc *scope) current() (value.Value, bool) {
	for sc != nil {
		if sc.hasItem {
			return sc.item, true
		}
		if sc.owner == nil {
			break
		}
		sc = sc.owner.scope
	}
	return nil, false
}

// item is item() in a scope.
func (s *State) item(sc *scope) (value.Value, bool) {
	v, ok := sc.current()
	if ok && HoldsKept(v) {
		return s.load(v)
	}
	return v, ok
}

// activity is activity('…') of a node that is done [ENGINE 4].
func (s *State) activity(n *node) (value.Value, bool) {
	if n == nil || n.record == nil {
		return nil, false
	}
	if n.object == nil {
		n.object = s.activityObject(n.record)
		n.partly = HoldsKept(n.object)
	}
	if n.partly {
		return s.load(n.object)
	}
	return n.object, true
}

func (s *State) activityObject(r *ActivityRecord) *value.Object {
	o := value.NewObject(
		member("PipelineName", s.created.PipelineName),
		member("PipelineRunId", s.created.ID),
		member("JobId", s.created.ID),
		member("ActivityRunId", activityRunID(s.created.ID, r.Path, r.Attempt)),
		member("ExecutionStartTime", value.Timestamp(s.wall(r.Start))),
		member("ExecutionEndTime", value.Timestamp(s.wall(r.End))),
		member("Status", r.Status.String()),
	)
	if r.Status == Inactive {
		// Without Error and Output: [ENGINE 2.2].
		o.Set("ActivityType", r.Type)
		return o
	}
	code, status := int64(200), "Pass"
	if r.Status != Succeeded {
		code, status = 400, "Fail"
	}
	o.Set("Error", errorObject(r))
	o.Set("Output", r.Output)
	o.Set("ExecutionDetails", nil)
	o.Set("StatusCode", code)
	o.Set("ExecutionStatus", status)
	o.Set("Duration", pipeline.FormatTimespan(r.End.Sub(r.Start)))
	o.Set("RecoveryStatus", "None")
	o.Set("ActivityType", r.Type)
	return o
}

// errorObject is the Error member: null after a success.
func errorObject(r *ActivityRecord) value.Value {
	if r.Error == nil {
		return nil
	}
	details := r.Error.Details
	if details == nil {
		if details = ""; r.Execution {
			details = value.Array{}
		}
	}
	return value.NewObject(
		member("errorCode", r.Error.Code),
		member("message", r.Error.Message),
		member("failureType", r.Error.FailureType),
		member("target", r.Name),
		member("details", details),
	)
}

// Error codes of failures that are decided here.
const (
	CodeInvalidTemplate    = expr.CodeInvalidTemplate
	CodeActionFailed       = "ActionFailed"   // a container one of whose activities failed
	CodeActionTimedOut     = "ActionTimedOut" // an attempt or an Until
	CodeErrorCodeNotString = "ErrorCodeNotString"
	// CodeUnreadable is that of an activity one of whose values is damaged on disk.
	CodeUnreadable   = "RunHistoryUnreadable"
	CodeNotSupported = "NotSupported"
)

// invalid is the error of an activity whose own properties can't be resolved.
func invalid(err error) *pipeline.ActivityError {
	var e *expr.Error
	if errors.As(err, &e) {
		return &pipeline.ActivityError{Code: e.Code, Message: e.Message, FailureType: pipeline.UserError}
	}
	return &pipeline.ActivityError{Code: CodeInvalidTemplate, Message: err.Error(),
		FailureType: pipeline.UserError}
}
