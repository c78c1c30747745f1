package trigger

import (
	"encoding/json"
	"fmt"
	"time"

	"switchyard/commit"
	"switchyard/value"
)

// A Source is a queue that a trigger takes messages from. It is implemented over
// the broker; the factory doesn't know it.
type Source interface {
	// Reserve takes up to max messages of up to [MaxBatch] bytes together, but for the
	// first, in memory only: nobody else sees them until Release, and a crash forgets
	// it. It returns nil, nil when there is none, and never blocks. If they have more
	// bytes than granted, nothing is read and the error is a [*LargeBatch].
	Reserve(max int, granted int64) (Batch, error)
	// OnReady asks for f to be called when messages may have become available.
	// f doesn't block. After cancel has returned f is not called again.
	OnReady(f func()) (cancel func())
}

// A LargeBatch is the error of a [Source] that would take more than was granted.
type LargeBatch struct{ Bytes int64 }

func (e *LargeBatch) Error() string {
	return fmt.Sprintf("the messages have %d bytes together", e.Bytes)
}

// A Batch is messages that are reserved. It ends by Release or by one of its
// effects being staged.
type Batch interface {
	Messages() []Message
	Len() int
	// Full reports whether the next message would have made it larger than [MaxBatch].
	Full() bool
	// Release gives the messages back as if they had never been taken.
	Release()
	// LockFor locks all messages for the run, until its end.
	LockFor(run string) commit.Effect
	// Abandon gives the messages back with a delivery count raised by one, not
	// before the backoff. Those that reach their queue's MaxDeliveryCount are
	// dead-lettered with the reason and description.
	Abandon(reason, description string, b Backoff) commit.Effect
	// Binding names the messages so that a [Settler] finds them again, after a
	// restart too.
	Binding() json.RawMessage
}

// Backoff is an exponential delay: First after the first failed delivery, twice
// as much after each further one, at most Max.
type Backoff struct {
	First time.Duration `json:"first"`
	Max   time.Duration `json:"max"`
}

// Message is a message of a batch, as trigger() shows it. Members that are empty
// are absent in the message and null in trigger().
type Message struct {
	MessageID, SessionID, CorrelationID string
	Subject, To, ReplyTo, ContentType   string
	SequenceNumber                      int64
	EnqueuedTimeUTC                     time.Time
	DeliveryCount                       int
	LockToken                           string // GUID
	ApplicationProperties               *value.Object
	Body                                []byte
}

// A Settler settles what a run still holds of the batch that started it.
type Settler interface {
	// Settle returns the effect for all messages the run still holds, which may
	// be none. Source is [Batch.Binding].
	Settle(source json.RawMessage, run string, s Settlement) (commit.Effect, error)
}

// A SettlementKind is what becomes of a run's messages at its end.
type SettlementKind string

// The kinds of settlement.
const (
	// Complete removes the messages: the run has succeeded.
	Complete SettlementKind = "Complete"
	// Abandon gives them back after a backoff with a delivery count raised by
	// one, or dead-letters those that reach their queue's MaxDeliveryCount: the
	// run has failed.
	Abandon SettlementKind = "Abandon"
	// Release gives them back at their place, the count unchanged: the run was
	// cancelled.
	Release SettlementKind = "Release"
)

// Settlement says what becomes of a run's messages.
type Settlement struct {
	Kind SettlementKind
	// The others are for Abandon: the delay, and with what an exhausted message
	// is dead-lettered.
	Backoff             Backoff
	Reason, Description string
	// Properties become application properties of a message that is
	// dead-lettered: run id, failed activity, error code.
	Properties []Property
}

// Property is a name and a text.
type Property struct{ Name, Value string }
