package servicebus

import (
	"fmt"
	"math"
	"strings"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
	"switchyard/broker/filter"
)

// annViaPartitionKey is a message annotation of [SB-AMQP 8] that only rules
// read.
const annViaPartitionKey = "x-opt-via-partition-key"

// Symbols of the described values that .NET and Java write into application
// properties [SB-AMQP 2.3].
const (
	describedTimeSpan = encoding.Symbol("com.microsoft:timespan")        // 100 ns
	describedDateTime = encoding.Symbol("com.microsoft:datetime-offset") // 100 ns since the year 1, UTC
)

// epochTicks is 1970 in .NET's ticks.
const epochTicks = 621355968000000000

// ruleEncoding reads and writes the properties of AMQP messages for the rules
// of topics [SB-AMQP 8]. It implements [broker.Encoding].
type ruleEncoding struct{}

// StoredEncoding is that of the messages that the broker has stored.
var StoredEncoding broker.Encoding = ruleEncoding{}

// Properties implements [broker.Encoding].
func (ruleEncoding) Properties(c *broker.Content) filter.Properties {
	p := &ruleProperties{content: c}
	if m, err := frames.ParseMessage(c.Sections); err == nil {
		p.message = m
		p.application, _ = m.ApplicationProperties()
	} else {
		p.message = &frames.Message{}
	}
	return p
}

type ruleProperties struct {
	content     *broker.Content
	message     *frames.Message
	application *encoding.Map
}

// System implements [filter.Properties]. What a message gets from a queue
// (sequence number, lock, times) it does not have yet.
func (p *ruleProperties) System(s filter.SystemProperty) (filter.Value, bool) {
	switch s {
	case filter.MessageID:
		return present(p.content.MessageID)
	case filter.Size:
		return int64(len(p.content.Sections)), true
	case filter.TimeToLive:
		return p.content.TimeToLive, p.content.TimeToLive > 0
	case filter.DeliveryCount:
		return int64(0), true
	case filter.ForcePersistence:
		return p.message.Header != nil && p.message.Header.Durable, true
	case filter.PartitionKey:
		return p.annotation(annPartitionKey)
	case filter.ViaPartitionKey:
		return p.annotation(annViaPartitionKey)
	case filter.ScheduledEnqueueTimeUTC:
		return p.annotation(annScheduledEnqueueTime)
	}
	q := p.message.Properties
	if q == nil {
		return nil, false
	}
	switch s {
	case filter.CorrelationID:
		return present(idText(q.CorrelationID))
	case filter.ContentType:
		return string(q.ContentType.Value), q.ContentType.Set
	}
	if field := textField(q, s); field != nil {
		return field.Value, field.Set
	}
	return nil, false
}

func present(text string) (filter.Value, bool) { return text, text != "" }

// textField returns the property that is a plain string, nil if s is none.
func textField(q *frames.Properties, s filter.SystemProperty) *frames.Opt[string] {
	switch s {
	case filter.Label:
		return &q.Subject
	case filter.To:
		return &q.To
	case filter.ReplyTo:
		return &q.ReplyTo
	case filter.SessionID:
		return &q.GroupID
	case filter.ReplyToSessionID:
		return &q.ReplyToGroupID
	}
	return nil
}

func (p *ruleProperties) annotation(name string) (filter.Value, bool) {
	v, _ := p.message.MessageAnnotations.Get(name)
	v = ruleValue(v)
	return v, v != nil
}

// User implements [filter.Properties].
func (p *ruleProperties) User(name string) (filter.Value, bool) {
	i := findProperty(p.application, name)
	if i < 0 {
		return nil, false
	}
	return ruleValue(p.application.Pairs[i].Value), true
}

// findProperty looks a property up by its name, else by its name ignoring case.
func findProperty(m *encoding.Map, name string) int {
	found := -1
	for i, p := range pairs(m) {
		key, ok := p.Key.(string)
		if !ok {
			continue
		}
		if key == name {
			return i
		}
		if found < 0 && strings.EqualFold(key, name) {
			found = i
		}
	}
	return found
}

