package frames

import (
	"fmt"
	"time"

	"switchyard/amqp/encoding"
)

// Header is the header section of a message (3.2.1).
type Header struct {
	Durable       bool
	Priority      Opt[uint8]  // default 4
	TTL           Opt[uint32] // milliseconds
	FirstAcquirer bool
	DeliveryCount uint32
}

// Properties is the properties section of a message (3.2.4).
type Properties struct {
	MessageID          any // nil, uint64, encoding.UUID, []byte or string
	UserID             []byte
	To                 Opt[string]
	Subject            Opt[string]
	ReplyTo            Opt[string]
	CorrelationID      any // as MessageID
	ContentType        Opt[encoding.Symbol]
	ContentEncoding    Opt[encoding.Symbol]
	AbsoluteExpiryTime time.Time // zero: absent
	CreationTime       time.Time // zero: absent
	GroupID            Opt[string]
	GroupSequence      Opt[uint32]
	ReplyToGroupID     Opt[string]
}

// Message is a message taken apart into its sections. What a broker rewrites is
// decoded; what it must pass on unchanged is kept as the bytes that came. Nil
// means that the section is absent.
type Message struct {
	Header              *Header
	DeliveryAnnotations *encoding.Map
	MessageAnnotations  *encoding.Map
	Properties          *Properties

	// Whole sections in their encoding, each starting with 00 53 nn. They are
	// parts of the parsed bytes wherever those had that form.
	RawProperties            []byte
	RawApplicationProperties []byte
	RawBody                  []byte // all body sections
	RawFooter                []byte

	header Header // where Header is
}

// section order (3.2): each kind at most once, except the parts of the body.
const (
	orderHeader = iota
	orderDeliveryAnnotations
	orderMessageAnnotations
	orderProperties
	orderApplicationProperties
	orderBody
	orderFooter
)

