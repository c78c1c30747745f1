package broker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// premiumQueue returns a queue that takes messages of up to 100 MiB.
func premiumQueue(t *testing.T, b *broker.Broker) *broker.Queue {
	t.Helper()
	ctx := context.Background()
	if err := b.PutNamespace(ctx, "premium", broker.NamespaceOptions{SKU: broker.SKUPremium}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutQueue(ctx, "premium", "q", broker.QueueOptions{MaxMessageSize: 100 << 20}); err != nil {
		t.Fatal(err)
	}
	q, err := b.Queue("premium", "q")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestPeekLargeMessages: a peek reads little at once, however large the messages are that
// it is asked for; who goes on behind the last one sees each once, in order, scheduled
// ones among them.
func TestPeekLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore())
		q := premiumQueue(t, b)
		for i := range 30 {
			size := 1 << 20
			if i%7 == 6 {
				size = 8 << 20
			}
			m := messages(1, size)
			if i%3 == 1 {
				m[0].ScheduledFor = time.Now().Add(time.Hour)
			}
			send(t, b, q, m...)
		}
		var seqs []int64
		for from := int64(1); ; {
			msgs, err := q.Peek(from, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(msgs) == 0 {
				break
			}
			bytes := 0
			for _, m := range msgs {
				bytes += len(m.Sections)
				seqs = append(seqs, m.SequenceNumber)
			}
			if bytes > 12<<20 { // 4 MiB of the queue, and one large one of the schedule, or the other way
				t.Errorf("a peek from %d returns %d messages with %d MiB", from, len(msgs), bytes>>20)
			}
			from = seqs[len(seqs)-1] + 1
		}
		var want []int64
		for i := range int64(30) {
			want = append(want, i+1)
		}
		if fmt.Sprint(seqs) != fmt.Sprint(want) {
			t.Errorf("peeked %v", seqs)
		}
		b.Close()
	})
}
