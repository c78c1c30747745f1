package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// PipelineRun is the record of a run [ADF-REST 5]. Secrets in it are masked.
type PipelineRun struct {
	RunID, Pipeline, Factory string
	// GroupID is the first run of the group of a run and its reruns; Superseded says that
	// another of the group was started later.
	GroupID       string
	Superseded    bool
	Parameters    *value.Object // every value as text; nil if they are large, see Whole
	RunDimensions *value.Object // values are text; may be nil
	InvokedBy     run.Invoker
	// TriggerOutputs is what the trigger handed over, as pipelines see it in
	// trigger().outputs, but of messages only what identifies them. Nil if there is
	// none, if it is large, see Whole, or was and the run's events were dropped.
	TriggerOutputs          value.Value
	Annotations             value.Array
	Start, End, LastUpdated time.Time // End is zero while the run goes on
	Status                  run.Status
	Message                 string
	// ReturnValue is the pipeline's return value once the run has ended; nil if nothing was
	// set, or if it is large, see Whole.
	ReturnValue *value.Object

	measured *span // nil: Start and End are
	// read reads what is large; nil: nothing is.
	read      func(*PipelineRun) error
	elsewhere bool // TriggerOutputs are large
	returned  bool // ReturnValue is large
}

// Whole returns the record with its parameters and TriggerOutputs, also if they are
// large. If the parameters can't be read its message says so.
func (p *PipelineRun) Whole() *PipelineRun {
	if p.read == nil {
		return p
	}
	whole := *p
	whole.read = nil
	// What was handed over is not worth a record that shows nothing else.
	if err := p.read(&whole); err != nil && whole.Parameters == nil {
		whole.Message = strings.TrimSpace(fmt.Sprintf("%s (The parameters of the run can't be read: %v)", p.Message, err))
	}
	return &whole
}

// JSON is the record as the REST API shows it, but for its resource path, which
// only the resource provider knows.
func (p *PipelineRun) JSON() *value.Object {
	o := &value.Object{}
	o.Set("runId", p.RunID)
	o.Set("debugRunId", nil)
	o.Set("runGroupId", p.GroupID)
	o.Set("pipelineName", p.Pipeline)
	o.Set("parameters", orEmpty(p.Parameters))
	by := value.NewObject(
		value.Member{Name: "id", Value: p.InvokedBy.ID},
		value.Member{Name: "name", Value: p.InvokedBy.Name},
		value.Member{Name: "invokedByType", Value: p.InvokedBy.Type})
	if p.InvokedBy.PipelineRunID != "" {
		by.Set("pipelineName", p.InvokedBy.PipelineName)
		by.Set("pipelineRunId", p.InvokedBy.PipelineRunID)
	}
	o.Set("invokedBy", by)
	o.Set("runStart", value.Timestamp(p.Start))
	o.Set("runEnd", timeOrNull(p.End))
	o.Set("durationInMs", durationOrNull(p.measured.measuredOr(p.Start, p.End)))
	o.Set("status", p.Status.String())
	o.Set("message", p.Message)
	o.Set("pipelineReturnValue", orEmpty(p.ReturnValue))
	o.Set("lastUpdated", value.Timestamp(p.LastUpdated))
	annotations := p.Annotations
	if annotations == nil {
		annotations = value.Array{}
	}
	o.Set("annotations", annotations)
	o.Set("runDimension", orEmpty(p.RunDimensions))
	o.Set("isLatest", !p.Superseded)
	if p.TriggerOutputs != nil {
		o.Set(Extension, value.NewObject(value.Member{Name: "triggerOutputs", Value: p.TriggerOutputs}))
	}
	return o
}

// Extension is the member of a record that holds what Azure's records have not.
const Extension = "switchyard"

func orEmpty(o *value.Object) *value.Object {
	if o == nil {
		return &value.Object{}
	}
	return o
}

func timeOrNull(t time.Time) value.Value {
	if t.IsZero() {
		return nil
	}
	return value.Timestamp(t)
}

// durationOrNull is the time between in whole milliseconds, cut and not rounded.
func durationOrNull(start, end time.Time) value.Value {
	if end.IsZero() {
		return nil
	}
	return end.Sub(start).Milliseconds()
}

