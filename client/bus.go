package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/auth"
)

// ErrConnectionString: a text is not a connection string of a namespace.
var ErrConnectionString = auth.ErrConnectionString

// A Bus is a Service Bus namespace that messages are sent to and taken from: that of a
// running Switchyard, or any that a connection string leads to.
type Bus struct {
	Where   string        // its address, for errors
	Timeout time.Duration // for an answer of the server
	// Find asks whether the Switchyard that the bus was opened for is still there; its
	// error is one of those of [Find]. It is nil for a connection string from elsewhere.
	Find func(context.Context) error
	cs   auth.ConnectionString
	sdk  *azservicebus.Client
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
	if err := b.dial(ctx, timeout); err != nil {
		return nil, Explain("connect", b.Where, err)
	}
	b.sdk, err = azservicebus.NewClientFromConnectionString(connectionString, &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond,
			MaxRetryDelay: 2 * time.Second},
	})
	return b, Explain("connect", b.Where, err)
}

// dial asks whether anybody listens.
func (b *Bus) dial(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.address())
	if err == nil {
		return conn.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Explain makes a [*ServiceError] of what became of a request, and nil of nil. If the
// server has stopped answering, it says whether it is gone.
func (b *Bus) Explain(ctx context.Context, what string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		// The SDK knocks again and again at a port that nobody has any more.
		if refused := b.dial(context.WithoutCancel(ctx), briefly); refused != nil && !errors.Is(refused, context.DeadlineExceeded) {
			err = refused
		}
	}
	err = Explain(what, b.Where, err)
	_, refused := errors.AsType[*NotRunningError](err)
	if b.Find == nil || !refused && !errors.Is(err, ErrStoppedAnswering) {
		return err
	}
	if gone := b.Find(context.WithoutCancel(ctx)); gone != nil {
		return &ServiceError{What: what, Where: b.Where, Why: "the server stopped answering: " + gone.Error(), err: gone}
	}
	return err
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

// briefly is how long the server may take to say good-bye, or to take a connection, when
// it was given its time already.
const briefly = time.Second

// Close ends the connection.
func (b *Bus) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(b.Timeout, briefly))
	defer cancel()
	_ = b.sdk.Close(ctx) // nothing is left to be done
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
