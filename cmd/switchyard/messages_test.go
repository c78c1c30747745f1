package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/config"
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

// TestMessagesAsJSON: one object a line; a body that is JSON stays the JSON it is,
// text is a string, and what is neither is base64.
func TestMessagesAsJSON(t *testing.T) {
	number := int64(7)
	enqueued := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		m    azservicebus.ReceivedMessage
		want string
	}{
		{azservicebus.ReceivedMessage{MessageID: "a", SequenceNumber: &number, EnqueuedTime: &enqueued, DeliveryCount: 3, Body: []byte(`{"b": 1.0, "a":[]}`)},
			`{"sequenceNumber":7,"messageId":"a","enqueuedTimeUtc":"2026-03-01T11:00:00.005Z","deliveryCount":3,"body":{"b":1.0,"a":[]}}`},
		{azservicebus.ReceivedMessage{Body: []byte("a < b & c\n"), State: azservicebus.MessageStateDeferred},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"state":"Deferred","body":"a < b & c\n"}`},
		{azservicebus.ReceivedMessage{Body: []byte{0xff, 0x00}, State: azservicebus.MessageStateScheduled},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"state":"Scheduled","body":"/wA="}`},
		{azservicebus.ReceivedMessage{ContentType: text("t/t"), Subject: text("s"), CorrelationID: text("c"), DeadLetterReason: text("r"),
			DeadLetterErrorDescription: text("d"), ApplicationProperties: map[string]any{"n": int64(1)}},
			`{"sequenceNumber":0,"messageId":"","enqueuedTimeUtc":"0001-01-01T00:00:00Z","deliveryCount":0,"contentType":"t/t","subject":"s","correlationId":"c","applicationProperties":{"n":1},"deadLetterReason":"r","deadLetterErrorDescription":"d","body":""}`},
	} {
		var out, errs bytes.Buffer
		code := printMessages(&env{stdin: nil, stdout: &out, stderr: &errs}, settings(t, clientSettings, "--output", "json"), []*azservicebus.ReceivedMessage{&c.m, &c.m})
		if want := c.want + "\n" + c.want + "\n"; code != exitOK || out.String() != want || errs.Len() > 0 {
			t.Errorf("exit code %d, got\n%swant\n%s", code, out.String(), want)
		}
		if !json.Valid([]byte(c.want)) {
			t.Errorf("the expectation is no JSON: %s", c.want)
		}
	}
}

// TestMessagesAsTable: one row for each message in columns, long texts cut, the
// reason of a dead letter with its description.
func TestMessagesAsTable(t *testing.T) {
	number, at := int64(12), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reason, description := "MaxDeliveryCountExceeded", strings.Repeat("é", 100)
	var out, errs bytes.Buffer
	e := &env{stdin: nil, stdout: &out, stderr: &errs}
	code := printMessages(e, settings(t, clientSettings), []*azservicebus.ReceivedMessage{
		{MessageID: "m-1", SequenceNumber: &number, EnqueuedTime: &at, DeliveryCount: 11, Body: []byte(strings.Repeat("x", 61)), DeadLetterReason: &reason, DeadLetterErrorDescription: &description},
		{MessageID: "m-2", SequenceNumber: &number, EnqueuedTime: &at, Body: []byte(strings.Repeat("y", 60))},
	})
	want := "NUMBER  MESSAGE ID  ENQUEUED              DELIVERIES  BODY                                                          DEAD-LETTER REASON\n" +
		"12      m-1         2026-03-01T12:00:00Z  11          " + strings.Repeat("x", 59) + "…  MaxDeliveryCountExceeded: " + strings.Repeat("é", 53) + "…\n" +
		"12      m-2         2026-03-01T12:00:00Z  0           " + strings.Repeat("y", 60) + "  \n"
	if code != exitOK || out.String() != want || errs.Len() > 0 {
		t.Errorf("exit code %d, stderr %q, got\n%swant\n%s", code, errs.String(), out.String(), want)
	}
	out.Reset()
	// Nothing to show is no answer on standard output and no failure.
	if code := printMessages(e, settings(t, clientSettings), nil); code != exitOK || out.Len() > 0 || errs.String() != "no messages\n" {
		t.Errorf("no messages: exit code %d, stdout %q, stderr %q", code, out.String(), errs.String())
	}
	errs.Reset()
	if code := printMessages(e, settings(t, clientSettings, "--output", "json"), nil); code != exitOK || out.Len() > 0 || errs.Len() > 0 {
		t.Errorf("no messages as JSON: exit code %d, stdout %q, stderr %q; want no line at all", code, out.String(), errs.String())
	}
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
