package run

import (
	"fmt"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

// ActivityStarted starts one attempt of an execution activity. It is a command
// to the engine: execute it, and answer with an [ActivityFinished] of the same
// path and attempt. The engine executes it again, as the same attempt, when it
// finds it in flight after a restart.
type ActivityStarted struct {
	Path     string // "Loop[17]/Call"
	Attempt  int    // from 1
	Activity string // name in the definition
	Type     string // type as the definition spells it
	At       time.Time
	// Input is the typeProperties with every expression resolved.
	Input *value.Object
	// LinkedService names the activity's linked service, "" when it has none;
	// LinkedServiceParameters are the resolved parameters of the reference.
	LinkedService           string
	LinkedServiceParameters *value.Object
	// Inputs and Outputs are the resolved dataset references outside
	// typeProperties (Copy); nil when absent.
	Inputs, Outputs value.Array
	// Timeout bounds the attempt, from At. The state machine arms a timer for it
	// ([TimerAttempt]): when it fires the attempt is no longer wanted.
	Timeout                   time.Duration
	Retry                     int // further attempts after the first
	RetryInterval             time.Duration
	SecureInput, SecureOutput bool
	UserProperties            *value.Object // resolved; nil when none
}

func (e *ActivityStarted) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.text(&e.Activity)
	c.text(&e.Type)
	c.time(&e.At)
	c.input(&e.Input)
	c.text(&e.LinkedService)
	c.object(&e.LinkedServiceParameters)
	c.array(&e.Inputs)
	c.array(&e.Outputs)
	c.duration(&e.Timeout)
	c.int(&e.Retry)
	c.duration(&e.RetryInterval)
	c.bool(&e.SecureInput)
	c.bool(&e.SecureOutput)
	c.object(&e.UserProperties)
}

func (e *ActivityStarted) When() time.Time { return e.At }

func (e *ActivityStarted) arms() (Timer, bool) {
	return Timer{e.Path, e.Attempt, TimerAttempt, e.At.Add(e.Timeout)}, true
}

func (e *ActivityStarted) apply(s *State) error {
	n, err := s.expect(e.Path, e.Attempt, ready)
	if err != nil {
		return err
	}
	n.phase, n.started, n.accepted = running, e, nil
	n.arm(e)
	s.launch(n)
	r := s.begin(n, e.At, e.Input, e.UserProperties, e.SecureInput, e.SecureOutput)
	r.LinkedService, r.Attempts = e.LinkedService, e.Retry+1
	return nil
}

// ActivityFinished ends an attempt that is in flight, a container, or an
// activity that ended as soon as it was decided upon (Filter, Fail, an inactive
// activity, one whose expressions failed): then no start event precedes it and
// Input and UserProperties are given here.
type ActivityFinished struct {
	Path    string
	Attempt int
	Status  Status // Succeeded, Failed, Cancelled or Inactive
	Output  value.Value
	Error   *pipeline.ActivityError // nil unless Failed
	At      time.Time

	Input                     *value.Object
	SecureInput, SecureOutput bool
	UserProperties            *value.Object

	// Secrets are what the attempt was given that is secret and occurs in Output or
	// Error: the run's [Masker] replaces them. An empty text stands for more than it
	// remembers: no text of the run is shown. Since version 3 of the encoding.
	Secrets []string
	// Sealed says that the activity has waited for a run that is sealed in the history:
	// Output and Error may be made of its secrets. Since version 4 of the encoding.
	Sealed bool
}

func (e *ActivityFinished) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.small((*uint8)(&e.Status))
	c.value(&e.Output)
	visitError(c, &e.Error)
	c.time(&e.At)
	c.input(&e.Input)
	c.bool(&e.SecureInput)
	c.bool(&e.SecureOutput)
	c.object(&e.UserProperties)
	if c.since(3) {
		c.texts(&e.Secrets)
	}
	if c.since(4) {
		c.bool(&e.Sealed)
	}
	if len(e.Secrets) > 0 || e.Sealed {
		c.sealed()
	}
}

func (e *ActivityFinished) When() time.Time { return e.At }

func (e *ActivityFinished) apply(s *State) error {
	switch e.Status {
	case Succeeded, Failed, Cancelled, Inactive:
	default:
		return misplaced("%s ends with status %s", e.Path, e.Status)
	}
	n := s.live[e.Path]
	if n == nil || n.attempt != e.Attempt || e.Status != Cancelled && (s.status == Canceling || n.aborted()) {
		return fmt.Errorf("%w: %s, attempt %d", ErrNotWanted, e.Path, e.Attempt)
	}
	switch n.phase {
	case ready:
		s.begin(n, e.At, e.Input, e.UserProperties, e.SecureInput, e.SecureOutput)
	case running:
		if n.children != nil && e.Status != Cancelled {
			return misplaced("%s has children in flight", e.Path)
		}
	case timedOut, ending, aborting:
	default:
		return fmt.Errorf("%w: %s, attempt %d", ErrNotWanted, e.Path, e.Attempt)
	}
	r := n.record
	r.Status, r.End, r.Output, r.Error = e.Status, e.At, e.Output, e.Error
	if e.Status == Failed && r.Error == nil {
		r.Error = &pipeline.ActivityError{FailureType: pipeline.SystemError,
			Message: "the activity failed and gave no reason"}
	}
	s.secrets.revealed = s.secrets.revealed || e.Sealed
	if s.secrets.reveal(e.Secrets); r.SecureOutput {
		s.secrets.secure(e.Output)
	}
	s.over(r)
	if n.started != nil && e.Status == Failed && e.Attempt <= n.started.Retry {
		s.land(n)
		s.push(n, retrying)
		return nil
	}
	s.finish(n, e.Status)
	return nil
}

// ActivitySkipped ends an activity whose dependency conditions were not met.
type ActivitySkipped struct {
	Path string
	At   time.Time
}

func (e *ActivitySkipped) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.At)
}

func (e *ActivitySkipped) When() time.Time { return e.At }

func (e *ActivitySkipped) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	s.finish(n, Skipped)
	return nil
}

// RetryScheduled follows a failed attempt that is to be repeated. It arms
// [TimerRetry] for the attempt named here.
type RetryScheduled struct {
	Path    string
	Attempt int // the attempt that starts when the timer fires
	FireAt  time.Time
	At      time.Time
}

func (e *RetryScheduled) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.time(&e.FireAt)
	c.time(&e.At)
}

func (e *RetryScheduled) When() time.Time { return e.At }

func (e *RetryScheduled) arms() (Timer, bool) {
	return Timer{e.Path, e.Attempt, TimerRetry, e.FireAt}, true
}

func (e *RetryScheduled) apply(s *State) error {
	n, err := s.expect(e.Path, e.Attempt-1, retrying)
	if err != nil {
		return err
	}
	n.record.NextAttempt = e.FireAt
	n.phase, n.attempt, n.started = backoff, e.Attempt, nil
	n.arm(e)
	s.launch(n)
	return nil
}
