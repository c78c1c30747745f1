package servicebus

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

func encodeRequest(t testing.TB, id any, operation string, body any) []byte {
	t.Helper()
	value, err := frames.AppendValue(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return sentMessage{
		properties:  &frames.Properties{MessageID: id, ReplyTo: frames.Some("reply")},
		application: mapOf("operation", operation, "type", typeSAS, "name", "sb://h/q"),
		body:        value,
	}.encode(t)
}

func TestDecodeRequest(t *testing.T) {
	for _, id := range []any{"text", uint64(1), encoding.UUID(testToken), []byte("b")} {
		req, err := decodeRequest(encodeRequest(t, id, "put-token", "the token"))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(req.id, id) || req.replyTo != "reply" || req.operation != "put-token" || req.text("name") != "sb://h/q" || req.body != "the token" {
			t.Errorf("request with id %v reads as %+v", id, req)
		}
	}
	req, err := decodeRequest(sentMessage{body: data("token")}.encode(t))
	if b, ok := req.body.([]byte); err != nil || !ok || string(b) != "token" {
		t.Errorf("a data body reads as %v, %v", req, err)
	}
	for name, payload := range map[string][]byte{
		"garbage":   {0xff},
		"two parts": sentMessage{body: append(data("a"), data("b")...)}.encode(t),
	} {
		if req, err := decodeRequest(payload); !errors.Is(err, errMessage) {
			t.Errorf("%s: %+v, %v, want errMessage", name, req, err)
		}
	}
}

func TestResponses(t *testing.T) {
	req, err := decodeRequest(encodeRequest(t, uint64(9), "x", nil))
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte, err error) (*frames.Message, *encoding.Map) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		m, err := frames.ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.ApplicationProperties()
		if err != nil {
			t.Fatal(err)
		}
		if m.Properties.CorrelationID != uint64(9) || m.Properties.To.Value != "reply" {
			t.Errorf("properties = %+v, want the request's id and reply-to", m.Properties)
		}
		return m, p
	}
	_, p := read(tokenResponse(req, response{status: 202, description: "Accepted"}))
	if want := mapOf("status-code", int32(202), "status-description", "Accepted"); !reflect.DeepEqual(p, want) {
		t.Errorf("token response = %v, want %v", p, want)
	}
	m, p := read(managementResponse(req, response{status: 410, description: "lost", condition: condMessageLockLost}))
	want := mapOf("statusCode", int32(410), "status-code", int32(410), "statusDescription", "lost", "status-description", "lost", "errorCondition", condMessageLockLost)
	if !reflect.DeepEqual(p, want) {
		t.Errorf("management response = %v, want %v", p, want)
	}
	if body, ok, err := m.Value(); !ok || err != nil || body.(*encoding.Map).Len() != 0 {
		t.Errorf("body = %v, %v, %v, want an empty map", body, ok, err)
	}
}

