package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"switchyard/broker"
)

// inlineSections is the size up to which a message's sections stand in the
// message record itself.
const inlineSections = 4 << 10

// Flags of a message record, in the order of the fields.
const (
	messageEnqueued = 1 << iota
	messageExpires
	messageTimeToLive
	messageScheduled
	messageID
	messageSession
	messagePartition
	messageApart // the sections have a record of their own
	messageEnqueueSequence
	messageHops
	messageDestination
	messageFlags = 1<<iota - 1
)

// bitIf returns bit if the field is there.
func bitIf(there bool, bit uint64) uint64 {
	if there {
		return bit
	}
	return 0
}

// appendMessage appends a message but its sections, which come behind it, or stand in a
// record of their own.
func appendMessage(b []byte, m *broker.Message) []byte {
	flags := bitIf(!m.EnqueuedAt.IsZero(), messageEnqueued) |
		bitIf(!m.ExpiresAt.IsZero(), messageExpires) |
		bitIf(m.TimeToLive != 0, messageTimeToLive) |
		bitIf(!m.ScheduledFor.IsZero(), messageScheduled) |
		bitIf(m.MessageID != "", messageID) |
		bitIf(m.HasSession || m.SessionID != "", messageSession) |
		bitIf(m.PartitionKey != "", messagePartition) |
		bitIf(len(m.Sections) > inlineSections, messageApart) |
		bitIf(m.EnqueueSequence != 0, messageEnqueueSequence) |
		bitIf(m.Hops != 0, messageHops) |
		bitIf(m.Destination != "", messageDestination)
	b = binary.AppendUvarint(b, flags)
	if flags&messageEnqueued != 0 {
		b = appendTime(b, m.EnqueuedAt)
	}
	if flags&messageExpires != 0 {
		b = appendTime(b, m.ExpiresAt)
	}
	if flags&messageTimeToLive != 0 {
		b = binary.AppendVarint(b, int64(m.TimeToLive))
	}
	if flags&messageScheduled != 0 {
		b = appendTime(b, m.ScheduledFor)
	}
	if flags&messageID != 0 {
		b = appendBytes(b, m.MessageID)
	}
	if flags&messageSession != 0 {
		b = appendBytes(b, m.SessionID)
	}
	if flags&messagePartition != 0 {
		b = appendBytes(b, m.PartitionKey)
	}
	if flags&messageEnqueueSequence != 0 {
		b = binary.AppendVarint(b, m.EnqueueSequence)
	}
	if flags&messageHops != 0 {
		b = binary.AppendVarint(b, int64(m.Hops))
	}
	if flags&messageDestination != 0 {
		b = appendBytes(b, m.Destination)
	}
	return binary.AppendUvarint(b, uint64(len(m.Sections)))
}

// messageSize is the most that appendMessage appends.
func messageSize(m *broker.Message) int {
	return 2 + 3*timeSize + 8*binary.MaxVarintLen64 + len(m.MessageID) + len(m.SessionID) + len(m.PartitionKey) +
		len(m.Destination)
}

// A stored message is a decoded message record. SequenceNumber comes from the
// key and Status from another record.
type storedMessage struct {
	*broker.Message
	size  int    // length of the sections
	apart bool   // the sections are in a record of their own
	here  []byte // the sections if they are not; belongs to the input
}

func decodeMessage(b []byte) (storedMessage, error) {
	d := decoder{b: b}
	m := &broker.Message{}
	flags := d.flags(messageFlags)
	if flags&messageEnqueued != 0 {
		m.EnqueuedAt = d.time()
	}
	if flags&messageExpires != 0 {
		m.ExpiresAt = d.time()
	}
	if flags&messageTimeToLive != 0 {
		m.TimeToLive = time.Duration(d.varint())
	}
	if flags&messageScheduled != 0 {
		m.ScheduledFor = d.time()
	}
	if flags&messageID != 0 {
		m.MessageID = d.string()
	}
	if flags&messageSession != 0 {
		m.SessionID, m.HasSession = d.string(), true
	}
	if flags&messagePartition != 0 {
		m.PartitionKey = d.string()
	}
	if flags&messageEnqueueSequence != 0 {
		m.EnqueueSequence = d.varint()
	}
	if flags&messageHops != 0 {
		m.Hops = int(d.varint())
	}
	if flags&messageDestination != 0 {
		m.Destination = d.string()
	}
	size := d.uvarint()
	if size > math.MaxInt32 {
		d.fail(errNumber)
	}
	s := storedMessage{Message: m, size: int(size), apart: flags&messageApart != 0}
	switch {
	case s.apart && s.size <= inlineSections:
		d.fail(errNumber)
	case !s.apart && d.err == nil:
		s.here = d.take(s.size)
	}
	return s, d.done()
}

// Flags of a status record, in the order of the fields.
const (
	statusNotBefore = 1 << iota
	statusProperties
	statusSource
	statusOwner
	statusLockedUntil
	statusRun
	statusFlags = 1<<iota - 1
)

