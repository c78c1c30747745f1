package servicebus

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

var errMessage = errors.New("invalid message")

// errEmptyBatch is the fault that detaches the link of a client that sends a
// batch without messages.
var errEmptyBatch = &fault{condArgumentError, 400, "The link received a batch message with no data in it."}

// Message annotations [SB-AMQP 8].
const (
	annEnqueuedTime          = "x-opt-enqueued-time"
	annSequenceNumber        = "x-opt-sequence-number"
	annLockedUntil           = "x-opt-locked-until"
	annPartitionKey          = "x-opt-partition-key"
	annScheduledEnqueueTime  = "x-opt-scheduled-enqueue-time"
	annEnqueueSequenceNumber = "x-opt-enqueue-sequence-number"
	annMessageState          = "x-opt-message-state"
	annDeadLetterSource      = "x-opt-deadletter-source"
	annPartitionID           = "x-opt-partition-id"
	annLockToken             = "x-opt-lock-token" // a delivery annotation
)

// decodeContent reads from an encoded message what the broker needs to know of
// it [SB-AMQP 8]. The message itself stays as the bytes that came. A message
// without an id gets newID's: JavaScript's library can't settle one that has
// none. Errors wrap errMessage or are faults.
func decodeContent(payload []byte, now time.Time, newID func() encoding.UUID) (broker.Content, error) {
	m, err := frames.ParseMessage(payload)
	if id, ok := errors.AsType[*frames.MessageIDError](err); ok {
		return broker.Content{}, &fault{frames.ErrDecodeError, 400, systemType(id.Value)}
	}
	if err != nil {
		return broker.Content{}, fmt.Errorf("%w: %w", errMessage, err)
	}
	properties, err := m.ApplicationProperties()
	if err != nil {
		return broker.Content{}, fmt.Errorf("%w: application properties: %w", errMessage, err)
	}
	if err := checkHeaders(m, properties); err != nil {
		return broker.Content{}, err
	}
	c := broker.Content{Sections: payload, TimeToLive: timeToLive(m, now), Encoding: ruleEncoding{}}
	var sessionSet bool
	if p := m.Properties; p != nil {
		c.MessageID = idText(p.MessageID)
		c.SessionID, sessionSet = p.GroupID.Value, p.GroupID.Set
		c.HasSession = sessionSet
	}
	if m.Properties == nil || m.Properties.MessageID == nil {
		c.MessageID = hexOf(newID())
	}
	if v, ok := m.MessageAnnotations.Get(annPartitionKey); ok && v != nil {
		key, isString := v.(string)
		if !isString {
			return broker.Content{}, fmt.Errorf("%w: %s must be a string", errMessage, annPartitionKey)
		}
		if n := utf8.RuneCountInString(key); n > maxID {
			return broker.Content{}, tooLong("The partition key", n, maxID, "characters")
		}
		if sessionSet && key != c.SessionID {
			return broker.Content{}, &fault{frames.ErrNotAllowed, 400,
				"PartitionKey and SessionId must be equal when both are set."}
		}
		c.PartitionKey = key
	}
	if v, ok := m.MessageAnnotations.Get(annScheduledEnqueueTime); ok {
		at, isTime := v.(time.Time)
		if !isTime {
			return broker.Content{}, &fault{frames.ErrNotAllowed, 400,
				annScheduledEnqueueTime + " must be a timestamp."}
		}
		c.ScheduledFor = at
	}
	return c, nil
}

func hexOf(id encoding.UUID) string {
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// timeToLive is the header's ttl. Beyond what its 32 bits hold, and without a
// header, it is derived from the absolute expiry time. 0 means the entity's
// default.
func timeToLive(m *frames.Message, now time.Time) time.Duration {
	var ttl frames.Opt[uint32]
	if m.Header != nil {
		ttl = m.Header.TTL
	}
	p := m.Properties
	if ttl.Set && ttl.Value != math.MaxUint32 || p == nil || p.AbsoluteExpiryTime.IsZero() {
		return time.Duration(ttl.Or(0)) * time.Millisecond
	}
	from := now
	if !p.CreationTime.IsZero() {
		from = p.CreationTime
	}
	return max(p.AbsoluteExpiryTime.Sub(from), time.Millisecond)
}
