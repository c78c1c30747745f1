package servicebus_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/servicebus"
)

// attaches counts the attempts of clients to attach a link to an address.
type attaches struct {
	mu  sync.Mutex
	all map[string]int
}

func (a *attaches) listen(o *servicebus.Options) {
	o.Events.Link = func(what servicebus.LinkEvent, _, address, _, _ string) {
		if what != servicebus.LinkDetached {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.all[address]++
		}
	}
}

func (a *attaches) take(address string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.all[address]
	clear(a.all)
	return n
}

// retried is called with a line of a client's log that says that it will try again.
var retried atomic.Value // of a func(string)

// The library reads its listener without a lock: it is set before there is a client.
func init() {
	retried.Store(func(string) {})
	azlog.SetListener(func(_ azlog.Event, text string) {
		if strings.Contains(text, "sleeping for") {
			retried.Load().(func(string))(text)
		}
	})
}

// TestRefusalsAreFinal: what is refused for good reaches the user of a client with the default
// options at its first attempt. The client takes most conditions for faults of the connection,
// and then tries for the best part of a minute [SB-AMQP 9.2].
func TestRefusalsAreFinal(t *testing.T) {
	attached := &attaches{all: map[string]int{}}
	s := newServer(t, attached.listen)
	s.queue("q", broker.QueueOptions{})
	s.queue("off", broker.QueueOptions{Status: broker.StatusDisabled})
	s.queue("forwards", broker.QueueOptions{ForwardTo: "q"})
	s.queue("sessions", broker.QueueOptions{RequiresSession: true})
	s.topic("topic", broker.TopicOptions{}, "s")
	c, err := azservicebus.NewClientFromConnectionString(s.connectionString(auth.DefaultRuleName, auth.DevelopmentKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(testContext(t)) })
	send := func(to string, m *azservicebus.Message) func(context.Context) error {
		return func(ctx context.Context) error { return s.sender(c, to).SendMessage(ctx, m, nil) }
	}
	from := func(queue string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.receiver(c, queue, nil).ReceiveMessages(ctx, 1, nil)
			return err
		}
	}
	session := func(queue, id string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.AcceptSessionForQueue(ctx, queue, id, nil)
			return err
		}
	}
	if err := session("sessions", "held")(testContext(t)); err != nil {
		t.Fatal(err)
	}
	attached.take("")
	for _, x := range []struct {
		what, address, want string
		links               int // that are attempted
		do                  func(context.Context) error
	}{
		{"send to a queue that is not there: the token is refused", "none", "status code 404", 0, send("none", &azservicebus.Message{})},
		{"receive from a queue that is not there", "none", "status code 404", 0, from("none")},
		{"send to a disabled queue", "off", "com.microsoft:entity-disabled", 1, send("off", &azservicebus.Message{})},
		{"receive from a disabled queue", "off", "com.microsoft:entity-disabled", 1, from("off")},
		{"receive from a queue that forwards", "forwards", "amqp:not-allowed", 1, from("forwards")},
		{"receive from a topic", "topic", "amqp:not-allowed", 1, from("topic")},
		{"send to a dead-letter queue", "q/$DeadLetterQueue", "amqp:not-allowed", 1, send("q/$DeadLetterQueue", &azservicebus.Message{})},
		{"receive without a session", "sessions", "amqp:not-allowed", 1, from("sessions")},
		{"a session of a queue that has none", "q", "amqp:not-allowed", 1, session("q", "s")},
		{"a session that is held", "sessions", "com.microsoft:session-cannot-be-locked", 1, session("sessions", "held")},
		{"a message without a session", "sessions", "amqp:not-allowed", 1, send("sessions", &azservicebus.Message{})},
		{"a message whose keys differ", "q", "amqp:not-allowed", 1,
			send("q", &azservicebus.Message{SessionID: ptr("a"), PartitionKey: ptr("b")})},
		{"a property that is too long", "q", "amqp:not-allowed", 1,
			send("q", &azservicebus.Message{ApplicationProperties: map[string]any{"p": strings.Repeat("x", 40000)}})},
		{"a message id that is too long", "q", "amqp:not-allowed", 1, send("q", &azservicebus.Message{MessageID: ptr(strings.Repeat("x", 200))})},
		{"a number that is not scheduled", "q/$management", "status code 404", 2, func(ctx context.Context) error {
			return s.sender(c, "q").CancelScheduledMessages(ctx, []int64{7}, nil)
		}},
	} {
		t.Run(x.what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			retried.Store(func(text string) {
				t.Error(text)
				cancel()
			})
			defer retried.Store(func(string) {})
			err := x.do(ctx)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error = %v, want %s", err, x.want)
			}
			if n := attached.take(x.address); n != x.links {
				t.Errorf("%d links were attempted, want %d", n, x.links)
			}
		})
	}
}
