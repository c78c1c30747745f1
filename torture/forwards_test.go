package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker/description"
	"switchyard/deploy"
)

// forwardVar says that the child has the queues of [TestKillForwards] beside the example's.
const forwardVar = "SWITCHYARD_TORTURE_FORWARD"

// forwarding are queues in a row: what has no session can't go on to the last, and the dead
// letters of the one before it go on to another.
func forwarding() []deploy.Queue {
	return []deploy.Queue{
		{Name: "first", Options: description.Options{ForwardTo: "middle"}},
		{Name: "middle", Options: description.Options{ForwardTo: "last", ForwardDeadLetteredMessagesTo: "dead"}},
		{Name: "last", Options: description.Options{RequiresSession: true}},
		{Name: "dead"},
	}
}

const forwarded = 12 // messages, of which each third has no session

// forward sends messages into the first queue until the process dies, and then looks in
// another process whether each is in one of the last queues, once and in order.
func forward(t *testing.T, what string, commit uint64, after time.Duration) (commits uint64) {
	t.Helper()
	dir := dataDir(t)
	p := start(t, dir, commit)
	defer p.kill()
	if after > 0 {
		killed := p.cmd.Process // and not the next one
		defer time.AfterFunc(after, func() { killed.Kill() }).Stop()
	}
	accepted := 0
	if p.cs != "" {
		accepted = sendForward(t, p)
	}
	if commit == 0 && after == 0 {
		arrived(t, p, what, accepted)
		return p.finish()
	}
	p.kill()
	p = start(t, dir, 0)
	defer p.kill()
	arrived(t, p, what, accepted)
	p.finish()
	return 0
}

// sendForward returns how many messages were accepted before the process died.
func sendForward(t *testing.T, p *process) int {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t, p.cs)
	defer c.Close(context.Background())
	s, err := c.NewSender("first", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range forwarded {
		id, session := fmt.Sprintf("%03d", i), "s"
		m := &azservicebus.Message{MessageID: &id, Body: []byte(id), SessionID: &session}
		if i%3 == 2 {
			m.SessionID = nil
		}
		if err := s.SendMessage(ctx, m, nil); err != nil {
			return i
		}
	}
	return forwarded
}

// arrived receives what has come to the last queues: all that was accepted and at most one
// message more, whose outcome was lost.
func arrived(t *testing.T, p *process, what string, accepted int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t, p.cs)
	defer c.Close(context.Background())
	last, err := c.AcceptSessionForQueue(ctx, "last", "s", &azservicebus.SessionReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	dead, err := c.NewReceiverForQueue("dead", &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	var whole, lacking []string
	for i := range forwarded {
		if id := fmt.Sprintf("%03d", i); i%3 == 2 {
			lacking = append(lacking, id)
		} else {
			whole = append(whole, id)
		}
	}
	came := receiveForwarded(ctx, last.ReceiveMessages, accepted-accepted/3)
	refused := receiveForwarded(ctx, dead.ReceiveMessages, accepted/3)
	all := len(came) + len(refused)
	if all < accepted || all > accepted+1 || len(came) > len(whole) || !slices.Equal(came, whole[:len(came)]) ||
		len(refused) > len(lacking) || !slices.Equal(refused, lacking[:len(refused)]) {
		t.Errorf("%s: %d messages were accepted; %v came to the last queue and %v were refused", what, accepted, came, refused)
	}
}

// receiveForwarded receives so many messages, and those that come in the moment after.
func receiveForwarded(ctx context.Context, receive func(context.Context, int, *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error), want int) (ids []string) {
	for {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if len(ids) >= want {
			wait, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		}
		msgs, err := receive(wait, 100, nil)
		cancel()
		if err != nil {
			return ids
		}
		for _, m := range msgs {
			ids = append(ids, m.MessageID)
		}
	}
}

// TestKillForwards kills the process after each of its commits in turn, and at random times,
// while messages are sent to a queue that forwards them to one that forwards them. Each is in
// one place, and those that were acknowledged arrive.
func TestKillForwards(t *testing.T) {
	torture(t)
	t.Setenv(forwardVar, "yes")
	commits := forward(t, "without a kill", 0, 0)
	t.Logf("%d messages take %d commits", forwarded, commits)
	for n := uint64(1); n <= commits && !t.Failed(); n++ {
		forward(t, fmt.Sprintf("killed after commit %d", n), n, 0)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		if t.Failed() {
			return
		}
		after := time.Duration(1+r.IntN(600)) * time.Millisecond
		forward(t, fmt.Sprintf("killed after %s", after), 0, after)
	}
}