// baseRecord is what never changes of a run's record.
func baseRecord(s *run.State) PipelineRun {
	c := s.Created()
	p := PipelineRun{
		RunID: c.ID, Pipeline: c.PipelineName, Factory: c.Factory, GroupID: c.GroupID,
		Parameters: texts(c.MaskedParameters()),
		InvokedBy:  c.InvokedBy,
		// Masked like the parameters that were made of it.
		TriggerOutputs: s.Masked(c.Trigger.Outputs),
		Start:          c.At,
	}
	p.RunDimensions, _ = s.Masked(c.RunDimensions).(*value.Object)
	p.Annotations, _ = s.Masked(s.Pipeline().Annotations).(value.Array)
	return p
}

// texts renders every value as text: scalars as the language does, arrays and
// objects as JSON.
func texts(o *value.Object) *value.Object {
	out := &value.Object{}
	for _, m := range o.Members() {
		switch m.Value.(type) {
		case value.Array, *value.Object:
			out.Set(m.Name, string(value.Append(nil, m.Value)))
		default:
			out.Set(m.Name, value.Text(m.Value))
		}
	}
	return out
}

// record is the run's record as of now.
func (r *runner) record() *PipelineRun {
	p := r.base
	p.LastUpdated = r.changed
	p.Status = r.status()
	if end, ok := r.state.Result(); ok {
		p.Message, p.End = end.Message, end.End
		if end.ReturnValue.Len() > 0 {
			p.ReturnValue, _ = r.state.Masked(end.ReturnValue).(*value.Object)
		}
		if sizeOf(p.ReturnValue, maxInline) > maxInline {
			p.ReturnValue, p.returned, p.read = nil, true, r.e.readLarge
		}
	}
	return &p
}

func (r *runner) status() run.Status {
	if r.queued {
		return run.Queued
	}
	return r.state.Status()
}

// outcome tells how the run ended, and for a failed one which activity failed
// first.
func (r *runner) outcome() Outcome {
	o := Outcome{Status: r.status()}
	if end, ok := r.state.Result(); ok {
		o.Message = end.Message
	}
	if o.Status != run.Failed {
		return o
	}
	first := r.state.FirstFailure()
	if first != nil {
		o.FailedActivity = first.Name
		o.Error = first.Error
	}
	return o
}

func (r *runner) runRecord(p *PipelineRun) RunRecord {
	s := summary{Version: summaryVersion, Status: p.Status, Arrival: r.arrival, Message: p.Message,
		End: p.End, Invoked: p.InvokedBy}
	// Masking does not find what was made of a secret, and a record is not sealed: what may
	// be that is left to the events.
	if p.Parameters != nil && !r.created.Sealed && sizeOf(p.Parameters, maxInline) <= maxInline {
		s.Parameters = value.Append(nil, p.Parameters)
	}
	if p.TriggerOutputs != nil || p.elsewhere {
		s.Outputs = json.RawMessage("null")
		if !p.elsewhere && sizeOf(p.TriggerOutputs, maxInline) <= maxInline {
			s.Outputs = value.Append(nil, p.TriggerOutputs)
		}
	}
	switch {
	case p.returned, p.ReturnValue != nil && r.journal.frames.sealed:
		s.Returned = json.RawMessage("null")
	case p.ReturnValue != nil:
		s.Returned = value.Append(nil, p.ReturnValue)
	}
	if p.GroupID != p.RunID {
		s.Group = p.GroupID
	}
	if p.RunDimensions.Len() > 0 {
		s.Dimensions = value.Append(nil, p.RunDimensions)
	}
	if len(p.Annotations) > 0 {
		s.Annotations = value.Append(nil, p.Annotations)
	}
	return RunRecord{ID: p.RunID, Pipeline: p.Pipeline, Factory: p.Factory, Start: p.Start,
		Updated: p.LastUpdated, Active: !p.Status.Final(),
		Definition: r.created.Revision, Cause: r.cause, Summary: s.encode()}
}

