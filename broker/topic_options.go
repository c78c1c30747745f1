package broker

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"switchyard/broker/entity"
	"switchyard/broker/filter"
)

// TopicOptions is the configuration of a topic [SB-SEM 1.2], kept as JSON. A
// zero member means the default. Members that [Broker.PutTopic] refuses with
// [ErrNotSupported] exist so that they can be refused by name.
type TopicOptions struct {
	DefaultMessageTimeToLive time.Duration `json:"defaultMessageTimeToLive"` // default Forever; at least 1 s
	// MaxSizeInMegabytes bounds what all subscriptions hold together: each copy of
	// a message counts.
	MaxSizeInMegabytes int `json:"maxSizeInMegabytes"`
	// MaxMessageSize is as in [QueueOptions].
	MaxMessageSize int64 `json:"maxMessageSize"`
	// Status is Active, Disabled or SendDisabled; the last two have the same
	// effect. Subscriptions can be received from whatever it is.
	Status       EntityStatus `json:"status"`
	UserMetadata string       `json:"userMetadata,omitempty"` // at most 1024 characters
	// EnableBatchedOperations and SupportOrdering have no visible effect; they are
	// kept to be shown. Nil means true.
	EnableBatchedOperations *bool `json:"enableBatchedOperations,omitempty"`
	SupportOrdering         *bool `json:"supportOrdering,omitempty"`

	RequiresDuplicateDetection          bool          `json:"requiresDuplicateDetection,omitempty"`
	DuplicateDetectionHistoryTimeWindow time.Duration `json:"duplicateDetectionHistoryTimeWindow,omitempty"` // as in QueueOptions
	AutoDeleteOnIdle                    time.Duration `json:"autoDeleteOnIdle,omitempty"`                    // 0 or Forever: never
	EnablePartitioning                  bool          `json:"enablePartitioning,omitempty"`
	EnableExpress                       bool          `json:"enableExpress,omitempty"`
	EnableSubscriptionPartitioning      bool          `json:"enableSubscriptionPartitioning,omitempty"`
	FilteringMessagesBeforePublishing   bool          `json:"filteringMessagesBeforePublishing,omitempty"`
}

// SubscriptionOptions is the configuration of a subscription [SB-SEM 1.3], kept
// as JSON. A zero member means the default.
type SubscriptionOptions struct {
	LockDuration time.Duration `json:"lockDuration"` // default 1 min; at most 5 min
	// DefaultMessageTimeToLive is Forever by default. A message lives as long as
	// the shortest of its own, the topic's and this says.
	DefaultMessageTimeToLive         time.Duration `json:"defaultMessageTimeToLive"`
	DeadLetteringOnMessageExpiration bool          `json:"deadLetteringOnMessageExpiration,omitempty"`
	// DeadLetteringOnFilterEvaluationExceptions says what becomes of a message for
	// which a rule can't be evaluated: it goes to the dead-letter queue of the
	// subscription, or it is skipped. Nil means true.
	DeadLetteringOnFilterEvaluationExceptions *bool `json:"deadLetteringOnFilterEvaluationExceptions,omitempty"`
	MaxDeliveryCount                          int   `json:"maxDeliveryCount"` // default 10
	// Status is Active, Disabled or ReceiveDisabled; the last two have the same
	// effect: it collects messages and is not received from [SB-SEM 6].
	Status       EntityStatus `json:"status"`
	UserMetadata string       `json:"userMetadata,omitempty"` // at most 1024 characters
	// EnableBatchedOperations has no visible effect; it is kept to be shown. Nil
	// means true.
	EnableBatchedOperations *bool `json:"enableBatchedOperations,omitempty"`
	// DefaultRule takes the place of the rule $Default of a subscription that is
	// created. It is not kept and without meaning in an update.
	DefaultRule *DefaultRule `json:"-"`

	RequiresSession               bool          `json:"requiresSession,omitempty"`
	ForwardTo                     string        `json:"forwardTo,omitempty"`
	ForwardDeadLetteredMessagesTo string        `json:"forwardDeadLetteredMessagesTo,omitempty"`
	AutoDeleteOnIdle              time.Duration `json:"autoDeleteOnIdle,omitempty"` // 0 or Forever: never
	// ClientAffine is a subscription of a JMS client.
	ClientAffine bool `json:"clientAffine,omitempty"`
}

