package run

import (
	"encoding/json"
	"time"

	"switchyard/value"
)

// ID names one pipeline run: a GUID in its usual text form.
type ID = string

// DecisionVersion is the version of the rules of [State.Decide]. A run keeps
// the version it was created with, so a changed rule applies to runs created
// after the change.
const DecisionVersion = 1

// Kind tells the events of a run's history apart. The numbers are written to
// disk: they are never reused.
type Kind uint8

// The kinds of events.
const (
	KindCreated          Kind = 1
	KindActivityStarted  Kind = 2
	KindContainerStarted Kind = 3
	KindIterationStarted Kind = 4
	KindActivityFinished Kind = 5
	KindActivitySkipped  Kind = 6
	KindRetryScheduled   Kind = 7
	KindTimerStarted     Kind = 8
	KindTimerFired       Kind = 9
	KindVariableSet      Kind = 10
	KindVariableAppended Kind = 11
	KindCancelRequested  Kind = 12
	KindFinished         Kind = 13
)

// An Event is one entry of a run's history: a decision of [State.Decide] or an
// outcome that the engine reports with [State.Apply]. The set is closed: the
// pointer types of this file.
//
// Outcomes, which the engine makes: [ActivityFinished] for an attempt that is in
// flight, [TimerFired] for an armed timer, [CancelRequested]. [Created] is the
// first event of every history. Everything else is a decision.
type Event interface {
	kind() Kind
	fields(c codec) // every field in its order on disk
}

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
	PipelineName  string
	PipelineRunID ID
}

// Created is the first event of a run: everything that was known when it was
// accepted. A later change of the pipeline does not reach the run.
type Created struct {
	Version      int // of the decision rules, see DecisionVersion
	ID           ID
	GroupID      ID
	Factory      string
	PipelineName string
	// Definition is the pipeline's JSON file as it was accepted.
	Definition       []byte
	Parameters       *value.Object // bound, see BindParameters
	GlobalParameters *value.Object
	Trigger          TriggerInfo
	InvokedBy        Invoker
	At               time.Time
	// Secure names the parameters of type SecureString: their values are masked
	// in every record.
	Secure []string
	// Binding is what the trigger needs at the end of the run; opaque here.
	Binding json.RawMessage
	// RunDimensions are the evaluated run dimensions of the pipeline; may be nil.
	RunDimensions *value.Object
}

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

// ContainerStarted starts a ForEach, IfCondition, Switch or Until whose own
// expressions have been evaluated.
type ContainerStarted struct {
	Path  string
	At    time.Time
	Input *value.Object // what a record shows; {} for containers
	// Branch is the member of typeProperties whose activities run: "activities",
	// "ifTrueActivities", "ifFalseActivities", "cases[2]", "defaultActivities".
	Branch string
	// Items are the elements of a ForEach.
	Items value.Array
	// Queues is the number of queues of a ForEach over which its items are dealt,
	// one after the other; 1 is sequential.
	Queues int
	// Deadline is when an Until times out; zero for the others. It arms
	// [TimerUntil].
	Deadline       time.Time
	UserProperties *value.Object
}

// IterationStarted starts the second or a later iteration of an Until, after
// its expression was false.
type IterationStarted struct {
	Path      string // of the Until
	Iteration int    // from 2
	At        time.Time
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
	Error   *ActivityError // nil unless Failed
	At      time.Time

	Input                     *value.Object
	SecureInput, SecureOutput bool
	UserProperties            *value.Object
}

// ActivitySkipped ends an activity whose dependency conditions were not met.
type ActivitySkipped struct {
	Path string
	At   time.Time
}

// RetryScheduled follows a failed attempt that is to be repeated. It arms
// [TimerRetry] for the attempt named here.
type RetryScheduled struct {
	Path    string
	Attempt int // the attempt that starts when the timer fires
	FireAt  time.Time
	At      time.Time
}

// TimerStarted starts a Wait. It arms [TimerWait].
type TimerStarted struct {
	Path           string
	FireAt         time.Time
	At             time.Time
	Input          *value.Object
	UserProperties *value.Object
}

// TimerFired reports that an armed timer is due. The engine makes it from the
// [Timer] it armed.
type TimerFired struct {
	Path    string
	Attempt int
	Timer   TimerKind
	At      time.Time
}

// VariableSet is a whole SetVariable activity that succeeded: it started, gave
// the variable its value and ended at At. With System it set the pipeline's
// return value: Value is then an object whose members are merged into it.
type VariableSet struct {
	Path                      string
	Name                      string // as the definition declares it
	Value                     value.Value
	System                    bool
	At                        time.Time
	SecureInput, SecureOutput bool
	UserProperties            *value.Object
}

// VariableAppended is a whole AppendVariable activity that succeeded.
type VariableAppended struct {
	Path           string
	Name           string
	Value          value.Value // the one element
	At             time.Time
	UserProperties *value.Object
}

// CancelRequested makes the run stop: the next [State.Decide] cancels what is in
// flight and finishes the run.
type CancelRequested struct{ At time.Time }

// Finished is the last event of every run.
type Finished struct {
	Status  Status // Succeeded, Failed or Cancelled
	Message string // empty on success
	At      time.Time
}

// An ActivityError is the error member of a failed activity.
type ActivityError struct {
	Code        string // errorCode
	Message     string
	FailureType string // UserError or SystemError
	// Details is an array for execution activities and text for control
	// activities; nil stands for the kind's empty value.
	Details value.Value
}

func (*Created) kind() Kind          { return KindCreated }
func (*ActivityStarted) kind() Kind  { return KindActivityStarted }
func (*ContainerStarted) kind() Kind { return KindContainerStarted }
func (*IterationStarted) kind() Kind { return KindIterationStarted }
func (*ActivityFinished) kind() Kind { return KindActivityFinished }
func (*ActivitySkipped) kind() Kind  { return KindActivitySkipped }
func (*RetryScheduled) kind() Kind   { return KindRetryScheduled }
func (*TimerStarted) kind() Kind     { return KindTimerStarted }
func (*TimerFired) kind() Kind       { return KindTimerFired }
func (*VariableSet) kind() Kind      { return KindVariableSet }
func (*VariableAppended) kind() Kind { return KindVariableAppended }
func (*CancelRequested) kind() Kind  { return KindCancelRequested }
func (*Finished) kind() Kind         { return KindFinished }

// KindOf returns the kind of an event.
func KindOf(e Event) Kind { return e.kind() }