// ParseMessage takes an encoded message apart and checks every section. The
// message keeps parts of b. Sections must stand in their order, except the delivery
// annotations, which a library of Microsoft's writes last; a body is one
// value, or one or more data or sequence sections, or absent.
func ParseMessage(b []byte) (*Message, error) {
	m, err := SplitMessage(b)
	if err == nil {
		err = m.ReadProperties()
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// SplitMessage is ParseMessage without the decoding of the properties, which it leaves to
// [Message.ReadProperties]: most deliveries do without.
func SplitMessage(b []byte) (*Message, error) {
	m := &Message{}
	next := orderHeader
	var body Code
	var annotated bool // the delivery annotations have come
	canonical, bodyStart := true, 0
	for rest := b; len(rest) > 0; {
		start := rest
		code, value, err := descriptor(rest)
		if err != nil {
			return nil, sectionError(code, err)
		}
		if rest, err = encoding.Skip(value); err != nil {
			return nil, sectionError(code, err)
		}
		value = value[:len(value)-len(rest)]
		order := sectionOrder(code)
		if order < 0 {
			return nil, sectionError(code, fmt.Errorf("%w: not a section", encoding.ErrMalformed))
		}
		again := order == orderBody && code == body && code != CodeValue
		late := order == orderDeliveryAnnotations && order < next && !annotated
		if order < next && !again && !late {
			return nil, sectionError(code, fmt.Errorf("%w: out of order", encoding.ErrMalformed))
		}
		next = max(next, order+1)
		annotated = annotated || order == orderDeliveryAnnotations
		if order == orderBody {
			if !again {
				body, bodyStart = code, len(b)-len(start)
			}
			if !canonicalDescriptor(start) && canonical {
				m.RawBody, canonical = append([]byte{}, b[bodyStart:len(b)-len(start)]...), false
			}
		}
		raw := start[: len(start)-len(rest) : len(start)-len(rest)]
		if !canonicalDescriptor(start) && order >= orderProperties {
			raw = append([]byte{0x00, 0x53, byte(code)}, value...)
		}
		if err := m.section(code, raw, value); err != nil {
			return nil, sectionError(code, err)
		}
		if order == orderBody {
			if canonical {
				end := len(b) - len(rest)
				m.RawBody = b[bodyStart:end:end]
			} else {
				m.RawBody = append(m.RawBody, raw...)
			}
		}
	}
	return m, nil
}

// ReadProperties decodes the properties, if there are any.
func (m *Message) ReadProperties() (err error) {
	if m.RawProperties == nil {
		return nil
	}
	if m.Properties, err = readProperties(m.RawProperties[3:]); err != nil {
		return sectionError(CodeProperties, err)
	}
	return nil
}

// Identified reports whether the message has a message-id, decoded or not.
func (m *Message) Identified() bool {
	if m.RawProperties == nil {
		return false
	}
	f, _, err := encoding.ReadFields(m.RawProperties[3:])
	if err != nil {
		return false
	}
	_, set := f.Raw()
	return set
}

func sectionError(code Code, err error) error {
	return fmt.Errorf("message section %#x: %w", uint64(code), err)
}

// canonicalDescriptor reports whether a section starts with 00 53 nn.
func canonicalDescriptor(b []byte) bool { return b[0] == 0x00 && b[1] == 0x53 }

func sectionOrder(code Code) int {
	switch code {
	case CodeHeader:
		return orderHeader
	case CodeDeliveryAnnotations:
		return orderDeliveryAnnotations
	case CodeMessageAnnotations:
		return orderMessageAnnotations
	case CodeProperties:
		return orderProperties
	case CodeApplicationProperties:
		return orderApplicationProperties
	case CodeData, CodeSequence, CodeValue:
		return orderBody
	case CodeFooter:
		return orderFooter
	}
	return -1
}

// section takes in one section: raw with its descriptor, value without.
func (m *Message) section(code Code, raw, value []byte) (err error) {
	switch code {
	case CodeHeader:
		m.Header = &m.header
		err = m.header.read(value)
	case CodeDeliveryAnnotations:
		m.DeliveryAnnotations, err = readMap(value)
	case CodeMessageAnnotations:
		m.MessageAnnotations, err = readMap(value)
	case CodeProperties:
		m.RawProperties = raw
		_, _, err = encoding.ReadFields(value)
	case CodeApplicationProperties:
		m.RawApplicationProperties = raw
		err = isMap(value)
	case CodeData:
		_, err = binaryValue(value)
	case CodeSequence:
		_, _, err = encoding.ReadFields(value)
	case CodeFooter:
		m.RawFooter = raw
		err = isMap(value)
	}
	return err
}

func (h *Header) read(b []byte) error {
	f, _, err := encoding.ReadFields(b)
	if err != nil {
		return err
	}
	h.Durable, _ = f.Bool()
	h.Priority = some(f.Ubyte())
	h.TTL = some(f.Uint())
	h.FirstAcquirer, _ = f.Bool()
	h.DeliveryCount, _ = f.Uint()
	return f.Err()
}

func readProperties(b []byte) (*Properties, error) {
	f, _, err := encoding.ReadFields(b)
	if err != nil {
		return nil, err
	}
	p := &Properties{}
	p.MessageID = readMessageID(&f)
	if id, ok := f.Binary(); ok {
		p.UserID = append([]byte{}, id...)
	}
	p.To = some(f.String())
	p.Subject = some(f.String())
	p.ReplyTo = some(f.String())
	p.CorrelationID = readMessageID(&f)
	p.ContentType = some(f.Symbol())
	p.ContentEncoding = some(f.Symbol())
	p.AbsoluteExpiryTime, _ = f.Timestamp()
	p.CreationTime, _ = f.Timestamp()
	p.GroupID = some(f.String())
	p.GroupSequence = some(f.Uint())
	p.ReplyToGroupID = some(f.String())
	return p, f.Err()
}

func readMessageID(f *encoding.Fields) any {
	v, ok := f.Value()
	if !ok {
		return nil
	}
	switch v.(type) {
	case uint64, encoding.UUID, []byte, string:
		return v
	}
	f.Fail(&MessageIDError{v})
	return nil
}

// A MessageIDError reports a message id or correlation id of a type that it can't have.
type MessageIDError struct{ Value any }

func (e *MessageIDError) Error() string { return fmt.Sprintf("%T as a message id", e.Value) }

// Unwrap gives errors.Is the meaning.
func (e *MessageIDError) Unwrap() error { return encoding.ErrMalformed }

// isMap reports whether a value that was checked by Skip is a map.
func isMap(b []byte) error {
	if b[0] == 0xC1 || b[0] == 0xD1 {
		return nil
	}
	return fmt.Errorf("%w: constructor %#02x instead of a map", encoding.ErrMalformed, b[0])
}

func readMap(b []byte) (*encoding.Map, error) {
	if err := isMap(b); err != nil {
		return nil, err
	}
	v, _, err := encoding.Read(b)
	if err != nil {
		return nil, err
	}
	return v.(*encoding.Map), nil
}

// binaryValue returns the content of a binary value that was checked by Skip.
func binaryValue(b []byte) ([]byte, error) {
	switch b[0] {
	case 0xA0:
		return b[2:len(b):len(b)], nil
	case 0xB0:
		return b[5:len(b):len(b)], nil
	}
	return nil, fmt.Errorf("%w: constructor %#02x instead of a binary", encoding.ErrMalformed, b[0])
}

// ApplicationProperties decodes the application properties; nil if the section
// is absent. The keys must be strings.
func (m *Message) ApplicationProperties() (*encoding.Map, error) {
	if m.RawApplicationProperties == nil {
		return nil, nil
	}
	props, err := readMap(m.RawApplicationProperties[3:])
	if err != nil {
		return nil, sectionError(CodeApplicationProperties, err)
	}
	for _, p := range props.Pairs {
		if _, ok := p.Key.(string); !ok {
			return nil, sectionError(CodeApplicationProperties,
				fmt.Errorf("%w: %T as a key", encoding.ErrMalformed, p.Key))
		}
	}
	return props, nil
}

// Data returns the contents of the data sections of the body, as parts of the
// message; nil if the body is of another kind or absent.
func (m *Message) Data() [][]byte {
	var data [][]byte
	for b := m.RawBody; len(b) > 0 && Code(b[2]) == CodeData; {
		rest, err := encoding.Skip(b[3:])
		if err != nil {
			return nil
		}
		d, err := binaryValue(b[3 : len(b)-len(rest)])
		if err != nil {
			return nil
		}
		data, b = append(data, d), rest
	}
	return data
}

// Value decodes the amqp-value of the body; ok is false if the body is of another
// kind or absent. The value may be nil.
func (m *Message) Value() (v any, ok bool, err error) {
	if len(m.RawBody) == 0 || Code(m.RawBody[2]) != CodeValue {
		return nil, false, nil
	}
	if v, _, err = encoding.Read(m.RawBody[3:]); err != nil {
		return nil, false, sectionError(CodeValue, err)
	}
	return v, true, nil
}

// ParseBatch returns the contents of the data sections of a message of the
// batch format 0x80013700, each of which is an encoded message. They are parts
// of b. A body without data sections gives none; one of another kind is an
// error.
func ParseBatch(b []byte) ([][]byte, error) {
	m, err := ParseMessage(b)
	if err != nil {
		return nil, err
	}
	if len(m.RawBody) > 0 && Code(m.RawBody[2]) != CodeData {
		return nil, sectionError(Code(m.RawBody[2]),
			fmt.Errorf("%w: batch whose body is not data", encoding.ErrMalformed))
	}
	return m.Data(), nil
}