// RuleOptions is the configuration of a rule [SB-SEM 7]: what it lets pass and
// what it does to that.
type RuleOptions struct {
	Filter filter.Filter `json:"filter"` // default: everything
	Action filter.Action `json:"action"` // default: none
}

// DefaultRule is the first rule of a subscription.
type DefaultRule struct {
	Name string // default $Default
	RuleOptions
}

// DefaultRuleName is the name of the rule that a new subscription has.
const DefaultRuleName = "$Default"

const (
	maxNameLength         = 50
	maxSubscriptions      = 2_000   // of a topic [SB-SEM 1.5]
	maxSQLFilters         = 2_000   // of a topic
	maxCorrelationFilters = 100_000 // of a topic
)

func invalidOption(name string, value any, want string) error {
	return fmt.Errorf("%w: %s %v: want %s", ErrInvalidArgument, name, value, want)
}

// normal fills in defaults and refuses what is out of range or not supported.
// What topics and queues have in common has the same rules.
func (o TopicOptions) normal(sku string) (TopicOptions, error) {
	if sku == SKUBasic {
		return o, fmt.Errorf("%w: a Basic namespace has no topics", ErrNotAllowed)
	}
	if err := refuse("topic", []feature{
		{"RequiresDuplicateDetection", o.RequiresDuplicateDetection},
		{"AutoDeleteOnIdle", o.AutoDeleteOnIdle != 0 && o.AutoDeleteOnIdle != Forever},
		{"EnablePartitioning", o.EnablePartitioning},
		{"EnableExpress", o.EnableExpress},
		{"EnableSubscriptionPartitioning", o.EnableSubscriptionPartitioning},
		{"FilteringMessagesBeforePublishing", o.FilteringMessagesBeforePublishing},
	}); err != nil {
		return o, err
	}
	q, err := QueueOptions{
		DefaultMessageTimeToLive: o.DefaultMessageTimeToLive, MaxSizeInMegabytes: o.MaxSizeInMegabytes, MaxMessageSize: o.MaxMessageSize,
		Status: o.Status, UserMetadata: o.UserMetadata, EnableBatchedOperations: o.EnableBatchedOperations,
		DuplicateDetectionHistoryTimeWindow: o.DuplicateDetectionHistoryTimeWindow, AutoDeleteOnIdle: o.AutoDeleteOnIdle,
	}.normal(sku)
	if err != nil {
		return o, err
	}
	if q.Status == StatusReceiveDisabled {
		return o, invalidOption("Status", q.Status, "Active, Disabled or SendDisabled")
	}
	o.DefaultMessageTimeToLive, o.MaxSizeInMegabytes, o.MaxMessageSize, o.Status = q.DefaultMessageTimeToLive, q.MaxSizeInMegabytes, q.MaxMessageSize, q.Status
	o.EnableBatchedOperations, o.DuplicateDetectionHistoryTimeWindow, o.AutoDeleteOnIdle = q.EnableBatchedOperations, q.DuplicateDetectionHistoryTimeWindow, q.AutoDeleteOnIdle
	if o.SupportOrdering == nil {
		yes := true
		o.SupportOrdering = &yes
	}
	return o, nil
}

// Validate reports what [Broker.PutTopic] would refuse these options for in a
// Standard namespace. Errors wrap [ErrInvalidArgument] or [ErrNotSupported].
func (o TopicOptions) Validate() error {
	_, err := o.normal(SKUStandard)
	return err
}

