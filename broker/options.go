package broker

import (
	"io"
	"log/slog"
	"time"

	"switchyard/broker/description"
	"switchyard/clock"
	"switchyard/commit"
)

// Options is what [New] needs. Store, Log, Clock and Rand are required.
type Options struct {
	Store  Store
	Log    commit.Log
	Clock  clock.Clock  // never goes backwards, as a [clock.Process]
	Logger *slog.Logger // default: discards
	Rand   io.Reader    // source of lock tokens, cryptographically random
	Events EventListener
	// Encoding is that of stored messages, for the rules of a topic when what was
	// scheduled is due; nil: rules see of them only what stands in [Content].
	Encoding Encoding

	// CacheBytes bounds the content of undelivered messages kept in memory so
	// that it need not be read back. Default 64 MiB; negative: none.
	CacheBytes int64

	// Belongings returns what deletes in the same unit what others keep of an entity that
	// the broker deletes because nobody uses it; nil: nothing. It is called without locks.
	Belongings func(namespace, path string) func(u *commit.Unit)

	// AcceptDataLoss deletes entities and namespaces whose records are so damaged that
	// nobody knows which they are; without it New fails and names them.
	AcceptDataLoss bool
}

// EventListener is called when something happened that others may want to log,
// count or react to. Callbacks are optional and must not block.
type EventListener struct {
	// EntityChanged is called after a queue, a topic or a subscription was created,
	// updated or deleted, when that is durable; of a topic that is deleted, for its
	// subscriptions too, and so for everything in a namespace. A subscription's path
	// is its address. A change of a topic is not one of its subscriptions, and rules
	// are no change of theirs.
	EntityChanged func(namespace, path string)
	// QueueDeleted is called after the deletion is durable, with the runs that
	// held messages of the queue (a forced deletion).
	QueueDeleted func(namespace, path string, runs []RunID)
	// IdleDeleted is called after the deletion of an entity that nobody has used for its
	// AutoDeleteOnIdle is durable, before EntityChanged and QueueDeleted.
	IdleDeleted func(IdleDeletion)
	// DeadLettered is called for messages that came into the dead-letter queue, by
	// a client or the broker, when that is durable; id is the message id of the last.
	DeadLettered func(namespace, path, id, reason string, messages int)
	// Expired is called for messages dropped because their time to live ended, with
	// their numbers.
	Expired func(namespace, path string, sequenceNumbers []int64)
}

// NamespaceOptions is the configuration of a namespace, kept as JSON.
type NamespaceOptions struct {
	// SKU is Basic, Standard or Premium [SB-SEM 1.4]; default Standard.
	SKU string `json:"sku,omitempty"`
}

// EntityStatus is what may be done with an entity [SB-SEM 6].
type EntityStatus = description.Status

// The statuses of an entity.
const (
	StatusActive          = description.Active
	StatusDisabled        = description.Disabled
	StatusSendDisabled    = description.SendDisabled
	StatusReceiveDisabled = description.ReceiveDisabled
)

// The SKUs of a namespace [SB-SEM 1.4].
const (
	SKUBasic    = description.Basic
	SKUStandard = description.Standard
	SKUPremium  = description.Premium
)

// Configurations of entities, kept as JSON: the table of package description says
// which property which entity has. What the broker does not have is refused by name
// ([ErrNotSupported]).
type (
	QueueOptions        = description.Options
	TopicOptions        = description.Options
	SubscriptionOptions = description.Options
)

// QueueInfo describes a queue.
type QueueInfo struct {
	Path       string // as created
	Options    QueueOptions
	CreatedAt  time.Time
	UpdatedAt  time.Time
	AccessedAt time.Time // zero until the first send or receive since start
	Counts     Counts
}

// Counts are the runtime counts of [SB-SEM 8].
type Counts struct {
	Active             int64 // includes locked and deferred messages
	DeadLetter         int64
	Scheduled          int64
	Transfer           int64
	TransferDeadLetter int64
	Total              int64
	SizeInBytes        int64
	// Locked counts messages of the main queue that are locked by links or runs.
	Locked int64
}
