package servicebus

import (
	"fmt"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
	"switchyard/value"
)

// Parts is a message as a program that is no AMQP client sees it: what the
// factory sends, and what it shows of the messages that started a run. Members
// that are empty are absent [SB-AMQP 8].
type Parts struct {
	MessageID, CorrelationID, SessionID string
	Subject, To, ReplyTo, ContentType   string
	TimeToLive                          time.Duration
	// Properties are the application properties in their order. A value is nil,
	// bool, int64, float64 or string; what AMQP has beside these is text when
	// taken apart.
	Properties []broker.Property
	// Body is the content of the data sections, one after the other. Of an
	// amqp-value it is the text or the bytes.
	Body []byte
}

// Compose makes the content of a message that is sent without an AMQP client.
func Compose(p *Parts) (broker.Content, error) {
	c := broker.Content{MessageID: p.MessageID, SessionID: p.SessionID, HasSession: p.SessionID != "",
		TimeToLive: p.TimeToLive, Encoding: ruleEncoding{}}
	h := &frames.Header{}
	// A longer time to live fits only the absolute expiry time, which the broker
	// adds when the message is delivered.
	if ms := p.TimeToLive.Milliseconds(); ms > 0 && ms < 1<<32 {
		h.TTL = frames.Some(uint32(ms))
	}
	props := &frames.Properties{Subject: text(p.Subject), To: text(p.To), ReplyTo: text(p.ReplyTo),
		GroupID: text(p.SessionID)}
	if p.MessageID != "" {
		props.MessageID = p.MessageID
	}
	if p.CorrelationID != "" {
		props.CorrelationID = p.CorrelationID
	}
	if p.ContentType != "" {
		props.ContentType = frames.Some(encoding.Symbol(p.ContentType))
	}
	b := frames.AppendHeader(make([]byte, 0, len(p.Body)+256), h)
	b, err := frames.AppendProperties(b, props)
	if err != nil {
		return c, fmt.Errorf("compose message: %w", err)
	}
	if len(p.Properties) > 0 {
		m := &encoding.Map{}
		for _, x := range p.Properties {
			m.Set(x.Name, x.Value)
		}
		if b, err = frames.AppendApplicationProperties(b, m); err != nil {
			return c, fmt.Errorf("compose message: %w", err)
		}
	}
	c.Sections = frames.AppendData(b, p.Body)
	return c, nil
}

func text(s string) frames.Opt[string] {
	if s == "" {
		return frames.Opt[string]{}
	}
	return frames.Some(s)
}

// Decompose takes a stored message apart, the properties that settlements added
// included.
func Decompose(m *broker.Message) (*Parts, error) {
	f, err := frames.ParseMessage(m.Sections)
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", m.SequenceNumber, err)
	}
	p := &Parts{MessageID: m.MessageID, SessionID: m.SessionID, TimeToLive: m.TimeToLive}
	if q := f.Properties; q != nil {
		p.CorrelationID = idText(q.CorrelationID)
		p.Subject, p.To, p.ReplyTo = q.Subject.Value, q.To.Value, q.ReplyTo.Value
		p.ContentType = string(q.ContentType.Value)
	}
	app, err := f.ApplicationProperties()
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", m.SequenceNumber, err)
	}
	if app != nil {
		for _, x := range app.Pairs {
			if name, ok := x.Key.(string); ok {
				p.Properties = setProperty(p.Properties, name, plain(x.Value))
			}
		}
	}
	for _, x := range m.Properties {
		v := x.Value
		if raw, ok := v.(broker.Encoded); ok {
			read, _, err := encoding.Read(raw)
			if err != nil {
				return nil, fmt.Errorf("message %d: property %s: %w", m.SequenceNumber, x.Name, err)
			}
			v = plain(read)
		}
		p.Properties = setProperty(p.Properties, x.Name, v)
	}
	if p.Body, err = bodyBytes(f.RawBody); err != nil {
		return nil, fmt.Errorf("message %d: %w", m.SequenceNumber, err)
	}
	return p, nil
}

func setProperty(list []broker.Property, name string, v any) []broker.Property {
	for i := range list {
		if list[i].Name == name {
			list[i].Value = v
			return list
		}
	}
	return append(list, broker.Property{Name: name, Value: v})
}

// plain turns an AMQP value into what a [broker.Property] may hold.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v > 1<<63-1 {
			return float64(v)
		}
		return int64(v)
	case float32:
		return float64(v)
	case encoding.Symbol:
		return string(v)
	case encoding.Char:
		return string(rune(v))
	case encoding.UUID:
		return v.String()
	case time.Time:
		return value.Timestamp(v)
	case encoding.Described:
		return plain(v.Value)
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// bodyBytes reads the body sections of [OASIS 3.2.6, 3.2.7, 3.2.8].
func bodyBytes(raw []byte) ([]byte, error) {
	var out []byte
	for len(raw) > 0 {
		v, rest, err := encoding.Read(raw)
		if err != nil {
			return nil, err
		}
		raw = rest
		d, ok := v.(encoding.Described)
		if !ok {
			return nil, fmt.Errorf("a body section has no descriptor")
		}
		switch x := d.Value.(type) {
		case []byte:
			out = append(out, x...)
		case string:
			out = append(out, x...)
		case nil:
		default:
			return nil, fmt.Errorf("a body of AMQP type %T can't be shown as text", x)
		}
	}
	return out, nil
}
