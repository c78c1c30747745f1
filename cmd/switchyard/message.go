package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/trial"
	"switchyard/value"
)

// shownMessage is a message as peek and receive show it; docs/output.md describes it.
type shownMessage struct {
	SequenceNumber        int64          `json:"sequenceNumber"`
	MessageID             string         `json:"messageId"`
	EnqueuedTime          time.Time      `json:"enqueuedTimeUtc"`
	DeliveryCount         uint32         `json:"deliveryCount"`
	State                 string         `json:"state,omitempty"`
	LockedUntil           *time.Time     `json:"lockedUntilUtc,omitempty"`
	ExpiresAt             *time.Time     `json:"expiresAtUtc,omitempty"`
	ScheduledEnqueueTime  *time.Time     `json:"scheduledEnqueueTimeUtc,omitempty"`
	TimeToLive            string         `json:"timeToLive,omitempty"`
	ContentType           *string        `json:"contentType"`
	Subject               *string        `json:"subject,omitempty"`
	CorrelationID         *string        `json:"correlationId,omitempty"`
	SessionID             *string        `json:"sessionId,omitempty"`
	PartitionKey          *string        `json:"partitionKey,omitempty"`
	To                    *string        `json:"to,omitempty"`
	ReplyTo               *string        `json:"replyTo,omitempty"`
	ReplyToSessionID      *string        `json:"replyToSessionId,omitempty"`
	ApplicationProperties map[string]any `json:"applicationProperties,omitempty"`
	DeadLetterReason      *string        `json:"deadLetterReason,omitempty"`
	DeadLetterDescription *string        `json:"deadLetterErrorDescription,omitempty"`
	DeadLetterSource      *string        `json:"deadLetterSource,omitempty"`
	Body                  any            `json:"body"`
	BodyBase64            []byte         `json:"bodyBase64,omitempty"`
}

func shown(m *azservicebus.ReceivedMessage) shownMessage {
	s := shownMessage{
		MessageID: m.MessageID, DeliveryCount: m.DeliveryCount, ContentType: m.ContentType, Subject: m.Subject,
		LockedUntil: utc(m.LockedUntil), ExpiresAt: utc(m.ExpiresAt), ScheduledEnqueueTime: utc(m.ScheduledEnqueueTime),
		CorrelationID: m.CorrelationID, SessionID: m.SessionID, PartitionKey: m.PartitionKey,
		To: m.To, ReplyTo: m.ReplyTo, ReplyToSessionID: m.ReplyToSessionID,
		DeadLetterReason: m.DeadLetterReason, DeadLetterDescription: m.DeadLetterErrorDescription,
		DeadLetterSource: m.DeadLetterSource,
	}
	if m.SequenceNumber != nil {
		s.SequenceNumber = *m.SequenceNumber
	}
	if t := utc(m.EnqueuedTime); t != nil {
		s.EnqueuedTime = *t
	}
	if m.TimeToLive != nil && *m.TimeToLive > 0 {
		s.TimeToLive = m.TimeToLive.String()
	} else {
		s.ExpiresAt = nil // the SDK makes one up
	}
	switch m.State {
	case azservicebus.MessageStateDeferred:
		s.State = "Deferred"
	case azservicebus.MessageStateScheduled:
		s.State = "Scheduled"
	}
	for name, v := range m.ApplicationProperties {
		if s.ApplicationProperties == nil {
			s.ApplicationProperties = map[string]any{}
		}
		s.ApplicationProperties[name] = shownProperty(v)
	}
	body, whole := trial.ShownBody(m.Body)
	switch text, ok := body.(string); {
	case ok && whole:
		s.Body = text
	case utf8.Valid(m.Body):
		s.Body = json.RawMessage(m.Body) // with the digits that it has
	}
	if !whole {
		s.BodyBase64 = m.Body
	}
	return s
}

func utc(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}

// shownProperty returns a property as JSON can show it: numbers with all their digits,
// times and UUIDs as texts.
func shownProperty(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return json.RawMessage(value.Append(nil, v)) // 2.0 stays what it is
	case float32:
		return shownProperty(float64(v))
	case time.Time:
		return v.UTC()
	case amqp.UUID:
		b := hex.EncodeToString(v[:])
		return b[:8] + "-" + b[8:12] + "-" + b[12:16] + "-" + b[16:20] + "-" + b[20:]
	}
	if _, err := json.Marshal(v); err != nil {
		return fmt.Sprint(v)
	}
	return v
}

// jsonLine writes a value as one line.
func jsonLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// answer prints an answer as a line of JSON. That it may get lost is for Main to tell.
func (e *env) answer(v any) int {
	if err := jsonLine(e.stdout, v); err != nil {
		return e.fail(err)
	}
	return exitOK
}

// text is a message for people: what the service knows of it, its properties, its body.
func (s shownMessage) text(columns int) string {
	var b strings.Builder
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-11s %s\n", name, printable(text))
		}
	}
	row("message", s.MessageID)
	row("number", fmt.Sprint(s.SequenceNumber))
	row("enqueued", s.EnqueuedTime.Format(time.RFC3339Nano))
	row("delivery", fmt.Sprint(s.DeliveryCount))
	row("state", s.State)
	row("scheduled", timeText(s.ScheduledEnqueueTime))
	row("locked", timeText(s.LockedUntil))
	row("expires", timeText(s.ExpiresAt))
	row("type", textOf(s.ContentType))
	row("subject", textOf(s.Subject))
	row("correlation", textOf(s.CorrelationID))
	row("session", textOf(s.SessionID))
	row("to", textOf(s.To))
	row("reply to", textOf(s.ReplyTo))
	row("reason", textOf(s.DeadLetterReason))
	row("description", textOf(s.DeadLetterDescription))
	row("source", textOf(s.DeadLetterSource))
	for _, name := range slices.Sorted(maps.Keys(s.ApplicationProperties)) {
		if name == "DeadLetterReason" || name == "DeadLetterErrorDescription" {
			continue // shown above
		}
		v, _ := json.Marshal(s.ApplicationProperties[name])
		row("property", name+" = "+string(v))
	}
	b.WriteString("body\n")
	for line := range strings.Lines(s.bodyText(columns)) {
		b.WriteString("  " + strings.TrimRight(line, "\r\n") + "\n")
	}
	return b.String()
}

// bodyText is a body in lines: JSON laid out, text as it is, anything else as base64.
func (s shownMessage) bodyText(columns int) string {
	switch body := s.Body.(type) {
	case json.RawMessage:
		return layoutJSON(body, "", columns-2)
	case string:
		var b strings.Builder
		for line := range strings.Lines(body) {
			b.WriteString(printable(strings.TrimRight(line, "\r\n")) + "\n")
		}
		return b.String()
	}
	return fmt.Sprintf("%d bytes that are no text, in base64:\n%s", len(s.BodyBase64),
		base64.StdEncoding.EncodeToString(s.BodyBase64))
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
