package broker

import "switchyard/broker/entity"

// The vocabulary of messages is defined by the core, package entity; these are
// its names for users of the broker.
type (
	NamespaceID    = entity.NamespaceID
	EntityID       = entity.EntityID
	SubQueue       = entity.SubQueue
	QueueID        = entity.QueueID
	LockToken      = entity.LockToken
	RunID          = entity.RunID
	RunLock        = entity.RunLock
	RememberedID   = entity.RememberedID
	Property       = entity.Property
	Encoded        = entity.Encoded
	MessageState   = entity.MessageState
	LockOwner      = entity.LockOwner
	Content        = entity.Content
	Encoding       = entity.Encoding
	Message        = entity.Message
	Status         = entity.Status
	Delivery       = entity.Delivery
	OutcomeKind    = entity.OutcomeKind
	Outcome        = entity.Outcome
	DeadLetterInfo = entity.DeadLetterInfo
	Backoff        = entity.Backoff
	Counters       = entity.Counters
	SessionState   = entity.SessionState
	Scanned        = entity.Scanned
	Expiry         = entity.Expiry
	ReceiveMode    = entity.ReceiveMode
)

// The constants of the vocabulary.
const (
	MainQueue               = entity.MainQueue
	DeadLetterQueue         = entity.DeadLetterQueue
	TransferQueue           = entity.TransferQueue
	TransferDeadLetterQueue = entity.TransferDeadLetterQueue
	ScheduledMessages       = entity.ScheduledMessages
	SessionStates           = entity.SessionStates

	Active    = entity.Active
	Deferred  = entity.Deferred
	Scheduled = entity.Scheduled

	NoOwner   = entity.NoOwner
	LinkOwner = entity.LinkOwner
	RunOwner  = entity.RunOwner

	Complete   = entity.Complete
	Abandon    = entity.Abandon
	Release    = entity.Release
	Defer      = entity.Defer
	DeadLetter = entity.DeadLetter

	PeekLock         = entity.PeekLock
	ReceiveAndDelete = entity.ReceiveAndDelete

	Forever = entity.Forever

	MaxHeaders = entity.MaxHeaders
)

// SplitPath separates an address into the entity's path and its sub-queue.
// Suffixes are compared ignoring case.
func SplitPath(path string) (string, SubQueue) { return entity.SplitPath(path) }
