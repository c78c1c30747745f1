package system

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// toldCounts are those of an entity, as the Resource Manager tells them.
type toldCounts struct {
	MessageCount int64
	CountDetails struct{ ActiveMessageCount, DeadLetterMessageCount, ScheduledMessageCount int64 }
}

func countsOf(t *testing.T, s *System, path string) (c toldCounts) {
	t.Helper()
	code, answer := request(t, s, "GET", path+"?api-version=2021-11-01", "")
	var body struct{ Properties toldCounts }
	if err := json.Unmarshal([]byte(answer), &body); code != 200 || err != nil {
		t.Fatalf("GET %s: %d %s, %v", path, code, answer, err)
	}
	return body.Properties
}

// peeked counts what the vendor's client sees.
func peeked(t *testing.T, open func(azservicebus.SubQueue) (*azservicebus.Receiver, error)) (c toldCounts) {
	t.Helper()
	for _, sub := range []azservicebus.SubQueue{0, azservicebus.SubQueueDeadLetter} {
		r, err := open(sub)
		if err != nil {
			t.Fatal(err)
		}
		for {
			msgs, err := r.PeekMessages(t.Context(), 100, nil) // goes on where the last ended
			if err != nil {
				t.Fatal(err)
			}
			if len(msgs) == 0 {
				break
			}
			for _, m := range msgs {
				c.MessageCount++
				switch {
				case sub == azservicebus.SubQueueDeadLetter:
					c.CountDetails.DeadLetterMessageCount++
				case m.State == azservicebus.MessageStateScheduled:
					c.CountDetails.ScheduledMessageCount++
				default: // deferred ones too
					c.CountDetails.ActiveMessageCount++
				}
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestCountsAtRest: when clients have done with a queue and a topic, the Resource Manager counts
// the messages that a client peeks, one by one, of the queue and of the topic's subscription.
func TestCountsAtRest(t *testing.T) {
	s := startSystem(t, Options{})
	makeNamespace(t, s, "g", "counted")
	in := s.testNamespace("g", "counted")
	must(t, s, "PUT", in+"/topics/t", `{"properties":{}}`)
	must(t, s, "PUT", in+"/topics/t/subscriptions/s", `{"properties":{}}`)
	c := sdk(t, s)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, x := range []struct {
		to, at string
		open   func(azservicebus.SubQueue) (*azservicebus.Receiver, error)
	}{
		{"q", "/queues/q", func(sub azservicebus.SubQueue) (*azservicebus.Receiver, error) {
			return c.NewReceiverForQueue("q", &azservicebus.ReceiverOptions{SubQueue: sub})
		}},
		{"t", "/topics/t/subscriptions/s", func(sub azservicebus.SubQueue) (*azservicebus.Receiver, error) {
			return c.NewReceiverForSubscription("t", "s", &azservicebus.ReceiverOptions{SubQueue: sub})
		}},
	} {
		done := make(chan error, 3)
		for i := range cap(done) {
			go func() { done <- use(t.Context(), c, x.to, x.open, rand.New(rand.NewPCG(seed, uint64(i)))) }()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		want := peeked(t, x.open)
		if got := countsOf(t, s, in+x.at); got != want {
			t.Errorf("%s: the counts are %+v, a client peeks %+v", x.at, got, want)
		}
		// What each of them leaves whatever the seed.
		d := want.CountDetails
		if d.ActiveMessageCount < 3*10 || d.DeadLetterMessageCount < 3 || x.to == "q" && d.ScheduledMessageCount != 3 {
			t.Errorf("%s: not everything has happened: %+v", x.at, want)
		}
	}
	if n := countsOf(t, s, in+"/topics/t").CountDetails.ScheduledMessageCount; n != 3 {
		t.Errorf("%d messages are scheduled at the topic, want 3", n)
	}
}

// use sends thirty messages and one for later, and settles twenty, the first as a dead letter.
func use(ctx context.Context, c *azservicebus.Client, to string, open func(azservicebus.SubQueue) (*azservicebus.Receiver, error), random *rand.Rand) error {
	sender, err := c.NewSender(to, nil)
	if err != nil {
		return err
	}
	defer sender.Close(ctx)
	for range 30 {
		if err := sender.SendMessage(ctx, &azservicebus.Message{Body: make([]byte, random.IntN(1000))}, nil); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	if _, err := sender.ScheduleMessages(ctx, []*azservicebus.Message{{}}, time.Now().Add(time.Hour), nil); err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	r, err := open(0)
	if err != nil {
		return err
	}
	for i := range 20 {
		msgs, err := r.ReceiveMessages(ctx, 1, nil)
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		outcome := random.IntN(4)
		if i == 0 {
			outcome = 3
		}
		switch m := msgs[0]; outcome {
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
	return r.Close(ctx)
}