func appendStatus(b []byte, s *broker.Status) []byte {
	flags := bitIf(!s.NotBefore.IsZero(), statusNotBefore) |
		bitIf(len(s.Properties) > 0, statusProperties) |
		bitIf(s.DeadLetterSource != "", statusSource) |
		bitIf(s.Owner != broker.NoOwner || s.LockToken != broker.LockToken{}, statusOwner) |
		bitIf(!s.LockedUntil.IsZero(), statusLockedUntil) |
		bitIf(s.Run != "", statusRun)
	b = binary.AppendUvarint(b, flags)
	b = append(b, byte(s.State))
	b = binary.AppendUvarint(b, uint64(s.DeliveryCount))
	if flags&statusNotBefore != 0 {
		b = appendTime(b, s.NotBefore)
	}
	if flags&statusProperties != 0 {
		b = appendProperties(b, s.Properties)
	}
	if flags&statusSource != 0 {
		b = appendBytes(b, s.DeadLetterSource)
	}
	if flags&statusOwner != 0 {
		b = append(append(b, byte(s.Owner)), s.LockToken[:]...)
	}
	if flags&statusLockedUntil != 0 {
		b = appendTime(b, s.LockedUntil)
	}
	if flags&statusRun != 0 {
		b = appendBytes(b, string(s.Run))
	}
	return b
}

func decodeStatus(b []byte) (broker.Status, error) {
	d := decoder{b: b}
	var s broker.Status
	flags := d.flags(statusFlags)
	s.State = broker.MessageState(d.byte())
	s.DeliveryCount = d.uint32()
	if flags&statusNotBefore != 0 {
		s.NotBefore = d.time()
	}
	if flags&statusProperties != 0 {
		s.Properties = d.properties()
	}
	if flags&statusSource != 0 {
		s.DeadLetterSource = d.string()
	}
	if flags&statusOwner != 0 {
		s.Owner = broker.LockOwner(d.byte())
		s.LockToken = broker.LockToken(d.take(16))
	}
	if flags&statusLockedUntil != 0 {
		s.LockedUntil = d.time()
	}
	if flags&statusRun != 0 {
		s.Run = broker.RunID(d.string())
	}
	if s.State > broker.Scheduled || s.Owner > broker.RunOwner {
		d.fail(errTagUnknown)
	}
	return s, d.done()
}

// Tags of property values.
const (
	propertyNil = iota
	propertyFalse
	propertyTrue
	propertyInt
	propertyFloat
	propertyString
	propertyEncoded
)

// appendProperties writes a count and, for each property, name, tag and value.
func appendProperties(b []byte, ps []broker.Property) []byte {
	b = binary.AppendUvarint(b, uint64(len(ps)))
	for _, p := range ps {
		b = appendBytes(b, p.Name)
		switch v := p.Value.(type) {
		case nil:
			b = append(b, propertyNil)
		case bool:
			if v {
				b = append(b, propertyTrue)
			} else {
				b = append(b, propertyFalse)
			}
		case int64:
			b = binary.AppendVarint(append(b, propertyInt), v)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, propertyFloat), math.Float64bits(v))
		case string:
			b = appendBytes(append(b, propertyString), v)
		case broker.Encoded:
			b = appendBytes(append(b, propertyEncoded), []byte(v))
		default:
			panic(fmt.Sprintf("store: property %q of type %T", p.Name, p.Value))
		}
	}
	return b
}

func (d *decoder) properties() []broker.Property {
	n := d.uvarint()
	if n > uint64(len(d.b)/2) { // a property takes two bytes at least
		d.fail(errShort)
		return nil
	}
	if n == 0 {
		return nil // as the encoder has it: no properties are no field
	}
	ps := make([]broker.Property, 0, n)
	for range n {
		p := broker.Property{Name: d.string()}
		switch tag := d.byte(); tag {
		case propertyNil:
		case propertyFalse, propertyTrue:
			p.Value = tag == propertyTrue
		case propertyInt:
			p.Value = d.varint()
		case propertyFloat:
			bits := d.take(8)
			p.Value = math.Float64frombits(binary.BigEndian.Uint64(bits))
		case propertyString:
			p.Value = d.string()
		case propertyEncoded:
			p.Value = broker.Encoded(d.clone())
		default:
			d.fail(errTagUnknown)
		}
		if d.err != nil {
			return nil
		}
		ps = append(ps, p)
	}
	return ps
}

func appendCounters(b []byte, c broker.Counters) []byte {
	for _, n := range [...]int64{c.NextSequence, c.LowWater, c.Messages, c.Deferred, c.Bytes} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func decodeCounters(b []byte) (broker.Counters, error) {
	d := decoder{b: b}
	c := broker.Counters{
		NextSequence: d.varint(),
		LowWater:     d.varint(),
		Messages:     d.varint(),
		Deferred:     d.varint(),
		Bytes:        d.varint(),
	}
	return c, d.done()
}