// config is what decides whether the topic takes a message.
func (o TopicOptions) config() entity.Config {
	return entity.Config{MaxBytes: int64(o.MaxSizeInMegabytes) << 20, MaxMessageBytes: o.MaxMessageSize, Status: o.Status}
}

func (o SubscriptionOptions) normal() (SubscriptionOptions, error) {
	if err := refuse("subscription", []feature{
		{"RequiresSession", o.RequiresSession},
		{"ForwardTo", o.ForwardTo != ""},
		{"ForwardDeadLetteredMessagesTo", o.ForwardDeadLetteredMessagesTo != ""},
		{"AutoDeleteOnIdle", o.AutoDeleteOnIdle != 0 && o.AutoDeleteOnIdle != Forever},
		{"ClientAffine", o.ClientAffine},
	}); err != nil {
		return o, err
	}
	setDefault(&o.LockDuration, time.Minute)
	setDefault(&o.DefaultMessageTimeToLive, Forever)
	setDefault(&o.MaxDeliveryCount, 10)
	setDefault(&o.Status, StatusActive)
	setDefault(&o.AutoDeleteOnIdle, Forever)
	for _, flag := range [...]**bool{&o.DeadLetteringOnFilterEvaluationExceptions, &o.EnableBatchedOperations} {
		if *flag == nil {
			yes := true
			*flag = &yes
		}
	}
	switch {
	case o.LockDuration < 0 || o.LockDuration > maxLockDuration:
		return o, invalidOption("LockDuration", o.LockDuration, "more than 0, at most 5 minutes")
	case o.DefaultMessageTimeToLive < time.Second:
		return o, invalidOption("DefaultMessageTimeToLive", o.DefaultMessageTimeToLive, "at least 1 s")
	case o.MaxDeliveryCount < 1 || o.MaxDeliveryCount > math.MaxInt32:
		return o, invalidOption("MaxDeliveryCount", o.MaxDeliveryCount, "1 to 2147483647")
	case utf8.RuneCountInString(o.UserMetadata) > maxMetadataLength:
		return o, invalidOption("UserMetadata", "", "at most 1024 characters")
	case o.Status != StatusActive && o.Status != StatusDisabled && o.Status != StatusReceiveDisabled:
		return o, invalidOption("Status", o.Status, "Active, Disabled or ReceiveDisabled")
	}
	return o, nil
}

// Validate reports what [Broker.PutSubscription] would refuse these options for.
func (o SubscriptionOptions) Validate() error {
	_, err := o.normal()
	if err == nil && o.DefaultRule != nil {
		err = o.DefaultRule.Validate()
	}
	return err
}

// Validate reports what [Broker.PutRule] would refuse these options for. Errors
// wrap [ErrInvalidArgument].
func (o RuleOptions) Validate() error {
	_, err := newRule(ruleDefinition{Options: o})
	return err
}

// CheckSubscriptionName reports whether a subscription may have the name.
func CheckSubscriptionName(name string) error { return checkName("subscription", name, "") }

// CheckRuleName reports whether a rule may have the name.
func CheckRuleName(name string) error { return checkName("rule", name, "$") }

// checkName applies the rules for names of subscriptions and rules [SB-SEM 1].
func checkName(what, name, more string) error {
	if name == "" || len(name) > maxNameLength {
		return fmt.Errorf("%w: %s name %q: want 1 to %d characters", ErrInvalidArgument, what, name, maxNameLength)
	}
	for _, c := range []byte(name) {
		if !letterOrDigit(c) && !strings.ContainsRune(".-_~"+more, rune(c)) {
			return fmt.Errorf("%w: %s name %q contains character(s) that is not allowed by Service Bus: "+
				"entity segments can contain only letters, numbers, periods (.), hyphens (-), and underscores (_)", ErrInvalidArgument, what, name)
		}
	}
	return nil
}
