package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/broker/filter"
	"switchyard/clock"
	"switchyard/store"
)

// BenchmarkFanOut sends messages to a topic on a store on disk: what a copy
// costs.
func BenchmarkFanOut(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		for _, subscriptions := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("size=%d/subscriptions=%d", size, subscriptions), func(b *testing.B) {
				s, err := store.Open(b.TempDir(), store.Options{Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				br, err := broker.New(broker.Options{Store: s, Log: s, Clock: clock.Wall{}, Rand: rand.Reader})
				if err != nil {
					b.Fatal(err)
				}
				br.Start(context.Background())
				defer br.Close()
				if err := br.PutNamespace(context.Background(), "ns", broker.NamespaceOptions{SKU: "Premium"}); err != nil {
					b.Fatal(err)
				}
				var names []string
				for i := range subscriptions {
					names = append(names, fmt.Sprint("s", i))
				}
				if _, err := br.PutTopic(context.Background(), "ns", "t", broker.TopicOptions{MaxSizeInMegabytes: 81920}); err != nil {
					b.Fatal(err)
				}
				for _, name := range names {
					if _, err := br.PutSubscription(context.Background(), "ns", "t", name, broker.SubscriptionOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				topic, err := br.Topic("ns", "t")
				if err != nil {
					b.Fatal(err)
				}
				body := make([]byte, size)
				if _, err := rand.Read(body); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size * subscriptions))
				b.ReportAllocs()
				for b.Loop() {
					m := &broker.Message{}
					m.Sections = body
					publish(b, br, topic, m)
				}
				b.ReportMetric(float64(b.N*subscriptions)/b.Elapsed().Seconds(), "copies/s")
			})
		}
	}
}

// BenchmarkRules sends a message to a topic of which one of many subscriptions
// wants it.
func BenchmarkRules(b *testing.B) {
	br := newBroker(b, brokertest.NewStore())
	topic := newTopic(b, br, "t")
	const subscriptions = 100
	for i := range subscriptions {
		first := broker.DefaultRule{RuleOptions: broker.RuleOptions{Filter: filter.Filter{Expression: fmt.Sprintf("a = %d AND b LIKE 'x%%'", i)}}}
		if _, err := br.PutSubscription(context.Background(), "ns", "t", fmt.Sprint("s", i), broker.SubscriptionOptions{}, first); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		publish(b, br, topic, brokertest.Compose("m", []string{"a=5", "b=xyz"}, "body"))
	}
}
