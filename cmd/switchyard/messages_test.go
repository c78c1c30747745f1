package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/bridge"
	"switchyard/config"
	"switchyard/trial"
	"switchyard/value"
)

// settings resolves a command's settings from flags alone.
func settings(t *testing.T, names []string, args ...string) *config.Values {
	t.Helper()
	v, _, err := config.Parse(names, args, config.Source{
		LookupEnv: func(string) (string, bool) { return "", false }, ReadFile: config.OS.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMessagesAsJSON: one object a line; a body that is JSON stays the JSON it is, text
// is a string, and what is neither is base64; numbers keep their digits.
func TestMessagesAsJSON(t *testing.T) {
	number := int64(7)
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	text := func(s string) *string { return &s }
	ttl := time.Minute
	for _, c := range []struct {
		m    azservicebus.ReceivedMessage
		want string
	}{
		{azservicebus.ReceivedMessage{MessageID: "a", SequenceNumber: &number, EnqueuedTime: &at, DeliveryCount: 3, Body: []byte(`{"b": 1.0, "a":[]}`)},
			`{"sequenceNumber":7,"messageId":"a","enqueuedTimeUtc":"2026-03-01T11:00:00.005Z","deliveryCount":3,"contentType":null,"body":{"b":1.0,"a":[]}}`},
		{azservicebus.ReceivedMessage{Body: []byte("a < b & c\n"), State: azservicebus.MessageStateDeferred},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"state":"Deferred","contentType":null,"body":"a < b & c\n"}`},
		{azservicebus.ReceivedMessage{Body: []byte{0xff, 0x00}, State: azservicebus.MessageStateScheduled, ScheduledEnqueueTime: &at},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"state":"Scheduled","scheduledEnqueueTimeUtc":"2026-03-01T11:00:00.005Z","contentType":null,"body":null,"bodyBase64":"/wA="}`},
		{azservicebus.ReceivedMessage{LockedUntil: &at, ExpiresAt: &at, TimeToLive: &ttl, SessionID: text("se"), PartitionKey: text("p"), To: text("to"), ReplyTo: text("re"), ReplyToSessionID: text("rs")},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"lockedUntilUtc":"2026-03-01T11:00:00.005Z","expiresAtUtc":"2026-03-01T11:00:00.005Z","timeToLive":"1m0s","contentType":null,"sessionId":"se","partitionKey":"p","to":"to","replyTo":"re","replyToSessionId":"rs","body":""}`},
		{azservicebus.ReceivedMessage{ContentType: text("t/t"), Subject: text("s"), CorrelationID: text("c"), DeadLetterReason: text("r"),
			DeadLetterErrorDescription: text("d"), DeadLetterSource: text("q"), ApplicationProperties: map[string]any{"n": uint64(math.MaxUint64), "t": at, "x": math.NaN(), "b": []byte{1}}},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"contentType":"t/t","subject":"s","correlationId":"c","applicationProperties":{"b":"AQ==","n":18446744073709551615,"t":"2026-03-01T11:00:00.005Z","x":"NaN"},"deadLetterReason":"r","deadLetterErrorDescription":"d","deadLetterSource":"q","body":""}`},
	} {
		var out bytes.Buffer
		if err := jsonLine(&out, shown(&c.m)); err != nil || out.String() != c.want+"\n" {
			t.Errorf("%v, got\n%swant\n%s", err, out.String(), c.want)
		}
		if !json.Valid([]byte(c.want)) {
			t.Errorf("the expectation is no JSON: %s", c.want)
		}
	}
}

// TestShownIsRead: what peek and receive write of a message is a message file, and what
// comes of it has the same body, content type, ids, time to live and properties.
func TestShownIsRead(t *testing.T) {
	text := func(s string) *string { return &s }
	at, ttl, number := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), 90*time.Second, int64(3)
	for _, body := range []string{`{"a":[1,2.0,"x"]}`, "text", `"JSON text"`, "null", "", `""`, "1", "1.50", "true", "\xff\x00", "{", "1e400", "two\nlines"} {
		m := &azservicebus.ReceivedMessage{SequenceNumber: &number, MessageID: "m", EnqueuedTime: &at, DeliveryCount: 2, Body: []byte(body),
			LockedUntil: &at, ExpiresAt: &at, ScheduledEnqueueTime: &at, TimeToLive: &ttl, SessionID: text("s"), PartitionKey: text("s"),
			ContentType: text("t/t"), Subject: text("su"), CorrelationID: text("c"), To: text("to"), ReplyTo: text("r"), ReplyToSessionID: text("rs"),
			DeadLetterReason: text("R"), DeadLetterErrorDescription: text("D"), DeadLetterSource: text("q"), State: azservicebus.MessageStateDeferred,
			ApplicationProperties: map[string]any{"i": int64(9007199254740993), "d": 2.0, "b": true, "n": nil, "s": "x", "DeadLetterReason": "R"}}
		for _, typed := range []bool{true, false} {
			want := "t/t"
			if !typed {
				m.ContentType, want = nil, ""
			}
			var line bytes.Buffer
			if err := jsonLine(&line, shown(m)); err != nil {
				t.Fatal(err)
			}
			in, err := trial.ParseInput(line.Bytes())
			if err != nil || len(in) != 1 {
				t.Errorf("%q: %d messages, %v, of %s", body, len(in), err, line.String())
				continue
			}
			got, err := bridge.Message(in[0].Message)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != body && body != "1.50" || got.ContentType != want || got.MessageID != "m" || got.SessionID != "s" ||
				got.Subject != "su" || got.CorrelationID != "c" || got.To != "to" || got.ReplyTo != "r" || in[0].Message.TimeToLive != ttl {
				t.Errorf("%q: got %+v with the body %q of %s", body, got, got.Body, line.String())
			}
			properties := string(value.Append(nil, got.ApplicationProperties))
			if properties != `{"b":true,"d":2.0,"i":9007199254740993,"n":null,"s":"x"}` {
				t.Errorf("%q: properties %s", body, properties)
			}
		}
	}
}

