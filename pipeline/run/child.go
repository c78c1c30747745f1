package run

import (
	"fmt"
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

// ChildStarted starts an ExecutePipeline activity [ENGINE 5.14]. It is a command to the
// engine: create the run that it names, in the unit that records this event, so that there
// is the run if and only if there is the event. If it can't be created, an
// [ActivityFinished] that says why stands in the same unit. One that is waited for ends
// with [State.ChildEnded].
type ChildStarted struct {
	Path string
	At   time.Time
	// Input is the typeProperties with every expression resolved: parameters holds what
	// the run is given.
	Input          *value.Object
	Pipeline       string // as the definition refers to it
	RunID          ID
	Wait           bool
	SecureInput    bool
	UserProperties *value.Object
}

func (e *ChildStarted) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.At)
	c.input(&e.Input)
	c.text(&e.Pipeline)
	c.text(&e.RunID)
	c.bool(&e.Wait)
	c.bool(&e.SecureInput)
	c.object(&e.UserProperties)
}

func (e *ChildStarted) When() time.Time { return e.At }

func (e *ChildStarted) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	if n.step.kind != kindExecutePipeline {
		return misplaced("%s runs no pipeline", e.Path)
	}
	n.phase = running
	n.child = &Child{Path: e.Path, Pipeline: e.Pipeline, RunID: e.RunID}
	s.launch(n)
	r := s.begin(n, e.At, e.Input, e.UserProperties, false, false)
	r.ChildRunID = e.RunID
	r.SecureOutput = n.step.def.Policy.SecureOutput
	if r.SecureInput = e.SecureInput; e.SecureInput {
		// The name of the pipeline is no secret, unless it stands in the history with the rest.
		if p, ok := e.Input.Lookup("parameters"); ok || !HoldsKept(e.Input) {
			s.secrets.secure(p)
		} else {
			s.secrets.secure(e.Input)
		}
	}
	if e.Wait {
		if s.children == nil {
			s.children = map[ID]*node{}
		}
		s.children[e.RunID] = n
	} else {
		s.push(n, ending)
	}
	return nil
}

// A Child is a run that an ExecutePipeline activity has started.
type Child struct {
	Path     string // of the activity
	Pipeline string
	RunID    ID
}

// output is what the activity answers, without what the run returned.
func (c *Child) output() *value.Object {
	return value.NewObject(member("pipelineName", c.Pipeline), member("pipelineRunId", c.RunID))
}

// startChild is [ENGINE 5.14].
func (s *State) startChild(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	a := n.step.def
	input, err := resolve(c, a.TypeProperties)
	if err != nil {
		return nil, invalid(err)
	}
	if p, _ := input.Lookup("parameters"); p != nil {
		if _, isObject := p.(*value.Object); !isObject {
			return nil, unexpected("The parameters of the ExecutePipeline activity must be an object. They are of type '%s'.",
				pipeline.TypeName(p))
		}
	}
	return &ChildStarted{Path: n.path, At: now, Input: input, Pipeline: a.ChildPipeline(),
		RunID: childRunID(s.created.ID, n.path, n.attempt), Wait: a.Waits, SecureInput: a.Policy.SecureInput,
		UserProperties: user}, nil
}

// Children returns the runs that activities wait for, in the order in which they started.
func (s *State) Children() []Child {
	var out []Child
	for _, n := range s.flight {
		if n != nil && s.waitsFor(n) {
			out = append(out, *n.child)
		}
	}
	return out
}

func (s *State) waitsFor(n *node) bool {
	return n.child != nil && n.phase == running && s.status == InProgress && !n.aborted()
}

// A ChildResult is how a run that an activity waits for has ended.
type ChildResult struct {
	Status  Status
	Message string // of the run; secrets are masked
	// ReturnValue is the pipeline's return value, Secrets those secrets of the run that
	// are in it.
	ReturnValue *value.Object
	Secrets     []string
	Sealed      bool // in the history: all of this may be made of its secrets
	// Lost says why it is not known how the run ended; nil if it is.
	Lost *pipeline.ActivityError
}

// ChildEnded returns the outcome of the activity that waits for a run which has ended; nil
// if none does any more.
func (s *State) ChildEnded(child ID, r ChildResult, at time.Time) *ActivityFinished {
	n := s.children[child]
	if n == nil || !s.waitsFor(n) {
		return nil
	}
	e := &ActivityFinished{Path: n.path, Attempt: n.attempt, At: at, Output: n.child.output(), Sealed: r.Sealed}
	if e.Status, e.Error = r.outcome(); e.Error != nil && r.Lost != nil {
		return e
	}
	// A failed activity has it as well [ENGINE 5.14].
	e.Output.(*value.Object).Set("pipelineReturnValue", orEmpty(r.ReturnValue))
	e.Secrets = r.Secrets
	return e
}

// codeChildFailed is the error code of an activity whose run has failed [ENGINE 5.14].
const codeChildFailed = "BadRequest"

// maxChildMessage bounds what the message of a failed run adds to that of its parent: each
// may have a hundred children, and each of those.
const maxChildMessage = 32 << 10

// outcome says how an activity ends whose run has ended. What counts for one that somebody
// cancels is open [ENGINE 3.5]: it fails, so that handlers of its failure run.
func (r *ChildResult) outcome() (Status, *pipeline.ActivityError) {
	switch {
	case r.Lost != nil:
		return Failed, r.Lost
	case r.Status == Succeeded:
		return Succeeded, nil
	}
	message := r.Message
	if len(message) > maxChildMessage {
		message = strings.ToValidUTF8(message[:maxChildMessage], "") + "…"
	}
	if message == "" {
		message = fmt.Sprintf("The pipeline run ended with the status %s.", r.Status)
	}
	return Failed, &pipeline.ActivityError{Code: codeChildFailed, FailureType: pipeline.UserError, Message: message}
}
