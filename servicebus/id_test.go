package servicebus

import (
	"testing"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
	"switchyard/broker/filter"
)

// TestIDText: an id of any type is the same text [SB-AMQP 8] to the broker, to rules
// and to pipelines.
func TestIDText(t *testing.T) {
	for _, c := range []struct {
		id   any
		want string
	}{
		{"id-1", "id-1"},
		{uint64(0), "0"}, {uint64(1<<64 - 1), "18446744073709551615"},
		{encoding.UUID(testToken), "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"},
		{[]byte{0xab, 1, 0xff}, "AB01FF"}, {[]byte("text"), "74657874"},
	} {
		m, err := decodeContent(sentMessage{properties: &frames.Properties{MessageID: c.id, CorrelationID: c.id}}.encode(t), testNow, testID)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := Decompose(&broker.Message{Content: m})
		if err != nil {
			t.Fatal(err)
		}
		if m.MessageID != c.want || parts.MessageID != c.want || parts.CorrelationID != c.want {
			t.Errorf("%v is the message id %q, to pipelines %q, correlation id %q; want %q", c.id, m.MessageID, parts.MessageID, parts.CorrelationID, c.want)
		}
		matcher, err := filter.Filter{Expression: "sys.MessageId = '" + c.want + "' AND sys.CorrelationId = '" + c.want + "'"}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := matcher.Match(&filter.Context{Properties: m.Encoding.Properties(&m)}); err != nil || !ok {
			t.Errorf("%v is not %q to rules: %v", c.id, c.want, err)
		}
	}
}