// TestMessageAsText: everything of a message, its JSON laid out.
func TestMessageAsText(t *testing.T) {
	number, at := int64(12), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	kind, reason := "application/json", "Bad"
	m := azservicebus.ReceivedMessage{MessageID: "m-1", SequenceNumber: &number, EnqueuedTime: &at, DeliveryCount: 2, ContentType: &kind,
		DeadLetterReason: &reason, ApplicationProperties: map[string]any{"n": int64(9007199254740993), "DeadLetterReason": "Bad"},
		Body: []byte(`{"text":"` + strings.Repeat("long ", 14) + `","n":1.0}`)}
	want := `message     m-1
number      12
enqueued    2026-03-01T12:00:00Z
delivery    2
type        application/json
reason      Bad
property    n = 9007199254740993
body
  {
    "text": "` + strings.Repeat("long ", 14) + `",
    "n": 1.0
  }
`
	if got := shown(&m).text(80); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	m = azservicebus.ReceivedMessage{Body: []byte{0xff}}
	if got := shown(&m).text(80); !strings.HasSuffix(got, "body\n  1 bytes that are no text, in base64:\n  /w==\n") {
		t.Errorf("got\n%s", got)
	}
	m = azservicebus.ReceivedMessage{Body: []byte("two\r\nlines")}
	if got := shown(&m).text(80); !strings.HasSuffix(got, "body\n  two\n  lines\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestMessageTable: one row for each message no wider than the terminal, and one more
// for why it is a dead letter.
func TestMessageTable(t *testing.T) {
	number, at := int64(12), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reason, description := "MaxDeliveryCountExceeded", strings.Repeat("é", 100)
	got := tableOf(t, []*azservicebus.ReceivedMessage{
		{MessageID: "m-1", SequenceNumber: &number, EnqueuedTime: &at, DeliveryCount: 11, Body: []byte(strings.Repeat("x", 61)), DeadLetterReason: &reason, DeadLetterErrorDescription: &description},
		{MessageID: "m-2", SequenceNumber: &number, EnqueuedTime: &at, Body: []byte("y"), State: azservicebus.MessageStateDeferred},
	}, 80)
	want := "NUMBER  MESSAGE  ENQUEUED             DELIVERY  STATE     BODY\n" +
		"12      m-1      2026-03-01 12:00:00  11        Active    " + strings.Repeat("x", 21) + "…\n" +
		"  MaxDeliveryCountExceeded: " + strings.Repeat("é", 51) + "…\n" +
		"12      m-2      2026-03-01 12:00:00  0         Deferred  y\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := tableOf(t, nil, 80); got != "" {
		t.Errorf("no messages: %q", got)
	}
}

// tableOf is what peek shows of messages.
func tableOf(t *testing.T, msgs []*azservicebus.ReceivedMessage, columns int) string {
	p := &peeked{e: &env{}, left: len(msgs)}
	for _, m := range msgs {
		if err := p.add(m); err != nil {
			t.Fatal(err)
		}
	}
	return p.text(columns)
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"😀😀", 1, "…"},
	} {
		if got := cut(c.in, c.n); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünïcödé 漢字 😀":  "plain ünïcödé 漢字 😀",
		"a\r\nb\tc":           "a  b c",
		"\x1b]0;title\x07":    " ]0;title ",
		"\u202eevil\u2066":    " evil ",
		"\u009b31m":           " 31m",
		"bad \xff\xfe bytes":  "bad \ufffd\ufffd bytes",
		"no\u00a0break\u2028": "no break ",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}
