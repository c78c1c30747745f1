package broker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

func putQueue(t *testing.T, b *broker.Broker, path string, o broker.QueueOptions) {
	t.Helper()
	if _, err := b.PutQueue(context.Background(), "ns", path, o); err != nil {
		t.Fatal(err)
	}
}

func counts(t *testing.T, b *broker.Broker, path string) broker.Counts {
	t.Helper()
	info, err := queue(t, b, path).Info()
	if err != nil {
		t.Fatal(err)
	}
	return info.Counts
}

// TestForwardBacklog: what waits when forwarding is set is moved in order, and with little
// of it in memory.
func TestForwardBacklog(t *testing.T) {
	total := 100_000
	if testing.Short() {
		total = 10_000
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "q", "to")
		q, to := queue(t, b, "q"), queue(t, b, "to")
		for n := 0; n < total; n += 100 {
			send(t, b, q, messages(100, 8)...)
		}
		putQueue(t, b, "q", broker.QueueOptions{ForwardTo: "to"})
		synctest.Wait()
		if c := counts(t, b, "q"); c.Total != 0 {
			t.Fatalf("%d messages are left", c.Total)
		}
		for from := int64(1); from <= int64(total); {
			msgs, err := to.Peek(from, 250)
			if err != nil || len(msgs) == 0 {
				t.Fatalf("peek from %d: %d messages, %v", from, len(msgs), err)
			}
			for _, m := range msgs {
				if m.SequenceNumber != from || m.EnqueueSequence != from || m.Hops != 1 {
					t.Fatalf("message %d is number %d of the queue, hops %d", m.SequenceNumber, m.EnqueueSequence, m.Hops)
				}
				from++
			}
		}
		if n := broker.InMemory(q) + broker.InMemory(to); n > 2*1024 {
			t.Errorf("%d messages are in memory", n)
		}
	})
}

// TestForwardToFull: what a full queue refuses is dead-lettered where it comes from, and
// stays there; dead letters wait until there is room.
func TestForwardToFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "full")
		full := queue(t, b, "full")
		for range 1024 {
			send(t, b, full, messages(4, 1<<18)...)
		}
		putQueue(t, b, "q", broker.QueueOptions{ForwardTo: "full"})
		putQueue(t, b, "r", broker.QueueOptions{ForwardDeadLetteredMessagesTo: "full", DeadLetteringOnMessageExpiration: true})
		send(t, b, queue(t, b, "q"), messages(3, 8)...)
		old := messages(300, 8)
		for _, m := range old {
			m.TimeToLive = time.Second
		}
		send(t, b, queue(t, b, "r"), old...)
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := counts(t, b, "q"); c.Active != 0 || c.DeadLetter != 3 {
			t.Errorf("q has %+v", c)
		}
		dead, err := b.Queue("ns", "q/$DeadLetterQueue")
		if err != nil {
			t.Fatal(err)
		}
		msgs, err := dead.Peek(1, 1)
		if err != nil || len(msgs) != 1 || msgs[0].Properties[0] != (broker.Property{Name: "DeadLetterReason", Value: "QuotaExceededException"}) {
			t.Errorf("refused: %+v, %v", msgs, err)
		}
		if c := counts(t, b, "r"); c.Active != 0 || c.DeadLetter != 300 {
			t.Errorf("r has %+v", c)
		}
		if _, u, err := full.Take(broker.TakeOptions{Max: 4}); err != nil {
			t.Fatal(err)
		} else {
			b.Sync(u)
		}
		synctest.Wait()
		if c := counts(t, b, "r"); c.DeadLetter != 0 {
			t.Errorf("with room again r has %+v", c)
		}
		if c := counts(t, b, "q"); c.DeadLetter != 3 {
			t.Errorf("with room again q has %+v", c)
		}
	})
}

// TestForwardRing: queues that forward to each other while many send. Each message ends in
// one dead-letter queue, after its hops.
func TestForwardRing(t *testing.T) {
	const queues, each = 5, 400
	b := newBroker(t, brokertest.NewStore())
	for i := range queues {
		putQueue(t, b, fmt.Sprint("q", i), broker.QueueOptions{})
	}
	for i := range queues {
		putQueue(t, b, fmt.Sprint("q", i), broker.QueueOptions{ForwardTo: fmt.Sprint("q", (i+1)%queues)})
	}
	var wait sync.WaitGroup
	for i := range queues {
		q := queue(t, b, fmt.Sprint("q", i))
		wait.Go(func() {
			for n := range each {
				m := messages(1, 8)
				m[0].MessageID = fmt.Sprintf("%d-%d", i, n)
				if u, err := q.Send(m, nil); err != nil {
					t.Error(err)
				} else {
					b.Sync(u)
				}
			}
		})
	}
	wait.Wait()
	dead := func() (n int64) {
		for i := range queues {
			n += counts(t, b, fmt.Sprint("q", i)).DeadLetter
		}
		return n
	}
	for dead() < queues*each {
		time.Sleep(time.Millisecond)
	}
	seen := map[string]bool{}
	for i := range queues {
		if c := counts(t, b, fmt.Sprint("q", i)); c.Total != each {
			t.Errorf("q%d has %+v, want %d dead letters", i, c, each)
		}
		q, err := b.Queue("ns", fmt.Sprintf("q%d/$DeadLetterQueue", i))
		if err != nil {
			t.Fatal(err)
		}
		for from := int64(1); ; {
			msgs, err := q.Peek(from, 250)
			if err != nil {
				t.Fatal(err)
			}
			if len(msgs) == 0 {
				break
			}
			for _, m := range msgs {
				if seen[m.MessageID] || m.Hops != 4 {
					t.Errorf("message %s: seen before %t, hops %d", m.MessageID, seen[m.MessageID], m.Hops)
				}
				seen[m.MessageID], from = true, m.SequenceNumber+1
			}
		}
	}
	if len(seen) != queues*each {
		t.Errorf("%d messages of %d are there", len(seen), queues*each)
	}
}
