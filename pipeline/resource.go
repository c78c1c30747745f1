package pipeline

import (
	"time"

	"switchyard/value"
)

// A LinkedService is the definition in one file of the folder linkedService/
// [ENGINE 7].
type LinkedService struct {
	Name           string
	File           string
	Type           string
	Parameters     []*Parameter
	Annotations    value.Array
	ConnectVia     *Reference
	TypeProperties *value.Object // never nil; may hold linkedService() expressions
	Raw            *value.Object
}

// Is reports whether the linked service has the type, ignoring case.
func (l *LinkedService) Is(serviceType string) bool { return equalFold(l.Type, serviceType) }

// A Dataset is the definition in one file of the folder dataset/ [ENGINE 7].
type Dataset struct {
	Name           string
	File           string
	Type           string
	LinkedService  *Reference
	Parameters     []*Parameter
	Annotations    value.Array
	TypeProperties *value.Object // never nil; may hold dataset() expressions
	Raw            *value.Object
}

// A Trigger is the definition in one file of the folder trigger/ [ENGINE 6].
type Trigger struct {
	Name        string
	File        string
	Type        string
	Description string
	Annotations value.Array
	Started     bool // runtimeState is Started
	// StartedAt is since when it is started, by the wall clock, of a deployed trigger that goes
	// by time.
	StartedAt      time.Time
	Pipelines      []TriggeredPipeline
	TypeProperties *value.Object // never nil
	// ServiceBus is set for the type ServiceBusTrigger.
	ServiceBus *ServiceBusTrigger
	Raw        *value.Object
}

// TypeScheduleTrigger is the type of triggers that fire at the times of a recurrence.
const TypeScheduleTrigger = "ScheduleTrigger"

// TypeTumblingWindowTrigger is the type of triggers that run a pipeline for each window of time.
const TypeTumblingWindowTrigger = "TumblingWindowTrigger"

// Runs reports whether triggers of the type run here.
func (t *Trigger) Runs() bool {
	return t.ServiceBus != nil || t.Is(TypeScheduleTrigger) || t.Is(TypeTumblingWindowTrigger)
}

// Is reports whether the trigger has the type, ignoring case.
func (t *Trigger) Is(triggerType string) bool { return equalFold(t.Type, triggerType) }

// A TriggeredPipeline is a pipeline that a trigger starts, with the arguments it
// passes: literals or expressions of trigger() and triggerBody().
type TriggeredPipeline struct {
	Pipeline   *Reference
	Parameters *value.Object // never nil
}

// A ServiceBusTrigger, an extension, starts one run for a batch of messages of a
// queue.
type ServiceBusTrigger struct {
	LinkedService     *Reference
	QueueName         string
	MaxMessages       int           // 1 to 1,000
	MaxWaitTime       time.Duration // how long a batch waits to be full
	MaxConcurrentRuns int           // 1 or more
	// FirstDelay and MaxDelay bound the wait after a failed run before the next.
	FirstDelay, MaxDelay time.Duration
}

// Defaults and limits of a [ServiceBusTrigger].
const (
	MaxTriggerMessages  = 1000
	DefaultFirstDelay   = 5 * time.Second
	DefaultMaxDelay     = 5 * time.Minute
	MaxConcurrentRuns   = 1000
	maxTriggerBatchWait = time.Hour
	maxTriggerRetryWait = 24 * time.Hour
)
