package trigger

import (
	"encoding/base64"
	"mime"
	"strings"
	"unicode/utf8"

	"switchyard/value"
)

// body is triggerBody(): the messages with the queue they come from.
func body(messages []Message, queue, namespace string) *value.Object {
	list := make(value.Array, len(messages))
	for i := range messages {
		list[i] = messages[i].object()
	}
	return value.NewObject(
		member("messages", list),
		member("queueName", queue),
		member("namespace", namespace))
}

// facts is body with what identifies each message only, for the record of the
// run: its parameters already hold as much of the contents as it wants.
func facts(messages []Message, queue, namespace string) *value.Object {
	list := make(value.Array, len(messages))
	for i := range messages {
		m := &messages[i]
		list[i] = value.NewObject(
			member("messageId", m.MessageID),
			member("sequenceNumber", m.SequenceNumber),
			member("enqueuedTimeUtc", value.Timestamp(m.EnqueuedTimeUTC)),
			member("deliveryCount", int64(m.DeliveryCount)))
	}
	return value.NewObject(member("body", value.NewObject(
		member("messages", list),
		member("queueName", queue),
		member("namespace", namespace))))
}

func member(name string, v value.Value) value.Member { return value.Member{Name: name, Value: v} }

// object is a message as trigger() shows it.
func (m *Message) object() *value.Object {
	o := &value.Object{}
	o.Set("messageId", orNull(m.MessageID))
	o.Set("sequenceNumber", m.SequenceNumber)
	o.Set("enqueuedTimeUtc", value.Timestamp(m.EnqueuedTimeUTC))
	o.Set("deliveryCount", int64(m.DeliveryCount))
	o.Set("lockToken", m.LockToken)
	o.Set("contentType", orNull(m.ContentType))
	o.Set("subject", orNull(m.Subject))
	o.Set("correlationId", orNull(m.CorrelationID))
	o.Set("sessionId", orNull(m.SessionID))
	o.Set("to", orNull(m.To))
	o.Set("replyTo", orNull(m.ReplyTo))
	properties := m.ApplicationProperties
	if properties == nil {
		properties = &value.Object{}
	}
	o.Set("applicationProperties", properties)
	if !utf8.Valid(m.Body) {
		o.Set("body", nil)
		o.Set("bodyBase64", base64.StdEncoding.EncodeToString(m.Body))
		return o
	}
	text := string(m.Body)
	o.Set("body", text)
	if m.mayBeJSON() {
		if v, err := value.Parse([]byte(strings.TrimPrefix(text, "\ufeff"))); err == nil {
			o.Set("body", v)
		}
	}
	o.Set("bodyText", text)
	return o
}

// mayBeJSON reports whether the content type says JSON or nothing.
func (m *Message) mayBeJSON() bool {
	if m.ContentType == "" {
		return true
	}
	t, _, err := mime.ParseMediaType(m.ContentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

func orNull(s string) value.Value {
	if s == "" {
		return nil
	}
	return s
}
