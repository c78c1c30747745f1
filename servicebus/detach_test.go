package servicebus_test

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
)

// TestSessionDetached: when a queue is updated, also to what it was, a receiver of a session
// loses its link, takes the same session again at once and goes on, as often as it happens
// [SB-AMQP 3.6, 6.2].
func TestSessionDetached(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	ctx := testContext(t)
	c := s.client()
	session := "a"
	for _, id := range []string{"m0", "m1", "m2"} {
		if err := s.sender(c, "q").SendMessage(ctx, &azservicebus.Message{SessionID: &session, MessageID: &id}, nil); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.AcceptSessionForQueue(ctx, "q", "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"m0", "m1", "m2"} {
		if err := r.SetSessionState(ctx, []byte(id), nil); err != nil {
			t.Fatalf("state before %s: %v", id, err)
		}
		var got []*azservicebus.ReceivedMessage
		for len(got) == 0 { // an error tells that the link is gone, the next call makes another
			if got, err = r.ReceiveMessages(ctx, 1, nil); err != nil && ctx.Err() != nil {
				t.Fatal(err)
			}
		}
		if got[0].MessageID != id || got[0].DeliveryCount != 1 { // the library counts this one
			t.Errorf("received %s with delivery count %d, want %s with 1", got[0].MessageID, got[0].DeliveryCount, id)
		}
		if err := r.CompleteMessage(ctx, got[0], nil); err != nil {
			t.Fatal(err)
		}
		s.queue("q", broker.QueueOptions{RequiresSession: true})
		s.handler.EntityChanged(namespace, "q")
	}
	if state, err := r.GetSessionState(ctx, nil); err != nil || string(state) != "m2" {
		t.Errorf("the state is %q, error %v", state, err)
	}
}

// TestIdleClients: a receiver that waits keeps its queue, one that waits for the next session
// does not, and what was deleted does not exist for those who come.
func TestIdleClients(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"q", "s"} {
		s.queue(path, broker.QueueOptions{RequiresSession: path == "s", AutoDeleteOnIdle: 5 * time.Minute})
	}
	there := func(path string) bool {
		_, err := s.broker.Queue(namespace, path)
		return err == nil
	}
	c := s.client()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	received, accepted := make(chan error, 1), make(chan error, 1)
	r := s.receiver(c, "q", nil)
	go func() {
		_, err := r.ReceiveMessages(ctx, 1, nil)
		received <- err
	}()
	go func() {
		_, err := c.AcceptNextSessionForQueue(ctx, "s", nil)
		accepted <- err
	}()
	for there("s") && ctx.Err() == nil {
		s.clock.advance(30 * time.Second) // the client asks again every minute
		time.Sleep(20 * time.Millisecond)
	}
	if err := <-accepted; err == nil {
		t.Error("a session of a queue that is gone was accepted")
	}
	s.clock.advance(time.Hour)
	time.Sleep(100 * time.Millisecond)
	if !there("q") {
		t.Fatal("a queue was deleted under its receiver")
	}
	s.send("q", "m")
	if err := <-received; err != nil {
		t.Errorf("the receiver that waited for an hour: %v", err)
	}
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for there("q") && ctx.Err() == nil {
		s.clock.advance(time.Minute)
		time.Sleep(10 * time.Millisecond)
	}
	_, err := s.receiver(c, "q", nil).PeekMessages(ctx, 1, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
}
