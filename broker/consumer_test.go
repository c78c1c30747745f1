package broker_test

import (
	"errors"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestTooManyConsumers: an entity has 5,000 consumers, those of sessions among them, and one
// that is closed makes room.
func TestTooManyConsumers(t *testing.T) {
	b := newBroker(t, brokertest.NewStore(), "q")
	q := queue(t, b, "q")
	o := broker.ConsumerOptions{Deliver: func([]broker.Delivery) {}}
	var first *broker.Consumer
	for i := range 5000 {
		c, err := q.NewConsumer(o)
		if err != nil {
			t.Fatalf("consumer %d: %v", i, err)
		}
		if first == nil {
			first = c
		}
	}
	if _, err := q.NewConsumer(o); !errors.Is(err, broker.ErrTooManyConsumers) {
		t.Errorf("one more: %v", err)
	}
	if _, _, err := q.AcceptSession(broker.SessionOptions{ConsumerOptions: o}); !errors.Is(err, broker.ErrTooManyConsumers) {
		t.Errorf("one more, of a session: %v", err)
	}
	b.Sync(first.Close())
	if _, err := q.NewConsumer(o); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}
