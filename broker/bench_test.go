package broker_test

import (
	"fmt"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// BenchmarkQueueSendReceiveComplete sends, receives and completes messages of
// 1 KiB while the consumer has credit, in batches.
func BenchmarkQueueSendReceiveComplete(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			br := newBroker(b, brokertest.NewStore(), "q")
			q := queue(b, br, "q")
			var tokens []broker.LockToken
			c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) {
				for _, d := range batch {
					tokens = append(tokens, d.LockToken)
				}
			}})
			if err != nil {
				b.Fatal(err)
			}
			body := make([]byte, 1<<10)
			b.ReportAllocs()
			b.SetBytes(int64(size) << 10)
			for b.Loop() {
				br.Sync(c.AddCredit(size))
				msgs := messages(size, 0)
				for _, m := range msgs {
					m.Sections = body
				}
				send(b, br, q, msgs...)
				if len(tokens) != size {
					b.Fatalf("%d delivered, want %d", len(tokens), size)
				}
				br.Sync(q.Settle(tokens, broker.Outcome{Kind: broker.Complete}, nil))
				tokens = tokens[:0]
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkBacklog receives messages that are only in the store.
func BenchmarkBacklog(b *testing.B) {
	const total = 20_000
	for b.Loop() {
		b.StopTimer()
		br := newBroker(b, brokertest.NewStore(), "q")
		q := queue(b, br, "q")
		for range total / 1000 {
			send(b, br, q, messages(1000, 1<<10)...)
		}
		b.StartTimer()
		left, done := total, make(chan struct{})
		c, err := q.NewConsumer(broker.ConsumerOptions{Mode: broker.ReceiveAndDelete, Deliver: func(batch []broker.Delivery) {
			if left -= len(batch); left == 0 {
				close(done)
			}
		}})
		if err != nil {
			b.Fatal(err)
		}
		br.Sync(c.AddCredit(total))
		<-done
	}
	b.ReportMetric(float64(b.N*total)/b.Elapsed().Seconds(), "messages/s")
}
