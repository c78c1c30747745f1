package client

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/auth"
)

// A Bus is a Service Bus namespace that messages are sent to and taken from: that of a
// running Switchyard, or any that a connection string leads to.
type Bus struct {
	Where   string        // its address, for errors
	Timeout time.Duration // for an answer of the server
	cs      auth.ConnectionString
	sdk     *azservicebus.Client
}

// NamespaceNamed finds a namespace; without a name the first.
func (e Endpoints) NamespaceNamed(name string) (Namespace, error) {
	if name == "" && e.ConnectionString != "" {
		return Namespace{ConnectionString: e.ConnectionString}, nil
	}
	names := make([]string, len(e.Namespaces))
	for i, n := range e.Namespaces {
		if names[i] = n.Name; strings.EqualFold(n.Name, name) {
			return n, nil
		}
	}
	switch {
	case len(names) == 0:
		return Namespace{}, fmt.Errorf("the Switchyard has no namespace: create one with a folder's Config.json " +
			"or through its Resource Manager")
	default:
		slices.Sort(names)
		return Namespace{}, fmt.Errorf("there is no namespace %q; there are: %s", name, strings.Join(names, ", "))
	}
}

// OpenBus returns a bus of a connection string. It dials once, so that a server that is
// not there, or does not even accept, is told at once: the SDK would knock for most of a
// minute.
func OpenBus(ctx context.Context, connectionString string, timeout time.Duration) (*Bus, error) {
	cs, err := auth.ParseConnectionString(connectionString)
	if err != nil {
		return nil, err
	}
	b := &Bus{Where: cs.Endpoint, Timeout: timeout, cs: cs}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.address())
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, Explain("connect", b.Where, err)
	}
	conn.Close()
	b.sdk, err = azservicebus.NewClientFromConnectionString(connectionString, &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond,
			MaxRetryDelay: 2 * time.Second},
	})
	return b, Explain("connect", b.Where, err)
}

// address is the host and port that clients connect to.
func (b *Bus) address() string {
	if _, _, err := net.SplitHostPort(b.cs.Endpoint); err == nil {
		return b.cs.Endpoint
	}
	if b.cs.Emulator {
		return net.JoinHostPort(b.cs.Endpoint, "5672")
	}
	return net.JoinHostPort(b.cs.Endpoint, "5671")
}

// SDK is Azure's client of the namespace.
func (b *Bus) SDK() *azservicebus.Client { return b.sdk }

// Close ends the connection. It waits no longer than for an answer.
func (b *Bus) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.Timeout)
	defer cancel()
	_ = b.sdk.Close(ctx) // nothing is left to be done
}

// Entity is what receivers are opened on: a queue, or a subscription of a topic.
type Entity struct{ Queue, Topic, Subscription string }

// ParseEntity reads the path of a queue or, as topic/subscriptions/name, of a
// subscription.
func ParseEntity(path string) (Entity, error) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.EqualFold(p, "subscriptions") && i > 0 {
			e := Entity{Topic: strings.Join(parts[:i], "/"), Subscription: strings.Join(parts[i+1:], "/")}
			if e.Subscription == "" || strings.Contains(e.Subscription, "/") {
				return e, fmt.Errorf("%q is not a subscription: write topic/subscriptions/name", path)
			}
			return e, nil
		}
	}
	if path == "" {
		return Entity{}, fmt.Errorf("the name of a queue, or topic/subscriptions/name, is missing")
	}
	return Entity{Queue: path}, nil
}

// Path is how AMQP addresses the entity.
func (e Entity) Path() string {
	if e.Topic != "" {
		return e.Topic + "/Subscriptions/" + e.Subscription
	}
	return e.Queue
}

// Receiver opens a receiver of the entity, or of its dead letters.
func (b *Bus) Receiver(e Entity, dead bool) (*azservicebus.Receiver, error) {
	o := &azservicebus.ReceiverOptions{}
	if dead {
		o.SubQueue = azservicebus.SubQueueDeadLetter
	}
	if e.Topic != "" {
		return b.sdk.NewReceiverForSubscription(e.Topic, e.Subscription, o)
	}
	return b.sdk.NewReceiverForQueue(e.Queue, o)
}

// Manage asks the $management node of an entity for an operation, among them those of
// Switchyard that the SDKs do not know. It returns the members of the answer, none for
// "no content".
func (b *Bus) Manage(ctx context.Context, path, operation string, args map[string]any) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	answer, err := b.manage(ctx, path+"/$management", operation, args)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	status, _ := answer.ApplicationProperties["statusCode"].(int32)
	if status/100 != 2 {
		description, _ := answer.ApplicationProperties["statusDescription"].(string)
		condition := fmt.Sprint(answer.ApplicationProperties["errorCondition"])
		return nil, &amqp.Error{Condition: amqp.ErrCond(condition), Description: description}
	}
	members := map[string]any{}
	m, _ := answer.Value.(map[any]any)
	for k, v := range m {
		if name, ok := k.(string); ok {
			members[name] = v
		}
	}
	if s, ok := answer.Value.(map[string]any); ok {
		members = s
	}
	return members, nil
}

const reply = "reply"

func (b *Bus) manage(ctx context.Context, address, operation string, args map[string]any) (*amqp.Message, error) {
	if b.cs.Key == "" {
		return nil, fmt.Errorf("%w: it needs a SharedAccessKey", auth.ErrConnectionString)
	}
	scheme := "amqps://"
	if b.cs.Emulator {
		scheme = "amqp://"
	}
	host, _, _ := net.SplitHostPort(b.address())
	conn, err := amqp.Dial(ctx, scheme+b.address(), &amqp.ConnOptions{HostName: host,
		SASLType: amqp.SASLTypePlain(b.cs.KeyName, b.cs.Key)})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, err
	}
	receiver, err := session.NewReceiver(ctx, address, &amqp.ReceiverOptions{TargetAddress: reply, Credit: 1})
	if err != nil {
		return nil, err
	}
	sender, err := session.NewSender(ctx, address, nil)
	if err != nil {
		return nil, err
	}
	to := reply
	err = sender.Send(ctx, &amqp.Message{Properties: &amqp.MessageProperties{MessageID: "1", ReplyTo: &to},
		ApplicationProperties: map[string]any{"operation": operation}, Value: args}, nil)
	if err != nil {
		return nil, err
	}
	return receiver.Receive(ctx, nil)
}
