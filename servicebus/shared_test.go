package servicebus_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/Azure/go-amqp"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/servicebus"
)

// TestConnectionQuota: a namespace has so many connections of clients that have proved
// who they are. Others take no place, and those that end give theirs back.
func TestConnectionQuota(t *testing.T) {
	shared := servicebus.NewShared(servicebus.Limits{Connections: 1})
	s := newServer(t, func(o *servicebus.Options) { o.Shared = shared })
	for range 3 {
		if _, err := s.dial(amqp.SASLTypeAnonymous()); err != nil {
			t.Fatal(err)
		}
	}
	plain := amqp.SASLTypePlain(auth.DefaultRuleName, auth.DevelopmentKey)
	conn, err := s.dial(plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.NewSession(testContext(t), nil); err != nil {
		t.Fatalf("the last place is taken by who has proved nothing: %v", err)
	}
	full, err := s.dial(plain)
	if err == nil {
		_, err = full.NewSession(testContext(t), nil)
	}
	wantCondition(t, err, "amqp:resource-limit-exceeded", "ConnectionsQuotaExceeded for namespace: testns.")
	if u := shared.Usage(); u.Connections != 1 || u.Refused.Connections != 1 {
		t.Errorf("usage %+v, want a connection and one refused", u)
	}
}

// TestMessagesWaitForRoom: a message of more than 64 KiB waits for room before it goes to
// the store, as do several that are more together, and gives it back when it is durable;
// small ones of other connections go on.
func TestMessagesWaitForRoom(t *testing.T) {
	shared := servicebus.NewShared(servicebus.Limits{})
	s := newServer(t, func(o *servicebus.Options) { o.Shared = shared })
	s.queue("q", broker.QueueOptions{})
	send := func(size int) chan error {
		sender, err := s.session().NewSender(testContext(t), "q", nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- sender.Send(testContext(t), amqp.NewMessage(bytes.Repeat([]byte("a"), size)), nil) }()
		return done
	}
	release := shared.FillStoring()
	first, second := send(200_000), send(100_000)
	if err := <-send(1000); err != nil {
		t.Errorf("a small message beside them: %v", err)
	}
	select {
	case err := <-first:
		t.Errorf("a large one did not wait: %v", err)
	case err := <-second:
		t.Errorf("a large one did not wait: %v", err)
	default:
	}
	release()
	for _, done := range []chan error{first, second} {
		if err := <-done; err != nil {
			t.Errorf("a message that waited: %v", err)
		}
	}
	sender, err := s.session().NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // a connection takes room again and again
		if err := sender.Send(context.Background(), amqp.NewMessage(bytes.Repeat([]byte("a"), 100_000)), nil); err != nil {
			t.Fatal(err)
		}
	}
	// The room of a message is free before the next one is answered.
	if err := sender.Send(context.Background(), amqp.NewMessage([]byte("a")), nil); err != nil {
		t.Fatal(err)
	}
	if shared.Storing() {
		t.Error("room is taken after everything is durable")
	}
}
