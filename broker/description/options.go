package description

import "time"

// Forever stands for "never" in times to live and idle times. Azure writes
// P10675199DT2H48M5.4775807S, the longest TimeSpan of .NET, which does not fit a
// Duration.
const Forever time.Duration = 1<<63 - 1

// An Entity is a kind of entity of a namespace.
type Entity uint8

// The kinds of entities.
const (
	Queue Entity = iota
	Topic
	Subscription
)

// String returns the kind in lower case.
func (e Entity) String() string { return [...]string{"queue", "topic", "subscription"}[e] }

// The SKUs of a namespace [SB-SEM 1.4].
const (
	Basic    = "Basic"
	Standard = "Standard"
	Premium  = "Premium"
)

// Options is the configuration of a queue, a topic or a subscription. The three
// have one struct, because most of their properties are the same ones, with the
// same limits: with three, each property would be three fields, and what a
// subscription shares with queues would be copied from one struct to another. Which
// entity has which property is in the table, and [Entity.Normal] refuses what an
// entity does not have.
//
// A zero member means the default. The members' tags are the names in the record on
// disk, which has only what is not zero.
type Options struct {
	LockDuration time.Duration `json:"lockDuration,omitempty"`
	// DefaultMessageTimeToLive bounds the lives of messages: one lives as long as
	// the shortest of its own, the topic's and the subscription's says.
	DefaultMessageTimeToLive         time.Duration `json:"defaultMessageTimeToLive,omitempty"`
	DeadLetteringOnMessageExpiration bool          `json:"deadLetteringOnMessageExpiration,omitempty"`
	// DeadLetteringOnFilterEvaluationExceptions says what becomes of a message for
	// which a rule can't be evaluated: it goes to the dead-letter queue of the
	// subscription, or it is skipped. Nil means true.
	DeadLetteringOnFilterEvaluationExceptions *bool `json:"deadLetteringOnFilterEvaluationExceptions,omitempty"`
	MaxDeliveryCount                          int   `json:"maxDeliveryCount,omitempty"`
	// MaxSizeInMegabytes bounds what a queue holds; of a topic what all
	// subscriptions hold together: each copy of a message counts.
	MaxSizeInMegabytes int `json:"maxSizeInMegabytes,omitempty"`
	// MaxMessageSize bounds the sections of one message, in bytes.
	MaxMessageSize int64 `json:"maxMessageSize,omitempty"`
	// Status of a topic is about sends only, Status of a subscription about receives
	// only: a disabled subscription collects messages all the same [SB-SEM 6].
	Status       Status `json:"status,omitempty"`
	UserMetadata string `json:"userMetadata,omitempty"`
	// EnableBatchedOperations and SupportOrdering have no visible effect in Azure
	// either; they are kept to be shown. Nil means true.
	EnableBatchedOperations *bool `json:"enableBatchedOperations,omitempty"`
	SupportOrdering         *bool `json:"supportOrdering,omitempty"`

	RequiresSession bool `json:"requiresSession,omitempty"`
	// RequiresDuplicateDetection drops messages with an id that another one had in the
	// last time [SB-SEM 2.7].
	RequiresDuplicateDetection bool `json:"requiresDuplicateDetection,omitempty"`
	// DuplicateDetectionHistoryTimeWindow is how long an id is remembered. It is kept and
	// shown, and without effect while detection is off, as in Azure.
	DuplicateDetectionHistoryTimeWindow time.Duration `json:"duplicateDetectionHistoryTimeWindow,omitempty"`
	// ForwardTo and ForwardDeadLetteredMessagesTo name the queue or topic to which messages
	// and dead letters go on [SB-SEM 4], as it was written: see [ForwardPath].
	ForwardTo                         string        `json:"forwardTo,omitempty"`
	ForwardDeadLetteredMessagesTo     string        `json:"forwardDeadLetteredMessagesTo,omitempty"`
	AutoDeleteOnIdle                  time.Duration `json:"autoDeleteOnIdle,omitempty"`
	EnablePartitioning                bool          `json:"enablePartitioning,omitempty"`
	EnableExpress                     bool          `json:"enableExpress,omitempty"`
	EnableSubscriptionPartitioning    bool          `json:"enableSubscriptionPartitioning,omitempty"`
	FilteringMessagesBeforePublishing bool          `json:"filteringMessagesBeforePublishing,omitempty"`
	// ClientAffine is a subscription of a JMS client.
	ClientAffine bool `json:"clientAffine,omitempty"`

	// Written has the durations that a client wrote in another way than
	// [FormatDuration] does, by [Property.ARMName]: ARM echoes PT60S as PT60S
	// [ARM 6.2]. It is no property, only the spelling of some: a text whose value is
	// not the property's is not used. The map is never changed, only replaced.
	Written map[string]string `json:"written,omitempty"`
}
