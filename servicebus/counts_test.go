package servicebus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
)

func (s *server) info(path string) broker.QueueInfo {
	s.t.Helper()
	q, err := s.broker.Queue(namespace, path)
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := q.Info()
	if err != nil {
		s.t.Fatal(err)
	}
	return info
}

// TestCounts is the example of [SB-SEM 8]: 3 sent, 1 scheduled, 2 of them received under
// peek-lock, 1 of these dead-lettered.
func TestCounts(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	if info := s.info("q"); info.Counts != (broker.Counts{}) || !info.AccessedAt.IsZero() {
		t.Errorf("a new queue has %+v", info)
	}
	ctx := testContext(t)
	c := s.client()
	s.send("q", "a", "b", "c")
	numbers, err := s.sender(c, "q").ScheduleMessages(ctx, []*azservicebus.Message{{Body: []byte("d")}}, time.Now().Add(time.Hour), nil)
	if err != nil || len(numbers) != 1 {
		t.Fatalf("schedule: %v, %v", numbers, err)
	}
	r := s.receiver(c, "q", nil)
	if err := r.DeadLetterMessage(ctx, receive(t, r, 2)[0], nil); err != nil {
		t.Fatal(err)
	}
	info := s.info("q")
	if info.Counts.SizeInBytes <= 0 || info.AccessedAt.IsZero() {
		t.Errorf("size %d, accessed at %v", info.Counts.SizeInBytes, info.AccessedAt)
	}
	info.Counts.SizeInBytes = 0
	if want := (broker.Counts{Total: 4, Active: 2, DeadLetter: 1, Scheduled: 1, Locked: 1}); info.Counts != want {
		t.Errorf("counts %+v, want %+v", info.Counts, want)
	}
}

// TestCountsAtRest: whatever clients do at the same time, when all is quiet the counts are
// those of the messages that a peek shows, of a queue and of a subscription, and nothing is
// counted when nothing is left.
func TestCountsAtRest(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{}, "s")
	s.queue("q", broker.QueueOptions{MaxDeliveryCount: 3})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, to := range []struct{ send, receive string }{{"q", "q"}, {"t", "t/Subscriptions/s"}} {
		done := make(chan error, 4)
		for i := range cap(done) {
			go func() { done <- mix(s, rand.New(rand.NewPCG(seed, uint64(i))), to.send, to.receive) }()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		q, err := s.broker.Queue(namespace, to.receive)
		if err != nil {
			t.Fatal(err)
		}
		dlq, err := s.broker.Queue(namespace, to.receive+"/$DeadLetterQueue")
		if err != nil {
			t.Fatal(err)
		}
		var want broker.Counts
		for _, x := range []*broker.Queue{q, dlq} {
			for from := int64(0); ; {
				msgs, err := x.Peek(from, 250)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range msgs {
					from = m.SequenceNumber + 1
					want.Total++
					want.SizeInBytes += int64(len(m.Sections))
					switch {
					case x == dlq:
						want.DeadLetter++
					case m.State == broker.Scheduled:
						want.Scheduled++
					default:
						want.Active++
						if m.Owner == broker.LinkOwner {
							want.Locked++
						}
					}
				}
				if len(msgs) == 0 {
					break
				}
			}
		}
		info, err := q.Info()
		if err != nil || info.Counts != want {
			t.Errorf("%s: counts %+v (%v), a peek shows %+v", to.receive, info.Counts, err, want)
		}
		if want.Active == 0 || want.DeadLetter == 0 || want.Locked == 0 || to.send == "q" && want.Scheduled == 0 {
			t.Errorf("%s: not everything has happened: %+v", to.receive, want)
		}
	}
}

// mix is what a client does for a while: sends, some of them for later, and receives, each of
// which it settles in one of the ways, or not.
func mix(s *server, random *rand.Rand, to, from string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := azservicebus.NewClientFromConnectionString(s.connectionString("RootManageSharedAccessKey", "SAS_KEY_VALUE"), nil)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	sender, err := c.NewSender(to, nil)
	if err != nil {
		return err
	}
	var r *azservicebus.Receiver
	if topic, name, ok := broker.SplitSubscription(from); ok {
		r, err = c.NewReceiverForSubscription(topic, name, nil)
	} else {
		r, err = c.NewReceiverForQueue(from, nil)
	}
	if err != nil {
		return err
	}
	for range 40 {
		for range 1 + random.IntN(4) {
			m := &azservicebus.Message{Body: make([]byte, random.IntN(2000))}
			if random.IntN(10) == 0 {
				_, err = sender.ScheduleMessages(ctx, []*azservicebus.Message{m}, time.Now().Add(time.Hour), nil)
			} else {
				err = sender.SendMessage(ctx, m, nil)
			}
			if err != nil {
				return fmt.Errorf("send: %w", err)
			}
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		got, _ := r.ReceiveMessages(short, 1, nil) // none in time is fine
		cancel()
		for _, m := range got {
			switch random.IntN(5) {
			case 0:
				err = r.CompleteMessage(ctx, m, nil)
			case 1:
				err = r.AbandonMessage(ctx, m, nil)
			case 2:
				err = r.DeferMessage(ctx, m, nil)
			case 3:
				err = r.DeadLetterMessage(ctx, m, nil)
			}
			if err != nil {
				return fmt.Errorf("settle: %w", err)
			}
		}
	}
	return r.Close(ctx)
}
