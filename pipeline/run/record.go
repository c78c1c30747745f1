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

// Mask stands for a value that records do not show.
const Mask = "**********"

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
	// Branch is what an IfCondition or Switch runs, a member of its typeProperties. Items
	// are what a ForEach goes through; there with [State.KeepRecords] only.
	Branch string
	Items  value.Array

	loop   string // path of the iteration
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
	for sc := n.scope; sc.owner != nil; sc = sc.owner.scope {
		if k := sc.owner.step.kind; k == kindForEach || k == kindUntil {
			r.loop = sc.prefix
			break
		}
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
func (s *State) Masked(v value.Value) value.Value { return s.masker().value(v) }

func (s *State) shown(m masker, r *ActivityRecord) ActivityRecord {
	c := *r
	c.ID = activityRunID(s.created.ID, r.Path, r.Attempt)
	if r.loop != "" {
		h := sha256.Sum256([]byte(s.created.ID + "/" + r.loop))
		c.IterationHash = hex.EncodeToString(h[:16])
	}
	if c.SecureInput {
		c.Input = nil
	}
	if c.SecureOutput {
		c.Output = nil
	}
	c.Input, _ = m.value(c.Input).(*value.Object)
	c.Output = m.value(c.Output)
	c.UserProperties, _ = m.value(c.UserProperties).(*value.Object)
	c.Items, _ = m.value(c.Items).(value.Array)
	if c.Error != nil {
		e := *c.Error
		e.Message, e.Details = m.text(e.Message), m.value(e.Details)
		c.Error = &e
	}
	return c
}

// A masker replaces secrets in what is shown: the value of SecureString objects,
// and the run's SecureString parameters wherever they occur in a text.
type masker struct{ secrets []string }

func (s *State) masker() masker { return masker{s.secrets} }

// Masked returns a value that belongs to the run as it may be shown.
func (e *Created) Masked(v value.Value) value.Value { return masker{secretsOf(e)}.value(v) }

// secretsOf returns the values of a run's SecureString parameters.
func secretsOf(c *Created) (secrets []string) {
	for _, name := range c.Secure {
		if v, ok := c.Parameters.Lookup(name); ok {
			if text, ok := v.(string); ok && text != "" {
				secrets = append(secrets, text)
			}
		}
	}
	// Longer ones first: one secret may be part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

func (m masker) text(s string) string {
	for _, secret := range m.secrets {
		s = strings.ReplaceAll(s, secret, Mask)
	}
	return s
}

// value returns v with its secrets masked: v itself if it holds none.
func (m masker) value(v value.Value) value.Value {
	switch v := v.(type) {
	case string:
		return m.text(v)
	case value.Array:
		var out value.Array
		for i, x := range v {
			if y := m.value(x); out != nil {
				out[i] = y
			} else if !same(x, y) {
				out = slices.Clone(v)
				out[i] = y
			}
		}
		if out != nil {
			return out
		}
	case *value.Object:
		if v == nil {
			return v
		}
		if _, secure := pipeline.SecureString(v); secure {
			return value.NewObject(value.Member{Name: "type", Value: "SecureString"},
				value.Member{Name: "value", Value: Mask})
		}
		var out *value.Object
		for _, x := range v.Members() {
			if y := m.value(x.Value); !same(x.Value, y) {
				if out == nil {
					out = v.Clone()
				}
				out.Set(x.Name, y)
			}
		}
		if out != nil {
			return out
		}
	}
	return v
}

// same reports whether value returned its argument.
func same(a, b value.Value) bool {
	switch a := a.(type) {
	case value.Array:
		b, ok := b.(value.Array)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case *value.Object:
		b, ok := b.(*value.Object)
		return ok && a == b
	case string:
		return a == b
	}
	return true // masking leaves the other types alone
}

// Ended counts the activity runs that are over.
func (s *State) Ended() int { return s.ended }

// MaskedParameters returns the run's parameters for showing.
func (s *State) MaskedParameters() *value.Object {
	out := s.created.Parameters.Clone()
	for _, name := range s.created.Secure {
		out.Set(name, Mask)
	}
	return out
}

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
	return Result{s.status, s.masker().text(s.message), s.finished, s.returnValue}, true
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
