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

// brokersAnnotations are annotations that only the broker may write: a client that sends a
// received message on sends old ones.
var brokersAnnotations = []string{annEnqueuedTime, annSequenceNumber, annLockedUntil, annEnqueueSequenceNumber,
	annMessageState, annDeadLetterSource, annPartitionID}

// headSize is how many bytes the sections that are written anew have most often.
const headSize = 256

// encodeDelivery returns the sections of a message as a client gets it, in pieces. Header
// and annotations are written anew; properties, application properties, body and
// footer are the bytes that the sender sent, unless the broker has filled
// something in. The slices must not be changed.
func encodeDelivery(m *broker.Message, v view) ([][]byte, error) {
	return appendDelivery(nil, m, v)
}

// appendDelivery is encodeDelivery with the room for the pieces.
func appendDelivery(pieces [][]byte, m *broker.Message, v view) ([][]byte, error) {
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
	out := frames.AppendHeader(make([]byte, 0, headSize), &header)
	if out, err = appendLockToken(out, parsed.DeliveryAnnotations, m, v); err != nil {
		return nil, fmt.Errorf("%w: delivery annotations: %w", errMessage, err)
	}
	if out, err = appendAnnotations(out, parsed.MessageAnnotations, m, v); err != nil {
		return nil, fmt.Errorf("%w: message annotations: %w", errMessage, err)
	}
	properties := parsed.RawProperties
	if p := filledIn(parsed.Properties, parsed.Identified(), m); p != nil {
		properties = nil
		if out, err = frames.AppendProperties(out, p); err != nil {
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
	return append(pieces, out, properties, application, body, parsed.RawFooter), nil
}

// appendLockToken adds the delivery annotations: the sender's own and the lock's token.
func appendLockToken(out []byte, own *encoding.Map, m *broker.Message, v view) ([]byte, error) {
	w := frames.BeginMap(out, frames.CodeDeliveryAnnotations)
	if err := w.Pairs(own, annLockToken); err != nil {
		return nil, err
	}
	if v.lock {
		w.UUID(annLockToken, encoding.UUID(m.LockToken))
	}
	if w.Len() == 0 {
		return out, nil
	}
	return w.End(), nil
}

// appendAnnotations adds the message annotations: the sender's own and those of the broker.
func appendAnnotations(out []byte, own *encoding.Map, m *broker.Message, v view) ([]byte, error) {
	w := frames.BeginMap(out, frames.CodeMessageAnnotations)
	if err := w.Pairs(own, brokersAnnotations...); err != nil {
		return nil, err
	}
	w.Timestamp(annEnqueuedTime, m.EnqueuedAt)
	w.Long(annSequenceNumber, m.SequenceNumber)
	if m.EnqueueSequence != 0 {
		w.Long(annEnqueueSequenceNumber, m.EnqueueSequence)
	}
	if m.DeadLetterSource != "" {
		w.String(annDeadLetterSource, m.DeadLetterSource)
	}
	if v.lock {
		w.Timestamp(annLockedUntil, m.LockedUntil)
	}
	if v.state && m.State != broker.Active {
		w.Int(annMessageState, int32(m.State))
	}
	return w.End(), nil
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
func lockTag(t broker.LockToken) [16]byte {
	return [16]byte{t[3], t[2], t[1], t[0], t[5], t[4], t[7], t[6], t[8], t[9], t[10], t[11], t[12],
		t[13], t[14], t[15]}
}
