package servicebus_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// withID is a message with an id and a property that rules can see.
func withID(id string) *azservicebus.Message {
	return &azservicebus.Message{MessageID: &id, Body: []byte("body of " + id), ApplicationProperties: map[string]any{"color": "red"}}
}

func (s *server) sendIDs(sender *azservicebus.Sender, ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		if err := sender.SendMessage(testContext(s.t), withID(id), nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

// wantIDs peeks at all there is.
func (s *server) wantIDs(what string, r *azservicebus.Receiver, want ...string) {
	s.t.Helper()
	var got []string
	peeked, err := r.PeekMessages(testContext(s.t), 100, &azservicebus.PeekMessagesOptions{FromSequenceNumber: ptr(int64(1))})
	for _, m := range peeked {
		got = append(got, m.MessageID)
	}
	if err != nil || !slices.Equal(got, want) {
		s.t.Errorf("%s: there are %v, %v; want %v", what, got, err, want)
	}
}

// TestDuplicates: what [SB-SEM 2.7] says, with the vendor's client: a repeated id is
// accepted and dropped, alone, in a batch and from another connection, at a queue and at a
// topic, whatever became of the first one, and is accepted again after the window.
func TestDuplicates(t *testing.T) {
	o := broker.QueueOptions{RequiresDuplicateDetection: true, DuplicateDetectionHistoryTimeWindow: 20 * time.Second}
	t.Run("queue", func(t *testing.T) {
		s := newServer(t)
		s.queue("q", o)
		c := s.client()
		s.duplicates(t, s.sender(c, "q"), s.sender(s.client(), "Q"), s.receiver(c, "q", nil))
	})
	t.Run("topic", func(t *testing.T) {
		s := newServer(t)
		s.topic("t", o)
		s.subscription("t", "s", broker.SubscriptionOptions{}, sql("color = 'red'"))
		c := s.client()
		s.duplicates(t, s.sender(c, "t"), s.sender(s.client(), "T"), s.subscriptionReceiver(c, "t", "s", nil))
	})
}

func (s *server) duplicates(t *testing.T, sender, other *azservicebus.Sender, r *azservicebus.Receiver) {
	ctx := testContext(t)
	s.sendIDs(sender, "a", "a", "b")
	s.sendIDs(other, "a", "A")
	batch, err := sender.NewMessageBatch(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"b", "c", "a", "c", "d"} {
		if err := batch.AddMessage(withID(id), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sender.SendMessageBatch(ctx, batch, nil); err != nil {
		t.Fatal(err)
	}
	s.wantIDs("sent twice", r, "a", "b", "A", "c", "d")

	// Received and completed, dead-lettered, given back: none is forgotten, and what comes
	// back meets no check.
	got := receive(t, r, 3)
	if err := errors.Join(r.CompleteMessage(ctx, got[0], nil), r.DeadLetterMessage(ctx, got[1], nil), r.AbandonMessage(ctx, got[2], nil)); err != nil {
		t.Fatal(err)
	}
	s.sendIDs(sender, "a", "b", "A")
	s.wantIDs("after the first ones were settled", r, "A", "c", "d")

	s.clock.advance(19 * time.Second)
	s.sendIDs(sender, "a")
	s.wantIDs("in the window", r, "A", "c", "d")
	s.clock.advance(2 * time.Second)
	s.sendIDs(sender, "a", "a")
	s.wantIDs("after the window", r, "A", "c", "d", "a")
}

// TestDuplicatesOfOtherClients: ids of other types are compared as text, and a message
// without an id is never a duplicate.
func TestDuplicatesOfOtherClients(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresDuplicateDetection: true})
	sender, err := s.session().NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []any{uint64(7), uint64(7), "7", uint64(8), []byte{1, 0xab}, []byte{1, 0xab}, nil, nil} {
		m := amqp.NewMessage([]byte("x"))
		if id != nil {
			m.Properties = &amqp.MessageProperties{MessageID: id}
		}
		if err := sender.Send(testContext(t), m, nil); err != nil {
			t.Fatalf("id %v: %v", id, err)
		}
	}
	s.counts("q", 5, 0)
}

// TestDuplicatesAndSchedule: a schedule that is repeated is answered with a number that no
// message has; scheduled and immediate sends block each other; and the window counts from
// when a message was accepted, not from when it is due.
func TestDuplicatesAndSchedule(t *testing.T) {
	o := broker.QueueOptions{RequiresDuplicateDetection: true, DuplicateDetectionHistoryTimeWindow: 20 * time.Second}
	t.Run("queue", func(t *testing.T) {
		s := newServer(t)
		s.queue("q", o)
		c := s.client()
		s.scheduledDuplicates(t, s.sender(c, "q"), s.receiver(c, "q", nil))
	})
	t.Run("topic", func(t *testing.T) {
		s := newServer(t)
		s.topic("t", o, "s")
		c := s.client()
		s.scheduledDuplicates(t, s.sender(c, "t"), s.subscriptionReceiver(c, "t", "s", nil))
	})
}

func (s *server) scheduledDuplicates(t *testing.T, sender *azservicebus.Sender, r *azservicebus.Receiver) {
	ctx := testContext(t)
	due := s.clock.Now().Add(time.Minute)
	schedule := func(id string) int64 {
		t.Helper()
		numbers, err := sender.ScheduleMessages(ctx, []*azservicebus.Message{withID(id)}, due, nil)
		if err != nil || len(numbers) != 1 {
			t.Fatalf("schedule %s: %v, %v", id, numbers, err)
		}
		return numbers[0]
	}
	first, second := schedule("1"), schedule("1")
	if second <= first {
		t.Errorf("the duplicate got the number %d, want one above %d", second, first)
	}
	err := sender.CancelScheduledMessages(ctx, []int64{second}, nil)
	if code := new(azservicebus.Error); err == nil || errors.As(err, &code) && code.Code != azservicebus.CodeNotFound {
		t.Errorf("cancel the duplicate: %v, want that it is not found", err)
	}
	s.sendIDs(sender, "1", "now")
	gone := schedule("now")
	cancelled := schedule("cancelled")
	if err := sender.CancelScheduledMessages(ctx, []int64{cancelled}, nil); err != nil {
		t.Fatal(err)
	}
	s.sendIDs(sender, "cancelled")
	if err := sender.CancelScheduledMessages(ctx, []int64{gone}, nil); err == nil {
		t.Errorf("number %d of a duplicate was cancelled", gone)
	}
	s.clock.advance(25 * time.Second)
	schedule("1") // the same due time, after the window
	s.clock.advance(36 * time.Second)
	var got []string
	for _, m := range receive(t, r, 3) {
		got = append(got, m.MessageID)
	}
	if want := []string{"now", "1", "1"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	receiveNone(t, r)
}
