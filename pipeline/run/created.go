package run

import (
	"encoding/json"
	"time"

	"switchyard/value"
)

// A TriggerInfo says what started a run, as pipeline() shows it.
type TriggerInfo struct {
	ID   string
	Name string // "Manual" when nothing but a caller started the run
	Type string // "Manual", "ServiceBusTrigger", "PipelineActivity", …
	Time time.Time
	// Outputs is what the trigger handed over, kept for records; parameters were
	// evaluated before the run was created. May be nil.
	Outputs value.Value
}

// An Invoker is the invokedBy member of a run record.
type Invoker struct {
	ID   string
	Name string
	Type string // invokedByType
	// PipelineName and PipelineRunID name the parent of a child run.
	PipelineName  string `json:",omitempty"` // the tags are those of the engine's summaries
	PipelineRunID ID     `json:",omitempty"`
}

// Created is the first event of a run: everything that was known when it was
// accepted. A later change of the pipeline does not reach the run.
type Created struct {
	Version      int // of the decision rules, see DecisionVersion
	ID           ID
	GroupID      ID
	Factory      string
	PipelineName string
	// Revision names the definition as it was accepted. Before version 2 of the
	// encoding it was absent, and Definition held the JSON.
	Revision         Hash
	Definition       []byte
	Parameters       *value.Object // bound, see pipeline.BindParameters
	GlobalParameters *value.Object
	Trigger          TriggerInfo
	InvokedBy        Invoker
	At               time.Time
	// Secure names the parameters of type SecureString: their values are masked
	// in every record.
	Secure []string
	// Binding is what the trigger needs at the end of the run; opaque here.
	Binding json.RawMessage
	// Depth is how many runs stand above this one: the one that started it, and so on.
	// Since version 4 of the encoding.
	Depth int
	// Secrets are the secrets of the run above that are in Parameters, also in the midst of
	// a text. An empty text stands for more than a run remembers, as in
	// [ActivityFinished].Secrets. Since version 4 of the encoding.
	Secrets []string
	// Sealed says that the run above is sealed in the history: what was given may be made
	// of its secrets. Since version 4 of the encoding.
	Sealed bool
	// Recovers is the run that this one is a rerun of, in the same group; "" if it is none.
	// Since version 5 of the encoding.
	Recovers ID
	// Settled names the messages of a rerun's group that earlier runs have settled: lock
	// tokens in lower case, and sequence numbers. Since version 5 of the encoding.
	Settled []string
	// RunDimensions are the evaluated run dimensions of the pipeline; may be nil.
	RunDimensions *value.Object
}

func (e *Created) fields(c codec) {
	c.sealed() // its parameters may be secrets, and its definition may hold some
	c.int(&e.Version)
	c.text(&e.ID)
	c.text(&e.GroupID)
	c.text(&e.Factory)
	c.text(&e.PipelineName)
	c.bytes(&e.Definition)
	c.object(&e.Parameters)
	c.object(&e.GlobalParameters)
	c.text(&e.Trigger.ID)
	c.text(&e.Trigger.Name)
	c.text(&e.Trigger.Type)
	c.time(&e.Trigger.Time)
	c.value(&e.Trigger.Outputs)
	c.text(&e.InvokedBy.ID)
	c.text(&e.InvokedBy.Name)
	c.text(&e.InvokedBy.Type)
	c.text(&e.InvokedBy.PipelineName)
	c.text(&e.InvokedBy.PipelineRunID)
	c.time(&e.At)
	c.texts(&e.Secure)
	c.bytes((*[]byte)(&e.Binding))
	c.object(&e.RunDimensions)
	if c.since(2) {
		c.hash(&e.Revision)
	}
	if c.since(4) {
		c.int(&e.Depth)
		c.texts(&e.Secrets)
		c.bool(&e.Sealed)
	}
	if c.since(5) {
		c.text(&e.Recovers)
		c.texts(&e.Settled)
	}
}

func (e *Created) When() time.Time { return e.At }

func (e *Created) apply(*State) error { return misplaced("a second %T", e) }
