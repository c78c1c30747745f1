package entity

import (
	"strings"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/filter"
)

// A NamespaceID numbers a namespace. Numbers are never re-used.
type NamespaceID uint32

// An EntityID numbers an entity: a queue, a topic or a subscription. Numbers are
// never re-used, so a re-created queue sees nothing of the old one.
type EntityID uint64

// A SubQueue names one message list of a queue or subscription.
type SubQueue uint8

// The sub-queues that Service Bus gives every queue. The store keeps the numbers:
// they never change.
const (
	MainQueue SubQueue = iota
	DeadLetterQueue
	// TransferQueue holds what was sent by way of the entity to another one and has not
	// come there yet. It has no address.
	TransferQueue
	// TransferDeadLetterQueue holds what the other entity did not take.
	TransferDeadLetterQueue
	// ScheduledMessages holds what waits until it is due. It has no address.
	ScheduledMessages

	// SubQueues is how many sub-queues there are.
	SubQueues = iota
)

// SessionStates is where the store keeps the totals of the sessions' states, as if they were
// messages. It is no sub-queue.
const SessionStates SubQueue = 255

// suffixes are what stands behind an entity's path in the address of a sub-queue
// [SB-AMQP 5], the longer ones first: they end as the others do.
var suffixes = [...]struct {
	sub    SubQueue
	suffix string
}{
	{TransferDeadLetterQueue, "/$Transfer/$DeadLetterQueue"},
	{DeadLetterQueue, "/$DeadLetterQueue"},
}

// Suffix returns what stands behind the entity's path in the sub-queue's
// address: "" or, for example, "/$DeadLetterQueue".
func (s SubQueue) Suffix() string {
	for _, x := range suffixes {
		if x.sub == s {
			return x.suffix
		}
	}
	return ""
}

// SplitPath separates an address into the entity's path and its sub-queue.
// Suffixes are compared ignoring case.
func SplitPath(path string) (entity string, sub SubQueue) {
	for _, x := range suffixes {
		if n := len(path) - len(x.suffix); n > 0 && strings.EqualFold(path[n:], x.suffix) {
			return path[:n], x.sub
		}
	}
	return path, MainQueue
}

// IsDeadLetters reports whether the sub-queue is one of dead letters: nothing can be sent
// to it, and its messages have no sessions.
func (s SubQueue) IsDeadLetters() bool { return s == DeadLetterQueue || s == TransferDeadLetterQueue }

// A QueueID names one sub-queue in the store.
type QueueID struct {
	Entity EntityID
	Sub    SubQueue
}

// A LockToken identifies one peek lock: an RFC 4122 UUID in its own byte order.
type LockToken [16]byte

// A RunID names the pipeline run that owns a lock. The broker only compares it.
type RunID string

// A Property is one application property that the broker or a settlement adds
// to a message: DeadLetterReason, or what an abandon asks to modify. Value is
// nil, bool, int64, float64, string, or [Encoded] for what only the dialect
// that received it can read.
type Property struct {
	Name  string
	Value any
}

// Encoded is a property value in the encoding of the dialect that received it
// (for AMQP: constructor and data).
type Encoded []byte

// MessageState is the state of [SB-SEM 2]. Locked is not a state there: a
// locked message is active.
type MessageState uint8

// The states of a message.
const (
	Active MessageState = iota
	Deferred
	Scheduled
)

// LockOwner says who holds a lock and so what ends it.
type LockOwner uint8

const (
	// NoOwner means that the message is not locked.
	NoOwner LockOwner = iota
	// LinkOwner is an AMQP link, or a token handed out by a request: the lock
	// ends at a deadline.
	LinkOwner
	// RunOwner is a pipeline run: the lock has no deadline and ends by a
	// settlement or by the commit that ends the run.
	RunOwner
)

// Content is the part of a message that never changes after it was accepted.
type Content struct {
	// Sections is the encoded message exactly as it came, in the encoding of
	// the dialect that received it.
	Sections []byte
	// The following are read from Sections by the dialect, because the broker
	// needs them to decide.
	MessageID    string
	SessionID    string
	HasSession   bool // SessionID is set, if only to ""
	PartitionKey string
	TimeToLive   time.Duration // 0: the entity's default
	// ScheduledFor is the time before which the message must not be seen. Senders give
	// it by the wall clock; the broker keeps it by its own.
	ScheduledFor time.Time
	// EnqueueSequence is the number that the message had first, in the schedule or in the
	// entity from which it was forwarded; 0: it had none.
	EnqueueSequence int64
	// Hops is how often the message was forwarded, at most [MaxHops].
	Hops int
	// Destination is the path of the entity to which a message of a transfer queue, or of
	// its dead letters, is to go on; else "".
	Destination string
	// Encoding reads and rewrites Sections for the rules of a topic. The dialect
	// sets it when a message is sent; it is not stored. Nil: rules see only what
	// stands here, and actions fail.
	Encoding Encoding
}

// An Encoding is what a dialect knows to do with the sections of a message. It
// is used by several goroutines at once, and under no lock.
type Encoding interface {
	// Properties returns the properties of the message; those of one that can't be
	// read are empty. They are used by one goroutine.
	Properties(c *Content) filter.Properties
	// Rewrite returns the message with changed properties. Its time to live and
	// scheduled time stay those of c, whatever the changes: what an action sets is
	// not looked at again [SB-SEM 7].
	Rewrite(c *Content, changes []filter.Change) (Content, error)
}

