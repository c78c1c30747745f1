package activity

import (
	"encoding/json"
	"time"

	"switchyard/commit"
	"switchyard/value"
)

// A Bus makes effects on Service Bus namespaces. It is implemented over the
// broker; the factory doesn't know it.
type Bus interface {
	// Effect returns what does all operations as one, for the given run.
	// Nothing has been done before it is staged, and staging fails without
	// having done anything if one operation is not possible. An error names the
	// namespace, queue or message that isn't there; an [*Error] passes its code.
	Effect(run string, ops ...Op) (commit.Effect, error)
}

// Op is an operation of a [Bus]: [Send] or [Settle].
type Op interface{ op() }

// Send puts a message into a queue.
type Send struct {
	Endpoint Endpoint
	Queue    string
	Message  OutMessage
}

// Settle ends the run's lock on one message of the batch that started it. The
// message is named by its sequence number or, if that is 0, its lock token.
type Settle struct {
	Binding        json.RawMessage // [Call.Binding]
	SequenceNumber int64
	LockToken      string
	Outcome        Outcome
	// Reason and Description are for DeadLetter.
	Reason, Description string
	// Shown is Reason as the log may show it.
	Shown string
	// PropertiesToModify are merged into the application properties.
	PropertiesToModify *value.Object
}

func (Send) op()   {}
func (Settle) op() {}

// Endpoint is the namespace of a linked service of type AzureServiceBus: either
// a host name, used with the factory's identity, or a connection string.
type Endpoint struct {
	Factory                 string // whose identity that is
	FullyQualifiedNamespace string
	ConnectionString        string
}

// OutMessage is a message to send. Members that are empty are absent.
type OutMessage struct {
	MessageID, SessionID, CorrelationID string
	Subject, To, ReplyTo, ContentType   string
	// ApplicationProperties have scalar values only.
	ApplicationProperties *value.Object
	TimeToLive            time.Duration
	Body                  []byte
}

// Outcome is what becomes of a message that is settled.
type Outcome string

// The outcomes.
const (
	Complete   Outcome = "Complete"
	Abandon    Outcome = "Abandon"
	Defer      Outcome = "Defer"
	DeadLetter Outcome = "DeadLetter"
)
