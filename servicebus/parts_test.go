package servicebus

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// What is composed here reads back the same, here and as an AMQP client would.
func TestComposeDecompose(t *testing.T) {
	tests := []*Parts{
		{},
		{Body: []byte("text")},
		{
			MessageID: "id", CorrelationID: "c", SessionID: "s", Subject: "sub", To: "to", ReplyTo: "r", ContentType: "application/json",
			TimeToLive: time.Minute, Properties: []broker.Property{{Name: "z", Value: int64(1)}, {Name: "a", Value: "x"}, {Name: "n"}, {Name: "f", Value: 1.5}, {Name: "b", Value: true}},
			Body: []byte(`{"a":1}`),
		},
	}
	for _, want := range tests {
		c, err := Compose(want)
		if err != nil {
			t.Fatalf("Compose(%+v): %v", want, err)
		}
		asClient, err := decodeContent(c.Sections, testNow, testID)
		if err != nil || c.MessageID != "" && asClient.MessageID != c.MessageID || asClient.SessionID != c.SessionID || asClient.TimeToLive != c.TimeToLive {
			t.Errorf("Compose(%+v) = %+v, which a client's message would read as %+v, %v", want, c, asClient, err)
		}
		got, err := Decompose(&broker.Message{Content: c})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Body) == 0 && len(want.Body) == 0 {
			got.Body = want.Body
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Compose and Decompose = %+v, want %+v", got, want)
		}
	}
}

func TestDecomposeForeign(t *testing.T) {
	value, err := frames.AppendValue(nil, "a text value")
	if err != nil {
		t.Fatal(err)
	}
	added, err := toProperty("late", testNow)
	if err != nil {
		t.Fatal(err)
	}
	m := stored(sentMessage{
		properties:  &frames.Properties{CorrelationID: encoding.UUID(testToken)},
		application: mapOf("i", int32(5), "u", uint64(6), "d", encoding.Described{Descriptor: encoding.Symbol("com.microsoft:uri"), Value: "http://x"}, "b", []byte("raw")),
		body:        value,
	}.encode(t))
	m.Properties = []broker.Property{{Name: "i", Value: "changed"}, added}
	got, err := Decompose(m)
	if err != nil {
		t.Fatal(err)
	}
	want := []broker.Property{{Name: "i", Value: "changed"}, {Name: "u", Value: int64(6)}, {Name: "d", Value: "http://x"}, {Name: "b", Value: "raw"}, {Name: "late", Value: "2026-01-01T00:00:00.0000000Z"}}
	if !reflect.DeepEqual(got.Properties, want) || !bytes.Equal(got.Body, []byte("a text value")) || got.CorrelationID != "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" {
		t.Errorf("Decompose = %+v, want properties %v, the text and the correlation id", got, want)
	}
	if p, err := Decompose(stored([]byte{1})); err == nil {
		t.Errorf("Decompose of garbage = %+v, want an error", p)
	}
}