// A Message is a message in a queue: what was sent, and what the broker knows
// of it.
type Message struct {
	Content

	SequenceNumber int64
	EnqueuedAt     time.Time // millisecond precision, UTC
	ExpiresAt      time.Time // zero: never
	Status
}

// Status is the part of a message that changes while it is in a queue.
type Status struct {
	State         MessageState
	DeliveryCount uint32
	// NotBefore is the time before which an abandoned message is not delivered
	// again: zero, or set by an outcome with a backoff. An extension of ours.
	NotBefore time.Time
	// Properties were added by settlements and dead-lettering; the dialect merges
	// them into the application properties of what it delivers.
	Properties []Property
	// DeadLetterSource is the path of the entity from whose dead-letter queue the message
	// was forwarded; "": of none.
	DeadLetterSource string

	Owner       LockOwner
	LockToken   LockToken
	LockedUntil time.Time // LinkOwner only
	Run         RunID     // RunOwner only
}

// A Delivery is a message handed to a consumer.
type Delivery struct {
	*Message
}

// An OutcomeKind is what becomes of a locked message.
type OutcomeKind uint8

// The outcomes, with the delivery-count rules of [SB-AMQP 7.4].
const (
	Complete   OutcomeKind = iota // removed
	Abandon                       // unlocked, delivery count + 1
	Release                       // unlocked at its place, delivery count unchanged
	Defer                         // deferred, delivery count + 1
	DeadLetter                    // moved to the dead-letter queue
)

// Reasons and descriptions that the broker itself gives a message it
// dead-letters [SB-SEM 2.4].
const (
	ReasonMaxDeliveryCount      = "MaxDeliveryCountExceeded"
	DescriptionMaxDeliveryCount = "Message could not be consumed after %d delivery attempts."
	ReasonExpired               = "TTLExpiredException"
	DescriptionExpired          = "The message expired and was dead lettered."
	ReasonFilter                = "FilterException"
	ReasonAction                = "RuleActionException"
	ReasonNoSession             = "Session id is null."
	DescriptionNoSession        = "Session enabled entity doesn't allow a message whose session identifier is null."
	// DescriptionNoSessionSent is that of a message which can't be sent, so not forwarded either.
	DescriptionNoSessionSent = "The SessionId was not set on a message, and it cannot be sent to the entity. " +
		"Entities that have session support enabled can only receive messages that have the SessionId set to a valid value."
	ReasonHeaderSize      = "HeaderSizeExceeded"
	DescriptionHeaderSize = "The size quota for this stream has been exceeded."
	ReasonHops            = "MaxTransferHopCountExceeded"
	DescriptionHops       = "The maximum number of allowed hops when forwarding between queues has been exceeded. " +
		"This value is set to 4."
)

// MaxHops is how often a message is forwarded at most [SB-SEM 4].
const MaxHops = 4

// Names of the application properties that dead-lettering adds.
const (
	PropertyDeadLetterReason      = "DeadLetterReason"
	PropertyDeadLetterDescription = "DeadLetterErrorDescription"
)

// An Outcome settles a message.
type Outcome struct {
	Kind OutcomeKind
	// Reason and Description become DeadLetterReason and
	// DeadLetterErrorDescription of a message that is dead-lettered.
	Reason, Description string
	// Shown is what [DeadLettered] tells instead of Reason; empty: Reason.
	Shown string
	// Properties are merged into the message's application properties.
	Properties []Property
	// Backoff delays the next delivery after an abandon.
	Backoff Backoff
	// Exhausted, unless its Reason is empty, replaces the broker's own reason when an abandon reaches
	// MaxDeliveryCount.
	Exhausted *DeadLetterInfo
}

// DeadLetterInfo is why a message went to the dead-letter queue.
type DeadLetterInfo struct {
	Reason, Description string
	Properties          []Property
	Shown               string // as in [Outcome]
}

// A Backoff is an exponential delay: First after the first failed delivery,
// twice as much after each further one, at most Max. Zero means no delay.
type Backoff struct {
	First, Max time.Duration
}

// Counters are the durable totals of one sub-queue, written with every unit
// that changes them.
type Counters struct {
	NextSequence int64 // the number the next accepted message gets
	LowWater     int64 // every message below is gone: scans start here
	Messages     int64 // all messages, whatever their state
	Deferred     int64
	Bytes        int64 // sum of the sizes of the sections
}

// Scanned is a message read from the store without its content, and Size the
// length of its sections. With content, Sections is set and Size is its length.
type Scanned struct {
	*Message
	Size int
}

// Expiry is one entry of the expiry index. Entries are ordered by time, then by
// sequence number.
type Expiry struct {
	SequenceNumber int64
	ExpiresAt      time.Time
}

// RunLock is a message that a run holds.
type RunLock struct {
	Queue          QueueID
	SequenceNumber int64
	LockToken      LockToken
}

// ReceiveMode says what happens to a message when it is handed out.
type ReceiveMode uint8

// The receive modes.
const (
	PeekLock         ReceiveMode = iota // locked until settled or the deadline
	ReceiveAndDelete                    // removed
)

// Forever stands for "never" in times to live.
const Forever = description.Forever
