package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"switchyard/commit"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
)

// binding is what a run keeps of the trigger that started it: [engine.RunOptions]
// and the run's history hold it as JSON.
type binding struct {
	Version int             `json:"version"`
	Trigger string          `json:"trigger"`
	Backoff Backoff         `json:"backoff"`
	Source  json.RawMessage `json:"source"` // Batch.Binding; null, if there is a Window
	Window  *windowBinding  `json:"window,omitempty"`
}

const bindingVersion = 1

func (b binding) encode() json.RawMessage {
	j, err := json.Marshal(b)
	if err != nil {
		panic(fmt.Sprintf("trigger: %v", err)) // Batch.Binding is no JSON
	}
	return j
}

func decodeBinding(j json.RawMessage) (binding, error) {
	var b binding
	if err := json.Unmarshal(j, &b); err != nil {
		return b, fmt.Errorf("trigger binding: %w", err)
	}
	if b.Version != bindingVersion {
		return b, fmt.Errorf("trigger binding has version %d, this program reads %d", b.Version, bindingVersion)
	}
	return b, nil
}

// errNoMessages is the error of a run that no messages have started.
var errNoMessages = errors.New("the run was not started by messages")

// SourceBinding returns the [Batch.Binding] inside the binding of a run, which
// an activity's settle operation carries.
func SourceBinding(j json.RawMessage) (json.RawMessage, error) {
	if len(j) == 0 {
		return nil, errNoMessages
	}
	b, err := decodeBinding(j)
	if err == nil && b.Window != nil {
		return nil, errNoMessages
	}
	return b.Source, err
}

// Finish makes the hook for [engine.Options]: it settles the messages of a run, or tells the
// window of a run, by how it ended. It asks for firings, which there are later than the engine,
// when the run of a window ends.
func Finish(s Settler, firings func() *Firings) func(j json.RawMessage, runID string, o engine.Outcome) (commit.Effect, error) {
	return func(j json.RawMessage, runID string, o engine.Outcome) (commit.Effect, error) {
		b, err := decodeBinding(j)
		if err != nil {
			return nil, err
		}
		if b.Window != nil {
			return firings().finish(b, runID, o), nil
		}
		return s.Settle(b.Source, runID, settlement(b, runID, o))
	}
}

// Reasons for which messages are dead-lettered.
const (
	// ReasonParameterError: the trigger's parameters can't be evaluated for the
	// message.
	ReasonParameterError = "TriggerParameterError"
	// ReasonRunFailed: the last run that the message started has failed.
	ReasonRunFailed = "PipelineRunFailed"
)

// The application properties of a message that is dead-lettered because its run
// has failed. [PropertyRunID] is also one of what a run dead-letters itself and of what
// it sends, so that one finds the run of a message.
const (
	PropertyRunID          = "PipelineRunId"
	PropertyFailedActivity = "FailedActivity"
	PropertyErrorCode      = "ErrorCode"
)

// maxDescription is the greatest length of a dead-letter description.
const maxDescription = 4096

func settlement(b binding, runID string, o engine.Outcome) Settlement {
	switch o.Status {
	case run.Succeeded:
		return Settlement{Kind: Complete}
	case run.Cancelled:
		return Settlement{Kind: Release}
	}
	s := Settlement{
		Kind:    Abandon,
		Backoff: b.Backoff,
		Reason:  ReasonRunFailed,
		Description: cut(fmt.Sprintf("Pipeline run %s, started by trigger %s, failed. %s",
			runID, b.Trigger, o.Message)),
		Properties: []Property{{PropertyRunID, runID}},
	}
	if o.FailedActivity != "" {
		s.Properties = append(s.Properties, Property{PropertyFailedActivity, o.FailedActivity})
	}
	if o.Error != nil && o.Error.Code != "" {
		s.Properties = append(s.Properties, Property{PropertyErrorCode, o.Error.Code})
	}
	return s
}

func cut(s string) string {
	if len(s) > maxDescription {
		s = strings.ToValidUTF8(s[:maxDescription], "")
	}
	return s
}