// ruleValue turns an AMQP value into what the language of rules knows. Values of
// other types stay as they are: they equal nothing.
func ruleValue(v any) filter.Value {
	switch v := v.(type) {
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
		if v > math.MaxInt64 {
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
		return filter.UUID(v)
	case encoding.Decimal32:
		return decimal(v[:], 8)
	case encoding.Decimal64:
		return decimal(v[:], 10)
	case encoding.Decimal128:
		return decimal(v[:], 14)
	case encoding.Described:
		return describedValue(v)
	}
	return v
}

func describedValue(v encoding.Described) filter.Value {
	ticks, isLong := v.Value.(int64)
	if !isLong {
		return ruleValue(v.Value)
	}
	switch v.Descriptor {
	case describedTimeSpan:
		if ticks > math.MaxInt64/100 || ticks < math.MinInt64/100 {
			return v // longer than three centuries
		}
		return time.Duration(ticks) * 100
	case describedDateTime:
		ticks -= epochTicks
		return time.Unix(ticks/1e7, ticks%1e7*100).UTC()
	}
	return ticks
}

// Rewrite implements [broker.Encoding].
func (ruleEncoding) Rewrite(c *broker.Content, changes []filter.Change) (broker.Content, error) {
	m, err := frames.ParseMessage(c.Sections)
	if err != nil {
		return broker.Content{}, fmt.Errorf("%w: %w", errMessage, err)
	}
	application, err := m.ApplicationProperties()
	if err != nil {
		return broker.Content{}, fmt.Errorf("%w: application properties: %w", errMessage, err)
	}
	r := &rewriting{content: *c, message: m, application: application}
	if m.Properties == nil {
		m.Properties = new(frames.Properties)
	}
	if r.application == nil {
		r.application = new(encoding.Map)
	}
	for _, x := range changes {
		if raw, ok := x.Value.(broker.Encoded); ok { // what a settlement has added
			if x.Value, _, err = encoding.Read(raw); err != nil {
				return broker.Content{}, fmt.Errorf("%w: property %q: %w", errMessage, x.Name, err)
			}
		}
		if x.System == 0 {
			r.user(x)
		} else if err := r.system(x.System, x.Value); err != nil {
			return broker.Content{}, err
		}
	}
	r.content.Sections, err = r.encode()
	return r.content, err
}

// rewriting is a message whose properties change.
type rewriting struct {
	content     broker.Content
	message     *frames.Message
	application *encoding.Map
}

func (r *rewriting) user(x filter.Change) {
	i := findProperty(r.application, x.Name)
	switch {
	case x.Remove && i >= 0:
		r.application.Pairs = append(r.application.Pairs[:i:i], r.application.Pairs[i+1:]...)
	case x.Remove:
	case i >= 0:
		r.application.Pairs[i].Value = likeBefore(r.application.Pairs[i].Value, x.Value)
	default:
		r.application.Set(x.Name, likeBefore(nil, x.Value))
	}
}

// likeBefore turns a value into an AMQP value, of the type that the property has
// now if it fits.
func likeBefore(old any, v filter.Value) any {
	switch v := v.(type) {
	case int64:
		switch old.(type) {
		case int8:
			if n := int8(v); int64(n) == v {
				return n
			}
		case int16:
			if n := int16(v); int64(n) == v {
				return n
			}
		case int32:
			if n := int32(v); int64(n) == v {
				return n
			}
		case uint8:
			if n := uint8(v); int64(n) == v {
				return n
			}
		case uint16:
			if n := uint16(v); int64(n) == v {
				return n
			}
		case uint32:
			if n := uint32(v); int64(n) == v {
				return n
			}
		case uint64:
			if v >= 0 {
				return uint64(v)
			}
		}
	case float64:
		if _, ok := old.(float32); ok {
			return float32(v)
		}
	case filter.UUID:
		return encoding.UUID(v)
	case time.Duration:
		return encoding.Described{Descriptor: describedTimeSpan, Value: int64(v / 100)}
	}
	return v
}

func (r *rewriting) system(s filter.SystemProperty, v filter.Value) error {
	text, _ := v.(string)
	set := v != nil
	q := r.message.Properties
	switch s {
	case filter.MessageID:
		r.content.MessageID, q.MessageID = text, v
	case filter.CorrelationID:
		q.CorrelationID = v
	case filter.ContentType:
		q.ContentType = frames.Opt[encoding.Symbol]{Value: encoding.Symbol(text), Set: set}
	case filter.PartitionKey:
		r.content.PartitionKey = text
		r.annotate(annPartitionKey, v)
	case filter.ViaPartitionKey:
		r.annotate(annViaPartitionKey, v)
	case filter.ScheduledEnqueueTimeUTC:
		r.content.ScheduledFor, _ = v.(time.Time)
		r.annotate(annScheduledEnqueueTime, v)
	case filter.TimeToLive:
		r.content.TimeToLive, _ = v.(time.Duration)
		r.timeToLive(r.content.TimeToLive)
	default:
		field := textField(q, s)
		if field == nil {
			return fmt.Errorf("%w: the system property %s can't be written", errMessage, s)
		}
		if s == filter.SessionID {
			r.content.SessionID, r.content.HasSession = text, set
		}
		*field = frames.Opt[string]{Value: text, Set: set}
	}
	return nil
}

func (r *rewriting) annotate(name string, v filter.Value) {
	if r.message.MessageAnnotations == nil {
		r.message.MessageAnnotations = new(encoding.Map)
	}
	if v == nil {
		r.message.MessageAnnotations.Delete(name)
		return
	}
	r.message.MessageAnnotations.Set(encoding.Symbol(name), v)
}

// timeToLive shows another time to live; 0 shows none.
func (r *rewriting) timeToLive(d time.Duration) {
	var h frames.Header
	if r.message.Header != nil {
		h = *r.message.Header
	}
	h.TTL = frames.Opt[uint32]{}
	if d > 0 {
		h.TTL = frames.Some(uint32(min(d.Milliseconds(), math.MaxUint32)))
	}
	r.message.Header = &h
	r.message.Properties.CreationTime, r.message.Properties.AbsoluteExpiryTime = time.Time{}, time.Time{}
}

func (r *rewriting) encode() ([]byte, error) {
	m := r.message
	b := make([]byte, 0, len(r.content.Sections)+128)
	if m.Header != nil {
		b = frames.AppendHeader(b, m.Header)
	}
	var err error
	if m.DeliveryAnnotations.Len() > 0 {
		b, err = frames.AppendDeliveryAnnotations(b, m.DeliveryAnnotations)
	}
	if err == nil && m.MessageAnnotations.Len() > 0 {
		b, err = frames.AppendMessageAnnotations(b, m.MessageAnnotations)
	}
	if err == nil {
		b, err = frames.AppendProperties(b, m.Properties)
	}
	if err == nil && r.application.Len() > 0 {
		b, err = frames.AppendApplicationProperties(b, r.application)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	return append(append(b, m.RawBody...), m.RawFooter...), nil
}
