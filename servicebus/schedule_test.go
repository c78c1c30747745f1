package servicebus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// TestSchedule: what [SB-SEM 2.6] says of scheduled messages, in a queue and at a topic,
// with the vendor's client.
func TestSchedule(t *testing.T) {
	t.Run("queue", func(t *testing.T) {
		s := newServer(t)
		s.queue("q", broker.QueueOptions{})
		c := s.client()
		s.schedules(t, s.sender(c, "q"), s.receiver(c, "q", nil))
	})
	t.Run("topic", func(t *testing.T) {
		s := newServer(t)
		s.topic("t", broker.TopicOptions{})
		s.subscription("t", "s", broker.SubscriptionOptions{}, sql("color = 'red'"))
		c := s.client()
		s.schedules(t, s.sender(c, "t"), s.subscriptionReceiver(c, "t", "s", nil))
	})
}

func (s *server) schedules(t *testing.T, sender *azservicebus.Sender, r *azservicebus.Receiver) {
	ctx := testContext(t)
	due := s.clock.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	message := func(id string) *azservicebus.Message {
		return &azservicebus.Message{MessageID: &id, Body: []byte("body of " + id), TimeToLive: ptr(10 * time.Minute),
			ApplicationProperties: map[string]any{"color": "red"}}
	}
	numbers, err := sender.ScheduleMessages(ctx, []*azservicebus.Message{message("a"), message("b"), message("c")}, due, nil)
	if err != nil || fmt.Sprint(numbers) != "[1 2 3]" {
		t.Fatalf("scheduled: %v, %v", numbers, err)
	}
	d := message("d")
	d.ScheduledEnqueueTime = &due
	if err := sender.SendMessage(ctx, d, nil); err != nil {
		t.Fatal(err)
	}
	if err := sender.CancelScheduledMessages(ctx, []int64{2}, nil); err != nil {
		t.Fatal(err)
	}
	for _, gone := range [][]int64{{2}, {1, 2, 99}} {
		err := sender.CancelScheduledMessages(ctx, gone, nil)
		want := "Messages not found. Missing sequence numbers: " + strings.Trim(strings.ReplaceAll(fmt.Sprint(gone[len(gone)/2:]), " ", ", "), "[]")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cancelling %v: %v, want %q", gone, err, want)
		}
	}
	s.clock.advance(time.Hour + time.Second)
	got, err := r.ReceiveMessages(ctx, 3, nil)
	for len(got) < 3 && err == nil {
		var more []*azservicebus.ReceivedMessage
		more, err = r.ReceiveMessages(ctx, 3-len(got), nil)
		got = append(got, more...)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		id   string
		from int64
	}{{"a", 1}, {"c", 3}, {"d", 4}} {
		m := got[i]
		if m.MessageID != want.id || *m.EnqueuedSequenceNumber != want.from || m.ScheduledEnqueueTime == nil ||
			!m.ScheduledEnqueueTime.Equal(due) || m.EnqueuedTime.Before(due) || m.EnqueuedTime.Sub(due) > time.Minute ||
			m.State != azservicebus.MessageStateActive {
			t.Errorf("message %d: %s, number %d from %d, scheduled for %v, enqueued at %v, state %v", i, m.MessageID,
				*m.SequenceNumber, *m.EnqueuedSequenceNumber, m.ScheduledEnqueueTime, m.EnqueuedTime, m.State)
		}
		if ttl := m.ExpiresAt.Sub(*m.EnqueuedTime); ttl != 10*time.Minute {
			t.Errorf("message %s expires %v after it was enqueued, want 10m from when it was due", m.MessageID, ttl)
		}
		if err := r.CompleteMessage(ctx, m, nil); err != nil {
			t.Error(err)
		}
	}
}

// TestSchedulePeek: what is scheduled is seen by who peeks the queue, in the order of
// numbers and with its state, and by who peeks the topic, which no library does; not by
// who peeks the subscription.
func TestSchedulePeek(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.topic("t", broker.TopicOptions{}, "s")
	c := s.client()
	later := s.clock.Now().Add(time.Hour)
	for _, to := range []string{"q", "t"} {
		sender := s.sender(c, to)
		for i, at := range []*time.Time{nil, &later, nil} {
			m := &azservicebus.Message{MessageID: ptr(fmt.Sprint(i)), ScheduledEnqueueTime: at}
			if err := sender.SendMessage(testContext(t), m, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range []struct {
		what string
		from *azservicebus.Receiver
		want string
	}{
		{"queue", s.receiver(c, "q", nil), "1:0/0 2:1/2 3:2/0 "},
		{"subscription", s.subscriptionReceiver(c, "t", "s", nil), "1:0/0 2:2/0 "},
	} {
		msgs, err := x.from.PeekMessages(testContext(t), 10, nil)
		if err != nil {
			t.Errorf("%s: %v", x.what, err)
		}
		got := ""
		for _, m := range msgs {
			got += fmt.Sprintf("%d:%s/%d ", *m.SequenceNumber, m.MessageID, m.State)
		}
		if got != x.want {
			t.Errorf("peek of the %s: %s, want %s", x.what, got, x.want)
		}
	}
	m := newRPC(t, s.session(), "t/$management")
	answer := m.call(map[string]any{"operation": "com.microsoft:peek-message"},
		map[string]any{"from-sequence-number": int64(0), "message-count": int32(10)})
	list := answer.Value.(map[string]any)["messages"].([]any)
	var got amqp.Message
	if err := got.UnmarshalBinary(list[0].(map[string]any)["message"].([]byte)); err != nil || len(list) != 1 {
		t.Fatalf("peek of the topic: %v, %v", list, err)
	}
	if state := got.Annotations["x-opt-message-state"]; state != int32(2) || got.Properties.MessageID != "1" {
		t.Errorf("peek of the topic: %v in state %v, want 1 in state 2", got.Properties.MessageID, state)
	}
}

// TestScheduleNeedsSend: who may only listen can neither schedule nor cancel.
func TestScheduleNeedsSend(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.rule("q", "listen", "a key", 2)
	sender := s.sender(s.client("listen", "a key"), "q")
	_, err := sender.ScheduleMessages(testContext(t), []*azservicebus.Message{{}}, time.Now().Add(time.Hour), nil)
	var e *azservicebus.Error
	if !errors.As(err, &e) || e.Code != azservicebus.CodeUnauthorizedAccess {
		t.Errorf("scheduling with the right to listen: %v", err)
	}
}
