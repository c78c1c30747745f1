package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
)

// allowed says what a status lets pass [SB-SEM 6].
type allowed struct{ sends, receives bool }

// TestStatus: every way to send to a queue, to receive from it and to look at it goes by its
// status, on links that are opened then; what was locked before can be settled, and its
// dead-letter queue read, whatever it is.
func TestStatus(t *testing.T) {
	for status, can := range map[broker.EntityStatus]allowed{
		broker.StatusActive: {true, true}, broker.StatusDisabled: {},
		broker.StatusSendDisabled: {false, true}, broker.StatusReceiveDisabled: {true, false},
	} {
		t.Run(string(status), func(t *testing.T) {
			s := newServer(t)
			for _, path := range []string{"q", "s"} {
				s.queue(path, broker.QueueOptions{RequiresSession: path == "s"})
			}
			ctx := testContext(t)
			c := s.client()
			session := "a"
			for i := range 4 {
				m := &azservicebus.Message{MessageID: ptr(fmt.Sprint("m", i)), SessionID: &session}
				for _, path := range []string{"q", "s"} {
					if err := s.sender(c, path).SendMessage(ctx, m, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := s.receiver(c, "q", nil)
			held := receive(t, before, 3)
			if err := before.DeferMessage(ctx, held[0], nil); err != nil {
				t.Fatal(err)
			}
			if err := before.DeadLetterMessage(ctx, held[1], nil); err != nil {
				t.Fatal(err)
			}
			scheduled, err := s.sender(c, "q").ScheduleMessages(ctx, []*azservicebus.Message{{}}, time.Now().Add(time.Hour), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"q", "s"} {
				s.queue(path, broker.QueueOptions{RequiresSession: path == "s", Status: status})
			}
			s.handler.EntityChanged(namespace, "q")
			s.handler.EntityChanged(namespace, "s")

			want := func(what string, err error, can bool, text string) {
				t.Helper()
				switch {
				case can && err != nil:
					t.Errorf("%s: %v", what, err)
				case !can && (err == nil || !strings.Contains(err.Error(), "com.microsoft:entity-disabled") || !strings.Contains(err.Error(), text)):
					t.Errorf("%s: got error %v, want entity-disabled with %q", what, err, text)
				}
			}
			c = s.client()
			noSends := "Messaging entity 'sb://127.0.0.1/q' is currently disabled. For more information please see"
			if status == broker.StatusSendDisabled {
				noSends = "Messaging entity 'testns:Queue:q' is currently disabled for Send operations."
			}
			const noReceives = "Messaging entity 'sb://127.0.0.1/q' is currently disabled."
			want("send", s.sender(c, "q").SendMessage(ctx, &azservicebus.Message{MessageID: ptr("later")}, nil), can.sends, noSends)
			_, err = s.sender(c, "q").ScheduleMessages(ctx, []*azservicebus.Message{{}}, time.Now().Add(time.Hour), nil)
			want("schedule", err, can.sends, noSends)
			want("cancel", s.sender(c, "q").CancelScheduledMessages(ctx, scheduled, nil), can.sends, noSends)

			r := s.receiver(c, "q", nil)
			got, err := r.ReceiveMessages(ctx, 1, nil)
			want("receive", err, can.receives, noReceives)
			if can.receives && len(got) == 1 {
				want("complete", r.CompleteMessage(ctx, got[0], nil), true, "")
			}
			_, err = s.receiver(c, "q", nil).PeekMessages(ctx, 1, nil)
			want("peek", err, can.receives, noReceives)
			_, err = s.receiver(c, "q", nil).ReceiveDeferredMessages(ctx, []int64{*held[0].SequenceNumber}, nil)
			want("receive deferred", err, can.receives, noReceives)
			short, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			sr, err := c.AcceptSessionForQueue(short, "s", "a", nil)
			want("accept a session", err, can.receives, "is currently disabled")
			if err == nil {
				want("the session's end", sr.Close(ctx), true, "")
			}
			sr, err = c.AcceptNextSessionForQueue(short, "s", nil)
			want("accept the next session", err, can.receives, "is currently disabled")
			if err == nil {
				want("the session's end", sr.Close(ctx), true, "")
			}

			// The library needs a receiver's link to renew and settle; who has none may do both.
			want("renew", s.receiver(c, "q", nil).RenewMessageLock(ctx, held[2], nil), can.receives, noReceives)
			want("settle what was locked before", s.receiver(c, "q", nil).CompleteMessage(ctx, held[2], nil), can.receives, noReceives)
			q, err := s.broker.Queue(namespace, "q")
			if err != nil {
				t.Fatal(err)
			}
			if !can.receives {
				s.broker.Sync(q.Settle([]broker.LockToken{held[2].LockToken}, broker.Outcome{Kind: broker.Complete}, func(errs []error) {
					want("settle without a link", errs[0], true, "")
				}))
			}
			dead, err := c.NewReceiverForQueue("q", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
			if err != nil {
				t.Fatal(err)
			}
			want("complete a dead letter", dead.CompleteMessage(ctx, receive(t, dead, 1)[0], nil), true, "")
		})
	}
}

// TestStatusRaw: requests that no library of ours makes go by the status too, and so does what
// is sent on a link that lives on.
func TestStatusRaw(t *testing.T) {
	s := newServer(t)
	s.queue("s", broker.QueueOptions{RequiresSession: true})
	s.queue("q", broker.QueueOptions{})
	c := s.client()
	ctx := testContext(t)
	sender := s.sender(c, "q")
	if err := sender.SendMessage(ctx, &azservicebus.Message{}, nil); err != nil {
		t.Fatal(err)
	}
	for status, can := range map[broker.EntityStatus]allowed{
		broker.StatusDisabled: {}, broker.StatusSendDisabled: {false, true}, broker.StatusReceiveDisabled: {true, false}, broker.StatusActive: {true, true},
	} {
		s.queue("s", broker.QueueOptions{RequiresSession: true, Status: status})
		s.queue("q", broker.QueueOptions{Status: status})
		q, err := s.broker.Queue(namespace, "s")
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, err error, can bool) {
			t.Helper()
			if can == (err != nil) || !can && !errors.Is(err, broker.ErrEntityDisabled) && !strings.Contains(fmt.Sprint(err), "entity-disabled") {
				t.Errorf("%s, %s: got error %v, want it allowed: %v", status, what, err, can)
			}
		}
		check("send on a link that was open before", sender.SendMessage(ctx, &azservicebus.Message{}, nil), can.sends)
		_, err = q.Sessions(time.Time{}, 0, 10)
		check("list sessions", err, can.receives)
		_, _, err = q.Take(broker.TakeOptions{Max: 1})
		check("batch delete", err, can.receives)
		tx := s.broker.NewTransaction()
		m := &broker.Message{}
		m.HasSession, m.SessionID = true, "a"
		check("send in a transaction", tx.Send(q, []*broker.Message{m}), can.sends)
		tx.Rollback()
		_, err = q.Reserve(broker.ReserveLimit{Messages: 1})
		check("reserve for a trigger", err, can.receives)
	}
}

// TestStatusOfTopics: a topic that is disabled takes nothing, while its subscriptions are
// read; a subscription that is disabled collects copies.
func TestStatusOfTopics(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{}, "on", "off")
	ctx := testContext(t)
	from := func(c *azservicebus.Client, name string) *azservicebus.Receiver {
		r, err := c.NewReceiverForSubscription("t", name, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, off := range []broker.EntityStatus{broker.StatusDisabled, broker.StatusReceiveDisabled} {
		s.subscription("t", "off", broker.SubscriptionOptions{Status: off})
		c := s.client()
		if err := s.sender(c, "t").SendMessage(ctx, &azservicebus.Message{MessageID: ptr("m")}, nil); err != nil {
			t.Errorf("a send to the topic of a subscription that is %s: %v", off, err)
		}
		_, err := from(c, "off").ReceiveMessages(ctx, 1, nil)
		if err == nil || !strings.Contains(err.Error(), "Messaging entity 'sb://127.0.0.1/t/Subscriptions/off' is currently disabled.") {
			t.Errorf("receive from a subscription that is %s: %v", off, err)
		}
		s.subscription("t", "off", broker.SubscriptionOptions{})
		if m := receive(t, from(s.client(), "off"), 1)[0]; m.MessageID != "m" {
			t.Errorf("received %q, want what came while the subscription was %s", m.MessageID, off)
		}
	}
	for off, text := range map[broker.EntityStatus]string{
		broker.StatusDisabled:     "Messaging entity 'sb://127.0.0.1/t' is currently disabled.",
		broker.StatusSendDisabled: "Messaging entity 'testns:Topic:t' is currently disabled for Send operations.",
	} {
		s.topic("t", broker.TopicOptions{Status: off})
		c := s.client()
		if err := s.sender(c, "t").SendMessage(ctx, &azservicebus.Message{}, nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("a send to a topic that is %s: got error %v, want %q", off, err, text)
		}
		if _, err := s.sender(c, "t").ScheduleMessages(ctx, []*azservicebus.Message{{}}, time.Now().Add(time.Hour), nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("a schedule on a topic that is %s: got error %v, want %q", off, err, text)
		}
		if m := receive(t, from(c, "on"), 1)[0]; m.MessageID != "m" {
			t.Errorf("received %q from a subscription of a topic that is %s", m.MessageID, off)
		}
	}
}

// fill makes a queue, or a topic with one subscription, full.
func (s *server) fill(path string) {
	s.t.Helper()
	to, err := s.broker.Sender(namespace, path)
	if err != nil {
		s.t.Fatal(err)
	}
	body := make([]byte, 1<<18)
	for range 41 { // 100 at a time: they share the bytes
		msgs := make([]*broker.Message, 100)
		for i := range msgs {
			msgs[i] = &broker.Message{}
			msgs[i].Sections, msgs[i].HasSession = body, true
		}
		u, err := to.Send(msgs, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		s.broker.Sync(u)
	}
}

// TestFullForState: a session of a full queue, or of a subscription of a full topic, takes no
// state, and the client hears how full which one is.
func TestFullForState(t *testing.T) {
	s := newServer(t)
	sessions := broker.QueueOptions{RequiresSession: true}
	s.queue("q", sessions)
	s.topic("t", broker.TopicOptions{})
	if _, err := s.broker.PutSubscription(context.Background(), namespace, "t", "s", sessions); err != nil {
		t.Fatal(err)
	}
	s.fill("q")
	s.fill("t")
	ctx, c := testContext(t), s.client()
	q, err := c.AcceptSessionForQueue(ctx, "q", "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := c.AcceptSessionForSubscription(ctx, "t", "s", "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, r := range map[string]*azservicebus.SessionReceiver{"Queue: 'TESTNS:QUEUE:q'": q, "Topic: 'TESTNS:TOPIC:t'": sub} {
		err := r.SetSessionState(ctx, []byte("state"), nil)
		text := fmt.Sprintf("The maximum entity size has been reached or exceeded for %s. Size of entity in bytes:%d, ", kind, 4100<<18)
		if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "403") {
			t.Errorf("a state in a full entity: got error %v, want %q", err, text)
		}
		if err := r.SetSessionState(ctx, nil, nil); err != nil {
			t.Errorf("no state in a full entity: %v", err)
		}
	}
}

// TestFull: a full queue says how full it is, its link lives on, and it takes messages as soon
// as there is room.
func TestFull(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.topic("t", broker.TopicOptions{}, "s")
	s.fill("q")
	s.fill("t")
	ctx := testContext(t)
	c := s.client()
	const size = 4100 << 18
	for path, kind := range map[string]string{"q": "Queue: 'TESTNS:QUEUE:q'", "t": "Topic: 'TESTNS:TOPIC:t'"} {
		sender := s.sender(c, path)
		err := sender.SendMessage(ctx, &azservicebus.Message{}, nil)
		text := fmt.Sprintf("amqp:resource-limit-exceeded, Description: The maximum entity size has been reached or exceeded for %s. "+
			"Size of entity in bytes:%d, Max entity size in bytes: 1073741824. For more information please see https://aka.ms/ServiceBusExceptions . QuotaType: EntitySize", kind, size)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("a send to a full %s: got error %v, want %q", path, err, text)
		}
	}
	q, err := s.broker.Queue(namespace, "q")
	if err != nil {
		t.Fatal(err)
	}
	sender := s.sender(c, "q")
	if err := sender.SendMessage(ctx, &azservicebus.Message{}, nil); err == nil {
		t.Error("a full queue takes a message")
	}
	n, u, err := q.Take(broker.TakeOptions{Max: 5})
	if err != nil || n != 5 {
		t.Fatalf("%d messages deleted, error %v", n, err)
	}
	s.broker.Sync(u)
	if err := sender.SendMessage(ctx, &azservicebus.Message{}, nil); err != nil {
		t.Errorf("there is room: %v", err)
	}
}
