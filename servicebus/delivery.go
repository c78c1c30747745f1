package servicebus

import (
	"fmt"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// A view says for what a message is encoded: it decides which of the broker's
// own annotations it shows [SB-AMQP 8].
type view struct {
	lock  bool // x-opt-locked-until and x-opt-lock-token: it is locked for the client
	state bool // x-opt-message-state, if it is not active
	body  bool // with its body
}

// The views of a message.
var (
	viewPeekLock         = view{lock: true, body: true}
	viewReceiveAndDelete = view{body: true}
	viewDeferred         = view{lock: true, state: true, body: true}
	viewDeferredDelete   = view{state: true, body: true}
	viewPeek             = view{state: true, body: true}
)

// notForwarded are annotations that only the broker may write: a client that
// sends a received message on sends old ones.
var notForwarded = []string{annLockedUntil, annEnqueueSequenceNumber, annMessageState,
	annDeadLetterSource, annPartitionID}

// encodeDelivery returns the sections of a message as a client gets it. Header
// and annotations are written anew; properties, application properties, body and
// footer are the bytes that the sender sent, unless the broker has filled
// something in. The slices must not be changed.
func encodeDelivery(m *broker.Message, v view) ([][]byte, error) {
	parsed, err := frames.SplitMessage(m.Sections)
	if err == nil && (!parsed.Identified() || expires(m)) {
		err = parsed.ReadProperties()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: message %d: %w", errMessage, m.SequenceNumber, err)
	}
	var header frames.Header
	if parsed.Header != nil {
		header = *parsed.Header
	}
	header.DeliveryCount = m.DeliveryCount
	if header.TTL.Set && clamped(m) {
		header.TTL = frames.Some(uint32(m.ExpiresAt.Sub(m.EnqueuedAt).Milliseconds()))
	}
	out := frames.AppendHeader(make([]byte, 0, 256), &header)

	delivery := parsed.DeliveryAnnotations
	delivery.Delete(annLockToken)
	if v.lock {
		if delivery == nil {
			delivery = new(encoding.Map)
		}
		delivery.Set(encoding.Symbol(annLockToken), encoding.UUID(m.LockToken))
	}
	if delivery.Len() > 0 {
		if out, err = frames.AppendDeliveryAnnotations(out, delivery); err != nil {
			return nil, fmt.Errorf("%w: delivery annotations: %w", errMessage, err)
		}
	}
	if out, err = frames.AppendMessageAnnotations(out,
		annotations(parsed.MessageAnnotations, m, v)); err != nil {
		return nil, fmt.Errorf("%w: message annotations: %w", errMessage, err)
	}

	properties := parsed.RawProperties
	if p := filledIn(parsed.Properties, parsed.Identified(), m); p != nil {
		if properties, err = frames.AppendProperties(nil, p); err != nil {
			return nil, fmt.Errorf("%w: properties: %w", errMessage, err)
		}
	}
	application := parsed.RawApplicationProperties
	if len(m.Properties) > 0 {
		if application, err = mergeProperties(parsed, m.Properties); err != nil {
			return nil, err
		}
	}
	body := parsed.RawBody
	if !v.body {
		body = nil
	}
	return [][]byte{out, properties, application, body, parsed.RawFooter}, nil
}

// annotations returns the sender's own with those of the broker.
func annotations(own *encoding.Map, m *broker.Message, v view) *encoding.Map {
	if own == nil {
		own = &encoding.Map{Pairs: make([]encoding.Pair, 0, 3)}
	}
	for _, name := range notForwarded {
		own.Delete(name)
	}
	own.Set(encoding.Symbol(annEnqueuedTime), m.EnqueuedAt)
	own.Set(encoding.Symbol(annSequenceNumber), m.SequenceNumber)
	if m.EnqueueSequence != 0 {
		own.Set(encoding.Symbol(annEnqueueSequenceNumber), m.EnqueueSequence)
	}
	if m.DeadLetterSource != "" {
		own.Set(encoding.Symbol(annDeadLetterSource), m.DeadLetterSource)
	}
	if v.lock {
		own.Set(encoding.Symbol(annLockedUntil), m.LockedUntil)
	}
	if v.state && m.State != broker.Active {
		own.Set(encoding.Symbol(annMessageState), int32(m.State))
	}
	return own
}

// filledIn returns the properties if they must be written anew: absent ones,
// because clients expect the section; those without a message id; and those of a
// message with a time to live that do not tell when it expires here. Creation and
// absolute expiry time are written as a pair: some clients take their difference
// for the time to live.
// identified says that there is a message id; p, absent ones apart, is only decoded if it may
// have to be written.
func filledIn(p *frames.Properties, identified bool, m *broker.Message) *frames.Properties {
	identify := m.MessageID != "" && !identified
	expires := expires(m) && (p == nil || p.AbsoluteExpiryTime.IsZero() || clamped(m))
	if (p != nil || identified) && !identify && !expires {
		return nil
	}
	if p == nil {
		p = new(frames.Properties)
	}
	if identify {
		p.MessageID = m.MessageID
	}
	if expires {
		p.CreationTime, p.AbsoluteExpiryTime = m.EnqueuedAt, m.ExpiresAt
	}
	return p
}

// expires reports whether the sender gave the message a time to live, and it ends here.
func expires(m *broker.Message) bool { return m.TimeToLive > 0 && !m.ExpiresAt.IsZero() }

// clamped reports whether the entity's default time to live is shorter than the
// sender's.
func clamped(m *broker.Message) bool {
	return !m.ExpiresAt.IsZero() && m.ExpiresAt.Sub(m.EnqueuedAt) < m.TimeToLive
}

// mergeProperties writes the application properties with what settlements and
// dead-lettering have added.
func mergeProperties(parsed *frames.Message, added []broker.Property) ([]byte, error) {
	all, err := parsed.ApplicationProperties()
	if err != nil {
		return nil, fmt.Errorf("%w: application properties: %w", errMessage, err)
	}
	if all == nil {
		all = new(encoding.Map)
	}
	for _, p := range added {
		value := p.Value
		if raw, ok := value.(broker.Encoded); ok {
			if value, _, err = encoding.Read(raw); err != nil {
				return nil, fmt.Errorf("%w: property %q: %w", errMessage, p.Name, err)
			}
		}
		all.Set(p.Name, value)
	}
	b, err := frames.AppendApplicationProperties(nil, all)
	if err != nil {
		return nil, fmt.Errorf("%w: application properties: %w", errMessage, err)
	}
	return b, nil
}

// toProperty makes what the broker keeps of a property value: the common types
// as they are, all others in their encoding, so that they come back the same.
func toProperty(name string, v any) (broker.Property, error) {
	switch v.(type) {
	case nil, bool, int64, float64, string:
		return broker.Property{Name: name, Value: v}, nil
	}
	raw, err := encoding.Append(nil, v)
	if err != nil {
		return broker.Property{}, fmt.Errorf("%w: property %q: %w", errMessage, name, err)
	}
	return broker.Property{Name: name, Value: broker.Encoded(raw)}, nil
}

// lockTag returns the lock token as a delivery tag: in the byte order of a .NET
// Guid, whose first three groups are little-endian [SB-AMQP 7.1].
func lockTag(t broker.LockToken) []byte {
	return []byte{t[3], t[2], t[1], t[0], t[5], t[4], t[7], t[6], t[8], t[9], t[10], t[11], t[12],
		t[13], t[14], t[15]}
}