// fromRecord makes the record of a run that is not active here. One that can't be
// read says so, and hides no other from a list.
func (e *Engine) fromRecord(r RunRecord) *PipelineRun {
	var why error
	if r.Active {
		if a := e.asideOf(r.ID); a != nil {
			r, why = a.rec, a.err // which may know more
		}
	}
	p, err := e.decodeRecord(r)
	if err != nil {
		p = &PipelineRun{RunID: r.ID, GroupID: r.ID, Pipeline: r.Pipeline, Factory: r.Factory, Start: r.Start.UTC(),
			LastUpdated: latest(r.Start, r.Updated).UTC(), Status: run.Failed,
			Message: fmt.Sprintf("The record of the run can't be read: %v", err)}
		if r.Active {
			p.Status = run.InProgress
		}
	}
	if why != nil {
		p.Message = fmt.Sprintf("The run can't be resumed: %v", why)
	}
	return p
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (e *Engine) decodeRecord(r RunRecord) (*PipelineRun, error) {
	s, err := r.summary()
	if err != nil {
		return nil, err
	}
	p := &PipelineRun{RunID: r.ID, Pipeline: r.Pipeline, Factory: r.Factory, Start: r.Start.UTC(),
		InvokedBy: s.Invoked, End: s.End, LastUpdated: r.Updated.UTC(), Status: s.Status, Message: s.Message}
	if p.GroupID = r.ID; s.Group != "" {
		p.GroupID = s.Group
	}
	if r.Updated.IsZero() {
		p.LastUpdated = s.Updated
	}
	if s.DroppedFor != "" {
		p.Message = strings.TrimSpace(p.Message + " (" + dropped(s.DroppedFor) + ")")
	} else if s.Parameters == nil || s.outputsElsewhere() || s.returnedElsewhere() {
		p.returned, p.read = s.returnedElsewhere(), e.readLarge
	}
	if s.Returned != nil && !s.returnedElsewhere() {
		v, err := value.Parse(s.Returned)
		if err != nil {
			return nil, err
		}
		p.ReturnValue, _ = v.(*value.Object)
	}
	if s.Parameters != nil {
		v, err := value.Parse(s.Parameters)
		if err != nil {
			return nil, err
		}
		p.Parameters, _ = v.(*value.Object)
	}
	if s.Outputs != nil && !s.outputsElsewhere() {
		if p.TriggerOutputs, err = value.Parse(s.Outputs); err != nil {
			return nil, err
		}
	}
	if s.Dimensions != nil {
		v, err := value.Parse(s.Dimensions)
		if err != nil {
			return nil, err
		}
		p.RunDimensions, _ = v.(*value.Object)
	}
	if s.Annotations != nil {
		v, err := value.Parse(s.Annotations)
		if err != nil {
			return nil, err
		}
		p.Annotations, _ = v.(value.Array)
	}
	return p, nil
}

// readLarge reads what a record leaves to the run's events: what is large.
func (e *Engine) readLarge(p *PipelineRun) error {
	c, err := e.created(p.RunID)
	if err != nil {
		return err
	}
	p.Parameters, p.TriggerOutputs = texts(c.MaskedParameters()), c.Masked(c.Trigger.Outputs)
	if !p.returned {
		return nil
	}
	r, err := e.readEnded(p.RunID)
	if err != nil {
		return err
	}
	if end, ok := r.state.Result(); ok {
		p.ReturnValue, _ = r.state.Masked(end.ReturnValue).(*value.Object)
	}
	return nil
}

// Parameters returns the parameters of a run as it got them, secrets included. Errors
// wrap [ErrRunNotFound] or [ErrRunDropped].
func (e *Engine) Parameters(runID string) (*value.Object, error) {
	err := e.whole(runID)
	var c *run.Created
	if err == nil {
		c, err = e.created(runID)
	}
	if err != nil {
		return nil, fmt.Errorf("parameters of run %s: %w", runID, notFound(err))
	}
	return c.Parameters, nil
}

// PipelineRun returns the record of a run.
func (e *Engine) PipelineRun(runID string) (*PipelineRun, error) {
	if r := e.find(runID); r != nil {
		return e.shown(r.view.Load()).Whole(), nil
	}
	rec, err := e.o.History.Run(runID)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", runID, notFound(err))
	}
	return e.shown(e.fromRecord(rec)).Whole(), nil
}
