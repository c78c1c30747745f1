package run

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

// An ActivityRecord is one attempt of an activity, as monitoring shows it
// [ADF-REST 5]. Skipped activities have none.
type ActivityRecord struct {
	Name, Type string
	Path       string
	Attempt    int    // from 1
	ID         string // activityRunId
	// Execution is true for activities that the engine executes: their records
	// have an integration runtime and an array for error details.
	Execution      bool
	LinkedService  string // "" when none
	Status         Status
	Start, End     time.Time // End is zero while the attempt is in flight
	Input          *value.Object
	Output         value.Value
	Error          *pipeline.ActivityError // nil unless failed
	UserProperties *value.Object
	// IterationHash is equal for all activities of one iteration, "" outside
	// loops.
	IterationHash             string
	SecureInput, SecureOutput bool

	// Attempts is how many attempts the activity may have, 0 if it has no policy of
	// retries. NextAttempt is when the one after this one starts; zero unless this one
	// has failed and is repeated.
	Attempts    int
	NextAttempt time.Time
	// Branch is what an IfCondition or Switch runs, a member of its typeProperties, and
	// Evaluated what its expression came to; nil if that is not known. Items are what a
	// ForEach goes through; there with [State.KeepRecords] only.
	Branch    string
	Evaluated value.Value
	Items     value.Array
	// ChildRunID is the run that an ExecutePipeline has started, "" if it has not.
	ChildRunID ID
	// Accepted is when what the attempt called has taken the call, to answer it later; zero
	// if it has not.
	Accepted time.Time

	// Reused says that a rerun has the activity from the run before: Status, Output and
	// Error are those of then. It is shown as Skipped [ENGINE 3.6].
	Reused bool

	loop   string // path of the iteration
	top    string // name of the activity of the pipeline's own list that it is, or is inside of
	until  bool   // is inside of an Until
	number int    // in the order of starts
}

// KeepRecords makes the state hold the records of all attempts, for
// [State.Activities]. A run that is under way does not: its history has them.
func (s *State) KeepRecords() { s.recorded = true }

// begin adds the record of an attempt.
func (s *State) begin(n *node, at time.Time, input, user *value.Object, secureInput,
	secureOutput bool) *ActivityRecord {
	r := &ActivityRecord{
		Name: n.step.def.Name, Type: n.step.def.Type, Path: n.path, Attempt: n.attempt,
		Execution: n.step.kind == kindExecution,
		Status:    InProgress, Start: at, Input: input, UserProperties: user,
		SecureInput: secureInput, SecureOutput: secureOutput,
	}
	r.top = n.step.def.Name
	for sc := n.scope; sc.owner != nil; sc = sc.owner.scope {
		r.top = sc.owner.step.def.Name
		r.until = r.until || sc.owner.step.kind == kindUntil
	}
	for sc := n.scope; sc.owner != nil; sc = sc.owner.scope {
		if k := sc.owner.step.kind; k == kindForEach || k == kindUntil {
			r.loop = sc.prefix
			break
		}
	}
	if secureInput && !r.Execution { // of the others what comes back is revealed
		s.secrets.secure(input)
	}
	n.record = r
	r.number = s.began
	s.began++
	if s.recorded {
		s.records = append(s.records, r)
	}
	return r
}

// over counts an attempt that is over.
func (s *State) over(r *ActivityRecord) {
	s.ended++
	if f := s.firstFailed; r.Status == Failed && (f == nil || r.End.Before(f.End) || r.End.Equal(f.End) &&
		(len(r.Path) > len(f.Path) || len(r.Path) == len(f.Path) && r.number < f.number)) {
		s.firstFailed = r
	}
}

// FirstFailure returns the record of the failed attempt that ended first, for
// showing; nil if there is none. Of those that ended at the same time it is the
// innermost.
func (s *State) FirstFailure() *ActivityRecord {
	if s.firstFailed == nil {
		return nil
	}
	r := s.shown(s.masker(), s.firstFailed)
	return &r
}

// Activities returns the records of all attempts in the order in which they
// started, for showing: secure inputs and outputs are left out (nil), and
// secrets in inputs and outputs are masked. A [Kept] stays: [State.Masked] masks
// what it stands for. It needs [State.KeepRecords].
func (s *State) Activities() []ActivityRecord {
	m := s.masker()
	out := make([]ActivityRecord, len(s.records))
	for i, r := range s.records {
		out[i] = s.shown(m, r)
	}
	return out
}

// Masked returns a value of a record as it may be shown.
func (s *State) Masked(v value.Value) value.Value { return s.masker().Value(v) }

func (s *State) shown(m Masker, r *ActivityRecord) ActivityRecord {
	c := *r
	c.ID = activityRunID(s.created.ID, r.Path, r.Attempt)
	if r.loop != "" {
		h := sha256.Sum256([]byte(s.created.ID + "/" + r.loop))
		c.IterationHash = hex.EncodeToString(h[:16])
	}
	if c.Reused {
		c.Status = Skipped
	}
	if c.SecureInput {
		c.Input = nil
	}
	if c.SecureOutput {
		c.Output = nil
	}
	c.Input, _ = m.Value(c.Input).(*value.Object)
	c.Output = m.Value(c.Output)
	c.UserProperties, _ = m.Value(c.UserProperties).(*value.Object)
	c.Evaluated = m.Value(c.Evaluated)
	c.Items, _ = m.Value(c.Items).(value.Array)
	c.Error = m.Error(c.Error)
	return c
}

// Ended counts the activity runs that are over.
func (s *State) Ended() int { return s.ended }

// Created returns the run's first event.
func (s *State) Created() *Created { return s.created }

// Pipeline returns the definition that the run follows.
func (s *State) Pipeline() *pipeline.Pipeline { return s.def }

// Status returns InProgress, Canceling or a final status. That a run is Queued
// is the engine's to know.
func (s *State) Status() Status { return s.status }

// Finished reports whether the run has ended.
func (s *State) Finished() bool { return s.status.Final() }

// A Result is how a run ended.
type Result struct {
	Status  Status
	Message string // empty on success; secrets are masked
	End     time.Time
	// ReturnValue is the pipeline's return value: the members that SetVariable
	// activities gave it, an empty object if there are none.
	ReturnValue *value.Object
}

// Result returns how the run ended; ok is false while it goes on.
func (s *State) Result() (r Result, ok bool) {
	if !s.Finished() {
		return Result{}, false
	}
	return Result{s.status, s.masker().Text(s.message), s.finished, s.returnValue}, true
}

// Variable returns the current value of a variable, looked up ignoring case.
func (s *State) Variable(name string) (value.Value, bool) {
	i, ok := s.byName[strings.ToLower(name)]
	if !ok {
		return nil, false
	}
	v := &s.variables[i]
	if a, ok := v.value.(value.Array); ok && !v.partly {
		return slices.Clip(a), true // only VariableAppended may grow it
	}
	if !v.partly {
		return v.value, true
	}
	whole, ok := s.load(v.value)
	if !ok || len(v.tail) == 0 {
		return whole, ok
	}
	tail, ok := s.load(v.tail)
	if !ok {
		return nil, false
	}
	return slices.Concat(whole.(value.Array), tail.(value.Array)), true
}
