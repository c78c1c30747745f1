package servicebus_test

import (
	"testing"

	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// TestResponsesThatWait: a client that asks and takes no answers may have few large
// ones wait, and they are given up with their link.
func TestResponsesThatWait(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	session := s.session()
	to, err := session.NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Send(testContext(t), amqp.NewMessage(make([]byte, 200<<10)), nil); err != nil {
		t.Fatal(err)
	}
	requests, err := session.NewSender(testContext(t), "q/$management", nil)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := session.NewReceiver(testContext(t), "q/$management", &amqp.ReceiverOptions{TargetAddress: "reply", Credit: -1})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		peek := &amqp.Message{Properties: &amqp.MessageProperties{MessageID: uint64(7), ReplyTo: ptr("reply")},
			ApplicationProperties: map[string]any{"operation": "com.microsoft:peek-message"},
			Value:                 map[string]any{"from-sequence-number": int64(0), "message-count": int32(1)}}
		if err := requests.Send(testContext(t), peek, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err = replies.Receive(testContext(t), nil)
	wantCondition(t, err, "amqp:resource-limit-exceeded", "Too many responses wait")
}
