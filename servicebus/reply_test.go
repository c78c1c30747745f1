package servicebus_test

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// TestReplies: an answer comes on the link whose target the request names, or whose name it
// is, or on the only one of the session; another connection's links of the same names, as
// Java's are, have nothing to do with it [SB-AMQP 4.2, 9.1].
func TestReplies(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{})
	const node = "q/$management"
	session, foreign := s.session(), s.session()
	open := func(session *amqp.Session, address, name, target string) *amqp.Receiver {
		t.Helper()
		r, err := session.NewReceiver(testContext(t), address, &amqp.ReceiverOptions{Name: name, TargetAddress: target, Credit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	links := map[string]*amqp.Receiver{
		"target":  open(session, node, "link-1", "reply-1"),
		"name":    open(session, node, "link-2", "reply-2"),
		"node":    open(session, "other/$management", "link-3", "reply-1"),
		"foreign": open(foreign, node, "link-1", "reply-1"),
	}
	sender, err := session.NewSender(testContext(t), node, nil)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := foreign.NewSender(testContext(t), node, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := uint64(0)
	ask := func(sender *amqp.Sender, replyTo *string, want string) {
		t.Helper()
		id++
		m := &amqp.Message{Properties: &amqp.MessageProperties{MessageID: id, ReplyTo: replyTo}, ApplicationProperties: map[string]any{"operation": "com.microsoft:peek-message"},
			Value: map[string]any{"from-sequence-number": int64(0), "message-count": int32(1)}}
		if err := sender.Send(testContext(t), m, nil); err != nil {
			t.Fatalf("a request is accepted, wherever the reply goes: %v", err)
		}
		if r := links[want]; r != nil {
			answer, err := r.Receive(testContext(t), nil)
			if err != nil || answer.Properties.CorrelationID != id {
				t.Errorf("on the link %s: %v, %v, want the answer to %d", want, answer, err, id)
			}
		}
	}
	ask(sender, ptr("reply-1"), "target")
	ask(sender, ptr("reply-2"), "name")
	ask(sender, ptr("link-2"), "name")
	ask(sender, nil, "")              // there are two
	ask(sender, ptr("nowhere"), "")   // nor is there such a one
	ask(alone, nil, "foreign")        // as Python does with $cbs
	ask(alone, ptr("any"), "foreign") // the only one of its session
	ask(alone, ptr("reply-1"), "foreign")
	for name, r := range links {
		ctx, cancel := context.WithTimeout(testContext(t), 20*time.Millisecond)
		if m, err := r.Receive(ctx, nil); err == nil {
			t.Errorf("the link %s got an answer more, to %v", name, m.Properties.CorrelationID)
		}
		cancel()
	}
}
