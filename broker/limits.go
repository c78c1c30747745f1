package broker

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
)

// Quotas of a topic [SB-SEM 1.5].
const (
	maxSubscriptions      = 2_000
	maxSQLFilters         = 2_000
	maxCorrelationFilters = 100_000
)

func (o NamespaceOptions) normal() (NamespaceOptions, error) {
	if o.SKU == "" {
		o.SKU = SKUStandard
	}
	for _, sku := range [...]string{SKUBasic, SKUStandard, SKUPremium} {
		if strings.EqualFold(o.SKU, sku) {
			o.SKU = sku
			return o, nil
		}
	}
	return o, fmt.Errorf("%w: SKU %q: want Basic, Standard or Premium", ErrInvalidArgument, o.SKU)
}

// normal fills in defaults and refuses what an entity of a namespace can't be.
func normal(e description.Entity, o description.Options, sku string) (description.Options, error) {
	if e != description.Queue && sku == SKUBasic {
		return o, fmt.Errorf("%w: a Basic namespace has no topics", ErrNotAllowed)
	}
	o, err := e.Normal(o, sku)
	if u, ok := errors.AsType[*description.UnsupportedError](err); ok {
		return o, &NotSupportedError{What: fmt.Sprintf("%v property %s", u.Entity, u.Property)}
	}
	return o, invalid(err)
}

// unchanged fails if a property differs that is chosen when an entity is created.
func unchanged(e description.Entity, old, new description.Options) error {
	if p := e.Unchanged(old, new); p != nil {
		return fmt.Errorf("%w: the value for the %s property of an existing %v cannot be changed", ErrInvalidArgument, p.Name, e)
	}
	return nil
}

// invalid says of a refusal of package description what it is to callers.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalidArgument, err)
}

// sessionState is how many bytes the state of a session may have [SB-SEM 1.4]: as a
// message, but not more than 1 MiB.
func sessionState(o *description.Options) int { return int(min(o.MaxMessageSize, 1<<20)) }

// topicLock is how long the dead letters of a topic's transfer queue are locked: a topic has
// no option for it.
const topicLock = time.Minute

// config is what the state machine needs of the normal options of a queue. Those of
// a topic decide whether it takes a message.
func config(o *description.Options) entity.Config {
	c := entity.Config{
		LockDuration:           cmp.Or(o.LockDuration, topicLock),
		DefaultTimeToLive:      o.DefaultMessageTimeToLive,
		MaxDeliveryCount:       uint32(o.MaxDeliveryCount),
		DeadLetterOnExpiration: o.DeadLetteringOnMessageExpiration,
		MaxBytes:               o.MaxBytes(),
		MaxMessageBytes:        o.MaxMessageSize,
		Status:                 o.Status,
		RequiresSession:        o.RequiresSession,
		MaxSessionState:        sessionState(o),
	}
	c.Forwards[MainQueue] = o.ForwardTo != ""
	c.Forwards[TransferQueue] = true
	c.Forwards[DeadLetterQueue] = o.ForwardDeadLetteredMessagesTo != ""
	c.Partitioned = o.EnablePartitioning
	if o.RequiresDuplicateDetection {
		c.HistoryWindow = o.DuplicateDetectionHistoryTimeWindow
	}
	return c
}
