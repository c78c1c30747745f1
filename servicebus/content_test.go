package servicebus

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

var testNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// testID is the id that messages without one get in tests.
func testID() encoding.UUID { return encoding.UUID(testToken) }

const testIDText = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

// A sentMessage is a message as a client encodes it.
type sentMessage struct {
	header      *frames.Header
	delivery    *encoding.Map
	annotations *encoding.Map
	properties  *frames.Properties
	application *encoding.Map
	body        []byte // sections
	footer      *encoding.Map
}

func (m sentMessage) encode(t testing.TB) []byte {
	t.Helper()
	var b []byte
	var err error
	check := func(out []byte, e error) {
		if e != nil {
			err = e
		}
		b = out
	}
	if m.header != nil {
		b = frames.AppendHeader(b, m.header)
	}
	if m.delivery != nil {
		check(frames.AppendDeliveryAnnotations(b, m.delivery))
	}
	if m.annotations != nil {
		check(frames.AppendMessageAnnotations(b, m.annotations))
	}
	if m.properties != nil {
		check(frames.AppendProperties(b, m.properties))
	}
	if m.application != nil {
		check(frames.AppendApplicationProperties(b, m.application))
	}
	b = append(b, m.body...)
	if m.footer != nil {
		check(encoding.AppendMap(append(b, 0x00, 0x53, byte(frames.CodeFooter)), m.footer))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mapOf(keysAndValues ...any) *encoding.Map {
	m := new(encoding.Map)
	for i := 0; i < len(keysAndValues); i += 2 {
		m.Set(keysAndValues[i], keysAndValues[i+1])
	}
	return m
}

func data(s string) []byte { return frames.AppendData(nil, []byte(s)) }

func TestDecodeContent(t *testing.T) {
	uuid := encoding.UUID{0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9}
	ttl := func(ms uint32) *frames.Header { return &frames.Header{TTL: frames.Some(ms)} }
	tests := []struct {
		name string
		sent sentMessage
		want broker.Content
	}{
		{"nothing", sentMessage{}, broker.Content{}},
		{"body only", sentMessage{body: data("x")}, broker.Content{}},
		{"string id, session, key", sentMessage{properties: &frames.Properties{MessageID: "id", GroupID: frames.Some("s")}, annotations: mapOf(encoding.Symbol("x-opt-partition-key"), "s")},
			broker.Content{MessageID: "id", SessionID: "s", PartitionKey: "s"}},
		{"null key", sentMessage{properties: &frames.Properties{GroupID: frames.Some("s")}, annotations: mapOf(encoding.Symbol("x-opt-partition-key"), nil)}, broker.Content{SessionID: "s"}},
		{"ulong id", sentMessage{properties: &frames.Properties{MessageID: uint64(17)}}, broker.Content{MessageID: "17"}},
		{"uuid id", sentMessage{properties: &frames.Properties{MessageID: uuid}}, broker.Content{MessageID: "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"}},
		{"binary id", sentMessage{properties: &frames.Properties{MessageID: []byte{0xab, 1}}}, broker.Content{MessageID: "AB01"}},
		{"ttl", sentMessage{header: ttl(1500)}, broker.Content{TimeToLive: 1500 * time.Millisecond}},
		{"ttl 0 is the entity's default", sentMessage{header: ttl(0)}, broker.Content{}},
		{"ttl and absolute expiry", sentMessage{header: ttl(1500), properties: &frames.Properties{AbsoluteExpiryTime: testNow.Add(time.Hour)}}, broker.Content{TimeToLive: 1500 * time.Millisecond}},
		{"absolute expiry only", sentMessage{properties: &frames.Properties{AbsoluteExpiryTime: testNow.Add(time.Hour)}}, broker.Content{TimeToLive: time.Hour}},
		{"absolute expiry and creation time", sentMessage{properties: &frames.Properties{AbsoluteExpiryTime: testNow.Add(time.Hour), CreationTime: testNow.Add(-time.Hour)}}, broker.Content{TimeToLive: 2 * time.Hour}},
		{"longer than the header holds", sentMessage{header: ttl(math.MaxUint32), properties: &frames.Properties{AbsoluteExpiryTime: testNow.Add(100 * 24 * time.Hour), CreationTime: testNow}}, broker.Content{TimeToLive: 100 * 24 * time.Hour}},
		{"absolute expiry in the past", sentMessage{properties: &frames.Properties{AbsoluteExpiryTime: testNow.Add(-time.Hour)}}, broker.Content{TimeToLive: time.Millisecond}},
		{"the longest property", sentMessage{application: mapOf("trace", strings.Repeat("x", 32767))}, broker.Content{}},
		{"scheduled for the past", sentMessage{annotations: mapOf(encoding.Symbol("x-opt-scheduled-enqueue-time"), testNow)}, broker.Content{ScheduledFor: testNow}},
		{"scheduled for the future", sentMessage{annotations: mapOf(encoding.Symbol("x-opt-scheduled-enqueue-time"), testNow.Add(time.Hour))}, broker.Content{ScheduledFor: testNow.Add(time.Hour)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payload := tt.sent.encode(t)
			if tt.want.MessageID == "" {
				tt.want.MessageID = testIDText
			}
			got, err := decodeContent(payload, testNow, testID)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Sections, payload) {
				t.Error("the sections are not the bytes that came")
			}
			if got.Sections = nil; got.MessageID != tt.want.MessageID || got.SessionID != tt.want.SessionID || got.PartitionKey != tt.want.PartitionKey || got.TimeToLive != tt.want.TimeToLive || !got.ScheduledFor.Equal(tt.want.ScheduledFor) {
				t.Errorf("content = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDecodeContentRefuses(t *testing.T) {
	scheduled := encoding.Symbol("x-opt-scheduled-enqueue-time")
	tests := []struct {
		name    string
		payload []byte
		want    encoding.Symbol
	}{
		{"garbage", []byte{1, 2, 3}, condArgumentError},
		{"scheduled null", sentMessage{annotations: mapOf(scheduled, nil)}.encode(t), frames.ErrNotAllowed},
		{"scheduled text", sentMessage{annotations: mapOf(scheduled, "soon")}.encode(t), frames.ErrNotAllowed},
		{"message id of a type that it can't have", []byte{0x00, 0x53, 0x73, 0xc0, 0x0a, 0x01, 0x82, 0x3f, 0xf2, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}, frames.ErrDecodeError},
		{"property above 32 KB", sentMessage{application: mapOf("trace", strings.Repeat("x", 32<<10))}.encode(t), frames.ErrNotAllowed},
		{"properties above 64 KB", sentMessage{application: mapOf("a", strings.Repeat("x", 30000), "b", strings.Repeat("x", 30000), "c", strings.Repeat("x", 6000))}.encode(t), frames.ErrNotAllowed},
		{"message id above 128 characters", sentMessage{properties: &frames.Properties{MessageID: strings.Repeat("m", 129)}}.encode(t), frames.ErrNotAllowed},
		{"partition key above 128 characters", sentMessage{annotations: mapOf(encoding.Symbol("x-opt-partition-key"), strings.Repeat("k", 129))}.encode(t), frames.ErrNotAllowed},
		{"partition key number", sentMessage{annotations: mapOf(encoding.Symbol("x-opt-partition-key"), int32(1))}.encode(t), condArgumentError},
		{"partition key and session differ", sentMessage{annotations: mapOf(encoding.Symbol("x-opt-partition-key"), "a"), properties: &frames.Properties{GroupID: frames.Some("b")}}.encode(t), frames.ErrNotAllowed},
	}
	for _, tt := range tests {
		c, err := decodeContent(tt.payload, testNow, testID)
		if err == nil || faultOf(err).condition != tt.want {
			t.Errorf("%s: content %+v, error %v, want condition %q", tt.name, c, err, tt.want)
		}
	}
}

var testToken = broker.LockToken{0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9}

func TestLockTag(t *testing.T) {
	want := []byte{0x3d, 0x2c, 0x1b, 0x0a, 0x5f, 0x4e, 0x71, 0x60, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9}
	if got := lockTag(testToken); !bytes.Equal(got[:], want) {
		t.Errorf("lockTag = %x, want %x [SB-AMQP 12]", got, want)
	}
}

func stored(sections []byte) *broker.Message {
	return &broker.Message{
		Content:        broker.Content{Sections: sections},
		SequenceNumber: 42, EnqueuedAt: testNow,
		Status: broker.Status{DeliveryCount: 2, Owner: broker.LinkOwner, LockToken: testToken, LockedUntil: testNow.Add(time.Minute)},
	}
}

func encoded(t *testing.T, m *broker.Message, v view) ([]byte, *frames.Message) {
	t.Helper()
	b, err := encodeMessage(m, v)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := frames.ParseMessage(b)
	if err != nil {
		t.Fatalf("encoded message %x: %v", b, err)
	}
	return b, parsed
}

// A first delivery has the sender's own sections and three annotations more,
// and nothing else [SB-AMQP 8].
func TestEncodePreserves(t *testing.T) {
	sym := func(s string) encoding.Symbol { return encoding.Symbol(s) }
	sent := sentMessage{
		header:      &frames.Header{Durable: true, Priority: frames.Some(uint8(7)), TTL: frames.Some(uint32(1000)), DeliveryCount: 99},
		delivery:    mapOf(sym("own-delivery"), int32(1), sym("x-opt-lock-token"), "old"),
		annotations: mapOf(sym("own"), "a", sym("x-opt-partition-key"), nil, sym("x-opt-sequence-number"), int64(7), sym("x-opt-locked-until"), testNow, sym("x-opt-message-state"), int32(1)),
		properties:  &frames.Properties{MessageID: uint64(5), Subject: frames.Some("")},
		application: mapOf("n", int8(1), "described", encoding.Described{Descriptor: sym("com.microsoft:timespan"), Value: int64(5)}),
		body:        append(data("one"), data("two")...),
		footer:      mapOf(sym("f"), "x"),
	}.encode(t)
	original, err := frames.ParseMessage(sent)
	if err != nil {
		t.Fatal(err)
	}
	_, got := encoded(t, stored(sent), viewPeekLock)
	if h := got.Header; !h.Durable || h.Priority != frames.Some(uint8(7)) || h.TTL != frames.Some(uint32(1000)) || h.FirstAcquirer || h.DeliveryCount != 2 {
		t.Errorf("header = %+v, want the sender's with delivery count 2", h)
	}
	wantMap(t, "delivery annotations", got.DeliveryAnnotations, mapOf(sym("own-delivery"), int32(1), sym("x-opt-lock-token"), encoding.UUID(testToken)))
	wantMap(t, "message annotations", got.MessageAnnotations, mapOf(sym("own"), "a", sym("x-opt-partition-key"), nil,
		sym("x-opt-sequence-number"), int64(42), sym("x-opt-enqueued-time"), testNow, sym("x-opt-locked-until"), testNow.Add(time.Minute)))
	for _, s := range []struct {
		name      string
		got, want []byte
	}{
		{"properties", got.RawProperties, original.RawProperties},
		{"application properties", got.RawApplicationProperties, original.RawApplicationProperties},
		{"body", got.RawBody, original.RawBody},
		{"footer", got.RawFooter, original.RawFooter},
	} {
		if !bytes.Equal(s.got, s.want) {
			t.Errorf("%s = %x, want %x", s.name, s.got, s.want)
		}
	}
}

func wantMap(t *testing.T, name string, got, want *encoding.Map) {
	t.Helper()
	if got.Len() != want.Len() {
		t.Errorf("%s = %v, want %v", name, got, want)
		return
	}
	for _, p := range want.Pairs {
		v, ok := got.Get(string(p.Key.(encoding.Symbol)))
		if at, isTime := v.(time.Time); isTime {
			if !at.Equal(p.Value.(time.Time)) {
				t.Errorf("%s: %v = %v, want %v", name, p.Key, v, p.Value)
			}
		} else if !ok || v != p.Value {
			t.Errorf("%s: %v = %v, want %v", name, p.Key, v, p.Value)
		}
	}
}

func TestEncodeViews(t *testing.T) {
	m := stored(sentMessage{body: data("b")}.encode(t))
	has := func(b *encoding.Map, name string) bool { return b.Has(name) }

	_, got := encoded(t, m, viewReceiveAndDelete)
	if got.DeliveryAnnotations.Len() != 0 || has(got.MessageAnnotations, annLockedUntil) || got.MessageAnnotations.Len() != 2 {
		t.Errorf("receive and delete shows %v, %v, want enqueued time and sequence number", got.DeliveryAnnotations, got.MessageAnnotations)
	}
	if got.Header == nil || got.RawProperties == nil {
		t.Error("header and properties sections must always be there")
	}
	m.State = broker.Deferred
	_, got = encoded(t, m, viewPeek)
	if state, _ := got.MessageAnnotations.Get(annMessageState); state != int32(1) || has(got.MessageAnnotations, annLockedUntil) {
		t.Errorf("peek of a deferred message shows %v, want state 1 and no lock", got.MessageAnnotations)
	}
	_, got = encoded(t, m, viewDeferred)
	if state, _ := got.MessageAnnotations.Get(annMessageState); state != int32(1) || !has(got.MessageAnnotations, annLockedUntil) || !has(got.DeliveryAnnotations, annLockToken) {
		t.Errorf("a received deferred message shows %v, want state 1 and its lock", got.MessageAnnotations)
	}
	_, got = encoded(t, m, view{})
	if got.RawBody != nil {
		t.Errorf("body = %x, want none", got.RawBody)
	}
	m.State = broker.Active
	if _, got = encoded(t, m, viewPeek); has(got.MessageAnnotations, annMessageState) {
		t.Error("an active message shows its state")
	}
}

func TestEncodeMergesProperties(t *testing.T) {
	p, err := toProperty("small", int16(3))
	if err != nil {
		t.Fatal(err)
	}
	m := stored(sentMessage{application: mapOf("a", "old", "b", int64(1)), body: data("b")}.encode(t))
	m.Properties = []broker.Property{{Name: "a", Value: "new"}, {Name: "DeadLetterReason", Value: "r"}, p, {Name: "null"}}
	_, got := encoded(t, m, viewPeekLock)
	application, err := got.ApplicationProperties()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": "new", "b": int64(1), "DeadLetterReason": "r", "small": int16(3), "null": nil}
	if application.Len() != len(want) {
		t.Errorf("application properties = %v, want %v", application, want)
	}
	for name, v := range want {
		if got, ok := application.Get(name); !ok || got != v {
			t.Errorf("property %q = %v (%T), want %v (%T)", name, got, got, v, v)
		}
	}
}

func TestEncodeFillsInExpiry(t *testing.T) {
	sent := testNow.Add(-time.Second) // by the sender's clock
	own := frames.Properties{MessageID: "id", CreationTime: sent, AbsoluteExpiryTime: sent.Add(time.Hour)}
	tests := []struct {
		name              string
		properties        frames.Properties
		ttl, effective    time.Duration
		creation, absolut time.Time
	}{
		{"filled in", frames.Properties{MessageID: "id"}, time.Hour, time.Hour, testNow, testNow.Add(time.Hour)},
		{"the sender's own", own, time.Hour, time.Hour, own.CreationTime, own.AbsoluteExpiryTime},
		{"clamped by the entity", own, time.Hour, time.Minute, testNow, testNow.Add(time.Minute)},
		{"none", frames.Properties{MessageID: "id"}, 0, 0, time.Time{}, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			message := sentMessage{properties: &tt.properties}
			if tt.ttl > 0 {
				message.header = &frames.Header{TTL: frames.Some(uint32(tt.ttl.Milliseconds()))}
			}
			m := stored(message.encode(t))
			if m.TimeToLive = tt.ttl; tt.ttl > 0 {
				m.ExpiresAt = testNow.Add(tt.effective)
			}
			_, got := encoded(t, m, viewPeekLock)
			if p := got.Properties; p.MessageID != "id" || !p.CreationTime.Equal(tt.creation) || !p.AbsoluteExpiryTime.Equal(tt.absolut) {
				t.Errorf("properties = %+v, want creation %v and absolute expiry %v", p, tt.creation, tt.absolut)
			}
			if got.Header.TTL.Or(0) != uint32(tt.effective.Milliseconds()) {
				t.Errorf("header ttl = %v, want %v", got.Header.TTL, tt.effective)
			}
		})
	}
}

func TestEncodeFillsInMessageID(t *testing.T) {
	for name, sent := range map[string]sentMessage{
		"no properties":         {body: data("b")},
		"properties without id": {properties: &frames.Properties{Subject: frames.Some("s")}, body: data("b")},
	} {
		c, err := decodeContent(sent.encode(t), testNow, testID)
		if err != nil {
			t.Fatal(err)
		}
		m := stored(nil)
		m.Content = c
		_, got := encoded(t, m, viewPeek)
		if got.Properties.MessageID != testIDText || sent.properties != nil && got.Properties.Subject != sent.properties.Subject {
			t.Errorf("%s: delivered with %+v, want message id %s", name, got.Properties, testIDText)
		}
	}
}

func TestEncodeMalformed(t *testing.T) {
	if b, err := encodeMessage(stored([]byte{1, 2}), viewPeek); !errors.Is(err, errMessage) {
		t.Errorf("encodeMessage of garbage = %x, %v, want errMessage", b, err)
	}
}

func FuzzDecodeContent(f *testing.F) {
	f.Add(sentMessage{body: data("x")}.encode(f))
	f.Add(sentMessage{
		header: &frames.Header{TTL: frames.Some(uint32(1))}, annotations: mapOf(encoding.Symbol("x-opt-partition-key"), "k"),
		properties: &frames.Properties{MessageID: "id", GroupID: frames.Some("k"), AbsoluteExpiryTime: testNow}, application: mapOf("a", int32(1)), body: data("x"),
	}.encode(f))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := decodeContent(payload, testNow, testID)
		if err != nil {
			if faultOf(err).condition == frames.ErrInternalError {
				t.Fatalf("decodeContent(%x): %v is not a fault of the client", payload, err)
			}
			return
		}
		m := stored(nil)
		m.Content = c
		m.Properties = []broker.Property{{Name: "a", Value: int64(1)}}
		b, err := encodeMessage(m, viewPeekLock)
		if err != nil {
			t.Fatalf("what was accepted can't be delivered: %x: %v", payload, err)
		}
		again, err := frames.ParseMessage(b)
		if err != nil {
			t.Fatalf("delivered message %x: %v", b, err)
		}
		sent, _ := frames.ParseMessage(payload)
		if !bytes.Equal(again.RawBody, sent.RawBody) || !bytes.Equal(again.RawFooter, sent.RawFooter) {
			t.Fatalf("the body of %x changed to %x", payload, b)
		}
	})
}

func BenchmarkDecodeContent(b *testing.B) {
	payload := sentMessage{properties: &frames.Properties{MessageID: "id"}, application: mapOf("a", int64(1)), body: data("0123456789abcdef")}.encode(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeContent(payload, testNow, testID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeDelivery(b *testing.B) {
	m := stored(sentMessage{properties: &frames.Properties{MessageID: "id"}, application: mapOf("a", int64(1)), body: data("0123456789abcdef")}.encode(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encodeDelivery(m, viewPeekLock); err != nil {
			b.Fatal(err)
		}
	}
}
