package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/auth"
	"switchyard/broker"
)

// TestPartitionedBatch: the messages of a batch for a partitioned entity have the same key, or
// none; for others they may have any [SB-SEM 2.8, 9].
func TestPartitionedBatch(t *testing.T) {
	s := newServer(t)
	s.queue("p", broker.QueueOptions{EnablePartitioning: true})
	s.topic("t", broker.TopicOptions{EnablePartitioning: true}, "s")
	s.queue("q", broker.QueueOptions{})
	ctx := testContext(t)
	c := s.client()
	send := func(path string, keys ...string) error {
		sender := s.sender(c, path)
		batch, err := sender.NewMessageBatch(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			m := &azservicebus.Message{MessageID: ptr(fmt.Sprint("m", i))}
			if key != "" {
				m.PartitionKey = &key
			}
			if err := batch.AddMessage(m, nil); err != nil {
				t.Fatal(err)
			}
		}
		return sender.SendMessageBatch(ctx, batch, nil)
	}
	for _, c := range []struct {
		path    string
		keys    []string
		refused bool
	}{
		{"p", []string{"k", "k", "k"}, false}, {"p", []string{"", ""}, false}, {"p", []string{"k"}, false},
		{"p", []string{"k", "l"}, true}, {"p", []string{"k", ""}, true}, {"p", []string{"", "k"}, true},
		{"t", []string{"k", "k"}, false}, {"t", []string{"k", "l"}, true},
		{"q", []string{"k", "l", ""}, false},
	} {
		err := send(c.path, c.keys...)
		if c.refused != (err != nil) || err != nil && (!strings.Contains(err.Error(), "amqp:not-allowed") || !strings.Contains(err.Error(), "same partition key")) {
			t.Errorf("a batch for %s with the keys %q: got error %v, want it refused: %v", c.path, c.keys, err, c.refused)
		}
	}
	s.counts("p", 6, 0)
	s.counts("q", 3, 0)
	m := receive(t, s.receiver(c, "p", nil), 1)[0]
	if m.PartitionKey == nil || *m.PartitionKey != "k" || *m.SequenceNumber != 1 {
		t.Errorf("received key %v and number %d, want k and 1", m.PartitionKey, *m.SequenceNumber)
	}
}

// TestPartitionedSessionBatch: the partition key of a message with a session id is that id,
// whether the message repeats it or not.
func TestPartitionedSessionBatch(t *testing.T) {
	s := newServer(t)
	s.queue("p", broker.QueueOptions{EnablePartitioning: true, RequiresSession: true})
	ctx := testContext(t)
	sender := s.sender(s.client(), "p")
	for _, c := range []struct {
		second  azservicebus.Message
		refused bool
	}{
		{azservicebus.Message{SessionID: ptr("a"), PartitionKey: ptr("a")}, false},
		{azservicebus.Message{SessionID: ptr("a")}, false},
		{azservicebus.Message{SessionID: ptr("b"), PartitionKey: ptr("b")}, true},
	} {
		batch, err := sender.NewMessageBatch(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*azservicebus.Message{{SessionID: ptr("a")}, &c.second} {
			if err := batch.AddMessage(m, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := sender.SendMessageBatch(ctx, batch, nil); c.refused != (err != nil) {
			t.Errorf("session a and then session %q: %v, want it refused: %v", *c.second.SessionID, err, c.refused)
		}
	}
	s.counts("p", 4, 0)
}

// TestPartitionedSchedule: messages that are scheduled together are a batch too.
func TestPartitionedSchedule(t *testing.T) {
	s := newServer(t)
	s.queue("p", broker.QueueOptions{EnablePartitioning: true})
	s.topic("t", broker.TopicOptions{EnablePartitioning: true}, "s")
	s.queue("q", broker.QueueOptions{})
	c := s.client()
	for _, x := range []struct {
		path, second string
		refused      bool
	}{{"p", "k", false}, {"p", "l", true}, {"t", "k", false}, {"t", "l", true}, {"q", "l", false}} {
		msgs := []*azservicebus.Message{{PartitionKey: ptr("k")}, {PartitionKey: &x.second}}
		_, err := s.sender(c, x.path).ScheduleMessages(testContext(t), msgs, s.clock.Now().Add(time.Hour), nil)
		if x.refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "same partition key") {
			t.Errorf("scheduled to %s with the keys k and %s: %v, want it refused: %v", x.path, x.second, err, x.refused)
		}
	}
}

// TestPartitionedBatchDelete: Azure has it only of entities that are not partitioned.
func TestPartitionedBatchDelete(t *testing.T) {
	s := newServer(t)
	s.queue("p", broker.QueueOptions{EnablePartitioning: true})
	s.topic("t", broker.TopicOptions{EnablePartitioning: true}, "s")
	for _, path := range []string{"p", "t/Subscriptions/s"} {
		conn, err := s.dial(amqp.SASLTypePlain(auth.DefaultRuleName, auth.DevelopmentKey))
		if err != nil {
			t.Fatal(err)
		}
		answer := newRPC(t, s.newSession(conn), path+"/$management").call(
			map[string]any{"operation": "com.microsoft:batch-delete-messages"},
			map[string]any{"message-count": int32(1), "enqueued-time-utc": time.Now()}).ApplicationProperties
		if answer["statusCode"] != int32(404) || fmt.Sprint(answer["errorCondition"]) != "amqp:not-allowed" ||
			!strings.Contains(fmt.Sprint(answer["statusDescription"]), "can't be deleted in batches") {
			t.Errorf("%s: answered with %v", path, answer)
		}
	}
}

// TestPartitionedQuota: a namespace has at most 100 partitioned entities, and others beside
// [SB-SEM 1.4].
func TestPartitionedQuota(t *testing.T) {
	s := newServer(t)
	for i := range 50 {
		s.queue(fmt.Sprint("q", i), broker.QueueOptions{EnablePartitioning: true})
		s.topic(fmt.Sprint("t", i), broker.TopicOptions{EnablePartitioning: true})
	}
	s.queue("q0", broker.QueueOptions{EnablePartitioning: true}) // is there
	ctx := context.Background()
	if _, err := s.broker.PutQueue(ctx, namespace, "one-more", broker.QueueOptions{EnablePartitioning: true}); !errors.Is(err, broker.ErrQuotaExceeded) {
		t.Errorf("queue: got error %v, want ErrQuotaExceeded", err)
	}
	if _, err := s.broker.PutTopic(ctx, namespace, "one-more", broker.TopicOptions{EnablePartitioning: true}); !errors.Is(err, broker.ErrQuotaExceeded) {
		t.Errorf("topic: got error %v, want ErrQuotaExceeded", err)
	}
	s.queue("one-more", broker.QueueOptions{})
}
