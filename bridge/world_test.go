package bridge

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/servicebus"
)

// A world is a bus over a broker in memory: namespace ns-one with the queues in,
// where the second delivery is the last, and out, and the topic all with the
// subscription copy.
type world struct {
	*testing.T
	*Bus
	broker *broker.Broker
	store  *brokertest.Store
}

var home = activity.Endpoint{FullyQualifiedNamespace: "ns-one.servicebus.windows.net"}

// namespaceOf stands for what finds namespaces by their hosts.
func namespaceOf(host string) (string, error) {
	if host == "ns-one.servicebus.windows.net" || host == "127.0.0.1:5672" {
		return "ns-one", nil
	}
	return "", fmt.Errorf("namespace %s is not served here", host)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := brokertest.NewStore()
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(context.Background())
	t.Cleanup(b.Close)
	keys := &auth.Authority{}
	for name, rights := range map[string]auth.Rights{"sends": auth.Send, "listens": auth.Listen} {
		if _, err := keys.PutRule("ns-one", "", auth.AuthorizationRule{Name: name, PrimaryKey: "secret", Rights: rights}); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{T: t, broker: b, store: store}
	w.Bus = New(Options{Broker: b, Keys: keys, Logger: slog.New(slog.DiscardHandler), Namespace: namespaceOf})
	w.must(b.PutNamespace(t.Context(), "ns-one", broker.NamespaceOptions{}))
	w.put("in", broker.QueueOptions{MaxDeliveryCount: 2})
	w.put("out", broker.QueueOptions{})
	_, err = b.PutTopic(t.Context(), "ns-one", "all", broker.TopicOptions{})
	w.must(err)
	_, err = b.PutSubscription(t.Context(), "ns-one", "all", "copy", broker.SubscriptionOptions{})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(queue string, o broker.QueueOptions) {
	w.Helper()
	_, err := w.broker.PutQueue(w.Context(), "ns-one", queue, o)
	w.must(err)
}

// do makes an effect durable.
func (w *world) do(e commit.Effect) error { return commit.Do(w.Context(), w.store, 0, e) }

// send puts messages with the given ids, and their ids as bodies, into a queue.
func (w *world) send(queue string, ids ...string) {
	w.Helper()
	for _, id := range ids {
		e, err := w.Effect("", activity.Send{Endpoint: home, Queue: queue,
			Message: activity.OutMessage{MessageID: id, Body: []byte(id)}})
		w.must(err)
		w.must(w.do(e))
	}
}

// take reserves what is in a queue; nil if nothing is there to be taken.
func (w *world) take(queue string) trigger.Batch {
	w.Helper()
	b, err := (&source{bus: w.Bus, endpoint: home, queue: queue}).Reserve(10, 1<<30)
	w.must(err)
	return b
}

// lock takes what is in a queue for a run and returns the run's binding.
func (w *world) lock(queue, run string) (bound json.RawMessage, batch trigger.Batch) {
	w.Helper()
	b := w.take(queue)
	if b == nil {
		w.Fatalf("nothing to take from %s", queue)
	}
	w.must(w.do(b.LockFor(run)))
	return bindingOf(b.Binding()), b
}

// bindingOf is what a run keeps of the batch that started it.
func bindingOf(source json.RawMessage) json.RawMessage {
	j, err := json.Marshal(map[string]any{"version": 1, "trigger": "T", "source": source})
	if err != nil {
		panic(err)
	}
	return j
}

// stored returns the messages in a queue, whatever their state, taken apart.
func (w *world) stored(path string) (parts []*servicebus.Parts, counts []int) {
	w.Helper()
	q, err := w.broker.Queue("ns-one", path)
	w.must(err)
	messages, err := q.Peek(1, 100)
	w.must(err)
	for _, m := range messages {
		p, err := servicebus.Decompose(m)
		w.must(err)
		parts, counts = append(parts, p), append(counts, int(m.DeliveryCount))
	}
	return parts, counts
}

// wantStored compares the ids of the messages in a queue.
func (w *world) wantStored(path string, want ...string) {
	w.Helper()
	parts, _ := w.stored(path)
	var got []string
	for _, p := range parts {
		got = append(got, p.MessageID)
	}
	if !slices.Equal(got, want) {
		w.Errorf("in %s: %q, want %q", path, got, want)
	}
}

const deadLetters = "in/$DeadLetterQueue"