func TestArguments(t *testing.T) {
	id := encoding.UUID(testToken)
	a := arguments{mapOf(
		"int", int32(5), "ulong", uint64(6), "huge", uint64(1<<63), "text", "s", "null", nil,
		"longs", []int64{1, 2}, "list", encoding.List{int32(3), uint64(4)}, "mixed", encoding.List{"x"}, "empty", encoding.List{},
		"bytes", &encoding.Array{Items: []any{uint8(7)}}, "described", &encoding.Array{Descriptor: uint64(1), Items: []any{uint8(7)}},
		"ids", []encoding.UUID{id}, "id list", encoding.List{id}, "many", make([]int64, maxItems+1),
	)}
	for name, want := range map[string]int64{"int": 5, "ulong": 6} {
		if got, err := a.number(name); err != nil || got != want {
			t.Errorf("number(%q) = %d, %v, want %d", name, got, err, want)
		}
	}
	for name, want := range map[string][]int64{"longs": {1, 2}, "list": {3, 4}, "bytes": {7}} {
		if got, err := a.numbers(name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("numbers(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"ids", "id list"} {
		if got, err := a.tokens(name); err != nil || len(got) != 1 || got[0] != testToken {
			t.Errorf("tokens(%q) = %v, %v, want %v", name, got, err, testToken)
		}
	}
	bad := map[string]func() error{
		"number of nothing":  func() error { _, err := a.number("nothing"); return err },
		"number of text":     func() error { _, err := a.number("text"); return err },
		"number over int64":  func() error { _, err := a.number("huge"); return err },
		"numbers of nothing": func() error { _, err := a.numbers("nothing"); return err },
		"numbers of none":    func() error { _, err := a.numbers("empty"); return err },
		"numbers of texts":   func() error { _, err := a.numbers("mixed"); return err },
		"numbers described":  func() error { _, err := a.numbers("described"); return err },
		"too many numbers":   func() error { _, err := a.numbers("many"); return err },
		"tokens of numbers":  func() error { _, err := a.tokens("longs"); return err },
		"text of a number":   func() error { _, err := a.text("int"); return err },
		"no outcome":         func() error { _, err := a.outcome(); return err },
	}
	for name, f := range bad {
		if err := f(); err == nil || faultOf(err).status != 400 {
			t.Errorf("%s: %v, want status 400", name, err)
		}
	}
}

func TestArgumentsOutcome(t *testing.T) {
	tests := []struct {
		args *encoding.Map
		want broker.Outcome
	}{
		{mapOf("disposition-status", "completed"), broker.Outcome{Kind: broker.Complete}},
		{mapOf("disposition-status", "abandoned", "properties-to-modify", mapOf("a", int64(1))), broker.Outcome{Kind: broker.Abandon, Properties: []broker.Property{{Name: "a", Value: int64(1)}}}},
		{mapOf("disposition-status", "defered"), broker.Outcome{Kind: broker.Defer}},
		{mapOf("disposition-status", "suspended", "deadletter-reason", "r", "deadletter-description", nil), broker.Outcome{Kind: broker.DeadLetter, Reason: "r"}},
	}
	for _, tt := range tests {
		if got, err := (arguments{tt.args}).outcome(); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("outcome of %v = %+v, %v, want %+v", tt.args, got, err, tt.want)
		}
	}
	for _, args := range []*encoding.Map{
		mapOf("disposition-status", "deferred"), mapOf("disposition-status", int32(1)),
		mapOf("disposition-status", "suspended", "deadletter-reason", int32(1)), mapOf("disposition-status", "completed", "properties-to-modify", "x"),
	} {
		if got, err := (arguments{args}).outcome(); err == nil || faultOf(err).status != 400 {
			t.Errorf("outcome of %v = %+v, %v, want status 400", args, got, err)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add(encodeRequest(f, "id", "put-token", "SharedAccessSignature sr=a&sig=b&se=1&skn=c"))
	f.Add(encodeRequest(f, uint64(1), "com.microsoft:renew-lock", mapOf("lock-tokens", []encoding.UUID{{1}})))
	f.Add(encodeRequest(f, "id", "com.microsoft:peek-message", mapOf("from-sequence-number", int64(1), "message-count", int32(1))))
	f.Add(encodeRequest(f, "id", "com.microsoft:receive-by-sequence-number", mapOf("sequence-numbers", encoding.List{uint64(1)}, "receiver-settle-mode", uint32(1))))
	f.Add(encodeRequest(f, "id", "com.microsoft:update-disposition", mapOf("disposition-status", "suspended", "lock-tokens", []encoding.UUID{{1}}, "properties-to-modify", mapOf("a", testNow.Add(time.Hour)))))
	f.Fuzz(func(t *testing.T, payload []byte) {
		req, err := decodeRequest(payload)
		if err != nil {
			if !errors.Is(err, errMessage) {
				t.Fatalf("decodeRequest(%x): %v", payload, err)
			}
			return
		}
		if _, err := managementResponse(req, response{status: 200, description: "OK"}); err != nil {
			t.Fatalf("no response to %x: %v", payload, err)
		}
		body, ok := req.body.(*encoding.Map)
		if !ok {
			return
		}
		a := arguments{body}
		for _, check := range []func() error{
			func() error { _, err := a.tokens("lock-tokens"); return err },
			func() error { _, err := a.numbers("sequence-numbers"); return err },
			func() error { _, err := a.number("message-count"); return err },
			func() error { _, err := a.outcome(); return err },
		} {
			if err := check(); err != nil && faultOf(err).status != 400 {
				t.Fatalf("arguments of %x: %v", payload, err)
			}
		}
	})
}
