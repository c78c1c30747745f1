package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// summary is RunRecord.Summary: JSON with a version.
type summary struct {
	Version int
	Status  run.Status
	Arrival uint64    `json:",omitempty"` // place among the queued runs
	Message string    `json:",omitempty"`
	End     time.Time `json:",omitzero"`
	Updated time.Time `json:",omitzero"` // of version 1; the record has it since
	Invoked run.Invoker
	// Parameters is absent when it is large or the run above is sealed: the run's first
	// event has it.
	Parameters  json.RawMessage `json:",omitempty"`
	Dimensions  json.RawMessage `json:",omitempty"`
	Annotations json.RawMessage `json:",omitempty"`
	// DroppedFor is the run, a later attempt of the same cause that failed too, in
	// favour of which events and parameters were dropped. Since version 3.
	DroppedFor string `json:",omitempty"`
	// Outputs is what the trigger handed over, absent when it is nothing, null when it
	// is large: the run's first event has it. Since version 4.
	Outputs json.RawMessage `json:",omitempty"`
	// Returned is the pipeline's return value, absent when it is empty, null when it is
	// large or the run is sealed: the run's events have it. Since version 5.
	Returned json.RawMessage `json:",omitempty"`
	// Group is the first run of the group of a rerun, absent of others. Since version 6.
	Group string `json:",omitempty"`
}

const summaryVersion = 6

// encode writes what [json.Marshal] would, but for characters that it escapes for HTML:
// every run is written twice or more, and by reflection that took a tenth of its time.
func (s summary) encode() []byte {
	b := make([]byte, 0, 192+len(s.Message)+len(s.Parameters)+len(s.Dimensions)+len(s.Annotations))
	b = strconv.AppendInt(append(b, `{"Version":`...), int64(s.Version), 10)
	b = appendText(b, `,"Status":`, s.Status.String())
	if s.Arrival != 0 {
		b = strconv.AppendUint(append(b, `,"Arrival":`...), s.Arrival, 10)
	}
	b = appendOptional(b, `,"Message":`, s.Message)
	b = appendTime(b, `,"End":`, s.End)
	b = appendTime(b, `,"Updated":`, s.Updated)
	b = appendText(b, `,"Invoked":{"ID":`, s.Invoked.ID)
	b = appendText(b, `,"Name":`, s.Invoked.Name)
	b = appendText(b, `,"Type":`, s.Invoked.Type)
	b = appendOptional(b, `,"PipelineName":`, s.Invoked.PipelineName)
	b = appendOptional(b, `,"PipelineRunID":`, s.Invoked.PipelineRunID)
	b = append(b, '}')
	b = appendRaw(b, `,"Parameters":`, s.Parameters)
	b = appendRaw(b, `,"Dimensions":`, s.Dimensions)
	b = appendRaw(b, `,"Annotations":`, s.Annotations)
	b = appendOptional(b, `,"DroppedFor":`, s.DroppedFor)
	b = appendRaw(b, `,"Outputs":`, s.Outputs)
	b = appendRaw(b, `,"Returned":`, s.Returned)
	b = appendOptional(b, `,"Group":`, s.Group)
	return append(b, '}')
}

func appendText(b []byte, name, text string) []byte {
	return value.AppendString(append(b, name...), text)
}

func appendOptional(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(b, name, text)
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(append(b, name...), '"')
	return append(t.AppendFormat(b, time.RFC3339Nano), '"')
}

func appendRaw(b []byte, name string, text json.RawMessage) []byte {
	if len(text) == 0 {
		return b
	}
	return append(append(b, name...), text...)
}

// outputsElsewhere reports whether only the run's first event can have what the trigger
// handed over.
func (s *summary) outputsElsewhere() bool {
	if s.Version < 4 {
		return s.Invoked.Type != manual
	}
	return string(s.Outputs) == "null"
}

// returnedElsewhere reports whether only the run's events have the return value.
func (s *summary) returnedElsewhere() bool { return string(s.Returned) == "null" }

// summary decodes what a list of runs shows, if that could be read.
func (r RunRecord) summary() (summary, error) {
	if r.Damage != nil && r.Summary == nil {
		return summary{}, r.Damage
	}
	return decodeSummary(r.Summary)
}

func decodeSummary(b []byte) (summary, error) {
	var s summary
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("run summary: %w", err)
	}
	if s.Version < 1 || s.Version > summaryVersion {
		return s, fmt.Errorf("run summary has version %d, this program reads 1 to %d", s.Version, summaryVersion)
	}
	return s, nil
}
