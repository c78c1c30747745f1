package servicebus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
)

// TestForwarding: a message goes from a topic's subscription over a queue into the session
// of another queue, with all that its sender gave it [SB-SEM 4]; what it came by can't be
// received from.
func TestForwarding(t *testing.T) {
	s := newServer(t)
	s.queue("last", broker.QueueOptions{RequiresSession: true})
	s.queue("middle", broker.QueueOptions{ForwardTo: "last"})
	s.topic("first", broker.TopicOptions{})
	s.subscription("first", "red", broker.SubscriptionOptions{ForwardTo: "sb://" + namespace + ".servicebus.windows.net/middle"}, sql("color = 'red'"))
	c := s.client()
	for _, id := range []string{"a", "b", "c"} {
		err := s.sender(c, "first").SendMessage(testContext(t), &azservicebus.Message{
			MessageID: &id, SessionID: ptr("s"), PartitionKey: ptr("s"), Subject: ptr("subject"), CorrelationID: ptr("correlation"), Body: []byte("body of " + id),
			TimeToLive: ptr(time.Hour), ApplicationProperties: map[string]any{"color": "red", "n": int64(7)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	session, err := c.AcceptSessionForQueue(testContext(t), "last", "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"a", "b", "c"} {
		msgs, err := session.ReceiveMessages(testContext(t), 1, nil)
		if err != nil || len(msgs) != 1 {
			t.Fatalf("message %s: %v", id, err)
		}
		m := msgs[0]
		if m.MessageID != id || string(m.Body) != "body of "+id || *m.SequenceNumber != int64(i+1) || m.DeliveryCount != 1 ||
			*m.SessionID != "s" || *m.PartitionKey != "s" || *m.Subject != "subject" || *m.CorrelationID != "correlation" ||
			*m.TimeToLive != time.Hour || m.ApplicationProperties["n"] != int64(7) || m.DeadLetterSource != nil {
			t.Errorf("message %s is %+v", id, m)
		}
		if m.EnqueuedSequenceNumber == nil || *m.EnqueuedSequenceNumber != int64(i+1) {
			t.Errorf("message %s: enqueued sequence number %v, want %d", id, m.EnqueuedSequenceNumber, i+1)
		}
		if err := session.CompleteMessage(testContext(t), m, nil); err != nil {
			t.Error(err)
		}
	}
	none := &azservicebus.Message{MessageID: ptr("none"), ApplicationProperties: map[string]any{"color": "red"}}
	if err := s.sender(c, "first").SendMessage(testContext(t), none, nil); err != nil {
		t.Fatal(err)
	}
	dead := receive(t, s.receiver(c, "middle", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}), 1)[0]
	if dead.MessageID != "none" || *dead.DeadLetterReason != "Session id is null." || *dead.DeadLetterErrorDescription != broker.TextNoSessionID {
		t.Errorf("a message without a session is %s, dead-lettered for %q: %q", dead.MessageID, *dead.DeadLetterReason, *dead.DeadLetterErrorDescription)
	}
	s.forwards(t, s.receiver(c, "middle", nil))
	s.forwards(t, s.subscriptionReceiver(c, "first", "red", nil))
}

// forwards checks that nothing is received where messages are forwarded. This client opens a
// receiver to peek, too.
func (s *server) forwards(t *testing.T, r *azservicebus.Receiver) {
	t.Helper()
	const text = "Cannot create a message receiver on an entity with auto-forwarding enabled."
	_, err := r.ReceiveMessages(testContext(t), 1, nil)
	if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "amqp:not-allowed") {
		t.Errorf("receive where messages are forwarded: %v", err)
	}
}

// TestForwardingIsSet: a receiver of a queue learns that its messages are forwarded from now
// on, those that are there move, and it goes on when they are not any more.
func TestForwardingIsSet(t *testing.T) {
	s := newServer(t)
	s.queue("to", broker.QueueOptions{})
	s.queue("q", broker.QueueOptions{})
	c := s.client()
	r, to := s.receiver(c, "q", nil), s.receiver(c, "to", nil)
	s.send("q", "a", "b")
	receive(t, r, 1)
	s.queue("q", broker.QueueOptions{ForwardTo: "to"})
	s.handler.EntityChanged(namespace, "q")
	if m := receive(t, to, 1)[0]; m.MessageID != "b" {
		t.Errorf("moved is %s, want b", m.MessageID)
	}
	s.forwards(t, r)
	s.counts("q", 1, 0) // a is locked
	s.queue("q", broker.QueueOptions{})
	s.handler.EntityChanged(namespace, "q")
	s.send("q", "c")
	if m := receive(t, r, 1)[0]; m.MessageID != "c" {
		t.Errorf("received is %s, want c", m.MessageID)
	}
}

// TestForwardDeadLetters: dead letters go on and say where they come from and why, also to
// the rules of a topic.
func TestForwardDeadLetters(t *testing.T) {
	s := newServer(t)
	s.queue("errors", broker.QueueOptions{})
	s.topic("alarms", broker.TopicOptions{})
	s.subscription("alarms", "urgent", broker.SubscriptionOptions{ForwardTo: "errors"}, sql("DeadLetterReason = 'urgent'"))
	s.queue("q", broker.QueueOptions{ForwardDeadLetteredMessagesTo: "alarms"})
	s.topic("t", broker.TopicOptions{})
	s.subscription("t", "s", broker.SubscriptionOptions{ForwardDeadLetteredMessagesTo: "errors", MaxDeliveryCount: 1})
	c := s.client()
	r := s.receiver(c, "q", nil)
	s.send("q", "a", "b")
	for _, m := range receive(t, r, 2) {
		reason := map[string]string{"a": "minor", "b": "urgent"}[m.MessageID]
		err := r.DeadLetterMessage(testContext(t), m, &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: ptr("why"),
			PropertiesToModify: map[string]any{"at": time.Unix(1e9, 0).UTC()}})
		if err != nil {
			t.Fatal(err)
		}
	}
	errors := s.receiver(c, "errors", nil)
	m := receive(t, errors, 1)[0]
	if m.MessageID != "b" || string(m.Body) != "b" || *m.DeadLetterReason != "urgent" || *m.DeadLetterErrorDescription != "why" ||
		m.DeadLetterSource == nil || *m.DeadLetterSource != "q" || *m.EnqueuedSequenceNumber != 2 || m.DeliveryCount != 1 {
		t.Errorf("dead letter of a queue, by a topic: %+v", m)
	}
	if at, ok := m.ApplicationProperties["at"].(time.Time); !ok || at.Unix() != 1e9 {
		t.Errorf("property at is %v", m.ApplicationProperties["at"])
	}
	s.send("t", "x")
	sub := s.subscriptionReceiver(c, "t", "s", nil)
	if err := sub.AbandonMessage(testContext(t), receive(t, sub, 1)[0], nil); err != nil {
		t.Fatal(err)
	}
	m = receive(t, errors, 1)[0]
	if m.MessageID != "x" || *m.DeadLetterReason != "MaxDeliveryCountExceeded" || m.DeadLetterSource == nil || *m.DeadLetterSource != "t/Subscriptions/s" {
		t.Errorf("dead letter of a subscription: %+v", m)
	}
	s.forwards(t, s.receiver(c, "q", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}))
	s.counts("q", 0, 0)
}
