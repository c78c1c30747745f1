package frames

import (
	"fmt"

	"switchyard/amqp/encoding"
)

// AppendHeader adds a header section with all its fields.
func AppendHeader(dst []byte, h *Header) []byte {
	l := newList(dst, CodeHeader)
	l.bool(h.Durable)
	opt(&l, h.Priority, (*list).ubyte)
	l.optUint(h.TTL)
	l.bool(h.FirstAcquirer)
	l.uint(h.DeliveryCount)
	dst, _ = l.end() // no field can fail
	return dst
}

// BeginMap starts a section that is a map, behind dst.
func BeginMap(dst []byte, code Code) encoding.MapWriter {
	return encoding.BeginMap(append(dst, 0x00, 0x53, byte(code)))
}

// AppendDeliveryAnnotations adds a delivery-annotations section; nil is written
// as an empty one.
func AppendDeliveryAnnotations(dst []byte, m *encoding.Map) ([]byte, error) {
	return appendMapSection(dst, CodeDeliveryAnnotations, m)
}

// AppendMessageAnnotations adds a message-annotations section; nil is written as
// an empty one.
func AppendMessageAnnotations(dst []byte, m *encoding.Map) ([]byte, error) {
	return appendMapSection(dst, CodeMessageAnnotations, m)
}

// AppendApplicationProperties adds an application-properties section; nil is
// written as an empty one.
func AppendApplicationProperties(dst []byte, m *encoding.Map) ([]byte, error) {
	return appendMapSection(dst, CodeApplicationProperties, m)
}

func appendMapSection(dst []byte, code Code, m *encoding.Map) ([]byte, error) {
	out, err := encoding.AppendMap(append(dst, 0x00, 0x53, byte(code)), m)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// AppendProperties adds a properties section with all its fields. It fails if a
// message id is of a type that is not allowed there.
func AppendProperties(dst []byte, p *Properties) ([]byte, error) {
	l := newList(dst, CodeProperties)
	l.messageID(p.MessageID)
	l.binary(p.UserID)
	l.optString(p.To)
	l.optString(p.Subject)
	l.optString(p.ReplyTo)
	l.messageID(p.CorrelationID)
	l.optSymbol(p.ContentType)
	l.optSymbol(p.ContentEncoding)
	l.timestamp(p.AbsoluteExpiryTime)
	l.timestamp(p.CreationTime)
	l.optString(p.GroupID)
	l.optUint(p.GroupSequence)
	l.optString(p.ReplyToGroupID)
	out, err := l.end()
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (l *list) messageID(id any) {
	switch id.(type) {
	case nil, uint64, encoding.UUID, []byte, string:
		l.value(id)
	default:
		l.null()
		l.fail(fmt.Errorf("%w: %T as a message id", encoding.ErrUnsupported, id))
	}
}

// AppendData adds a data section.
func AppendData(dst, data []byte) []byte {
	return encoding.AppendBinary(append(dst, 0x00, 0x53, byte(CodeData)), data)
}

// AppendValue adds an amqp-value section.
func AppendValue(dst []byte, v any) ([]byte, error) {
	out, err := encoding.Append(append(dst, 0x00, 0x53, byte(CodeValue)), v)
	if err != nil {
		return dst, err
	}
	return out, nil
}
