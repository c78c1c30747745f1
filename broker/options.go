package broker

import (
	"io"
	"log/slog"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// Options is what [New] needs. Store, Log, Clock and Rand are required.
type Options struct {
	Store  Store
	Log    commit.Log
	Clock  Clock
	Logger *slog.Logger // default: discards
	Rand   io.Reader    // source of lock tokens, cryptographically random
	Events EventListener

	// ClockMark is the latest time the broker is known to have used: its time
	// never goes before it (see [Broker.Now]).
	ClockMark time.Time
	// CacheBytes bounds the content of undelivered messages kept in memory so
	// that it need not be read back. Default 64 MiB; negative: none.
	CacheBytes int64
}

// EventListener is called when something happened that others may want to log,
// count or react to. Callbacks are optional and must not block.
type EventListener struct {
	// QueueDeleted is called after the deletion is durable, with the runs that
	// held messages of the queue (a forced deletion).
	QueueDeleted func(namespace, path string, runs []RunID)
	// DeadLettered is called for messages that the broker itself moved to the
	// dead-letter queue.
	DeadLettered func(namespace, path, reason string, messages int)
	// Expired is called for messages dropped because their time to live ended.
	Expired func(namespace, path string, messages int)
}

// NamespaceOptions is the configuration of a namespace, kept as JSON.
type NamespaceOptions struct {
	// SKU is Basic, Standard or Premium [SB-SEM 1.4]; default Standard.
	SKU string `json:"sku,omitempty"`
}

// EntityStatus is what may be done with an entity [SB-SEM 6].
type EntityStatus = entity.EntityStatus

// The statuses of an entity.
const (
	StatusActive          = entity.StatusActive
	StatusDisabled        = entity.StatusDisabled
	StatusSendDisabled    = entity.StatusSendDisabled
	StatusReceiveDisabled = entity.StatusReceiveDisabled
)

// QueueOptions is the configuration of a queue [SB-SEM 1.1], kept as JSON. A
// zero member means the default. Members that [Broker.PutQueue] refuses with
// [ErrNotSupported] exist so that they can be refused by name.
type QueueOptions struct {
	LockDuration                     time.Duration `json:"lockDuration"`             // default 1 min; at most 5 min
	DefaultMessageTimeToLive         time.Duration `json:"defaultMessageTimeToLive"` // default Forever; at least 1 s
	DeadLetteringOnMessageExpiration bool          `json:"deadLetteringOnMessageExpiration,omitempty"`
	MaxDeliveryCount                 int           `json:"maxDeliveryCount"` // default 10
	MaxSizeInMegabytes               int           `json:"maxSizeInMegabytes"`
	// MaxMessageSize bounds the sections of one message, in bytes: 256 KiB, in a
	// Premium namespace 1 MiB (settable up to 100 MiB).
	MaxMessageSize int64        `json:"maxMessageSize"`
	Status         EntityStatus `json:"status"`
	UserMetadata   string       `json:"userMetadata,omitempty"` // at most 1024 characters
	// EnableBatchedOperations has no visible effect in Azure either; it is kept
	// to be shown. Nil means true.
	EnableBatchedOperations *bool `json:"enableBatchedOperations,omitempty"`

	RequiresSession                     bool          `json:"requiresSession,omitempty"`
	RequiresDuplicateDetection          bool          `json:"requiresDuplicateDetection,omitempty"`
	DuplicateDetectionHistoryTimeWindow time.Duration `json:"duplicateDetectionHistoryTimeWindow,omitempty"` // kept and shown; without effect while detection is off, as in Azure
	ForwardTo                           string        `json:"forwardTo,omitempty"`
	ForwardDeadLetteredMessagesTo       string        `json:"forwardDeadLetteredMessagesTo,omitempty"`
	AutoDeleteOnIdle                    time.Duration `json:"autoDeleteOnIdle,omitempty"` // 0 or Forever: never
	EnablePartitioning                  bool          `json:"enablePartitioning,omitempty"`
	EnableExpress                       bool          `json:"enableExpress,omitempty"`
}

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
