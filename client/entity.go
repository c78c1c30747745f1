package client

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker/description"
)

// Entity is what messages are sent to and taken from: a queue or topic, a subscription of
// a topic, or the dead letters of one.
type Entity struct {
	Queue               string // or a topic
	Topic, Subscription string // without Queue
	Dead                bool
	// Transfer: the dead letters are those that could not be sent on to another entity.
	Transfer bool
}

// deadLetters and transfer are sub-queues of dead letters, behind the path of their queue.
const (
	deadLetters = "/$DeadLetterQueue"
	transfer    = "/$Transfer" + deadLetters
)

func cutSuffixFold(s, suffix string) (before string, found bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// ParseEntity reads the path of a queue or, as topic/subscriptions/name, of a
// subscription; each may be followed by /$DeadLetterQueue or /$Transfer/$DeadLetterQueue. A name that no entity can have
// is an error: in an address it would be taken for something else.
func ParseEntity(path string) (e Entity, err error) {
	rest, found := cutSuffixFold(path, transfer)
	if e.Dead, e.Transfer = found, found; !found {
		rest, e.Dead = cutSuffixFold(path, deadLetters)
	}
	parts := strings.Split(rest, "/")
	for i, p := range parts {
		if !strings.EqualFold(p, "subscriptions") || i == 0 {
			continue
		}
		e.Topic, e.Subscription = strings.Join(parts[:i], "/"), strings.Join(parts[i+1:], "/")
		if e.Subscription == "" || strings.Contains(e.Subscription, "/") {
			return e, fmt.Errorf("%q is not a subscription: write topic/subscriptions/name", path)
		}
		if err = description.CheckPath(e.Topic); err == nil {
			err = description.CheckSubscription(e.Subscription)
		}
		return e, err
	}
	if rest == "" {
		return e, fmt.Errorf("the name of a queue, or topic/subscriptions/name, is missing")
	}
	e.Queue = rest
	return e, description.CheckPath(rest)
}

// Path is how AMQP addresses the entity.
func (e Entity) Path() string {
	path := e.Queue
	if e.Topic != "" {
		path = e.Topic + "/Subscriptions/" + e.Subscription
	}
	switch {
	case e.Transfer:
		path += transfer
	case e.Dead:
		path += deadLetters
	}
	return path
}

// Receiver opens a receiver of an entity.
func (b *Bus) Receiver(e Entity) (*azservicebus.Receiver, error) {
	o := &azservicebus.ReceiverOptions{}
	switch {
	case e.Transfer:
		o.SubQueue = azservicebus.SubQueueTransfer
	case e.Dead:
		o.SubQueue = azservicebus.SubQueueDeadLetter
	}
	if e.Topic != "" {
		return b.sdk.NewReceiverForSubscription(e.Topic, e.Subscription, o)
	}
	return b.sdk.NewReceiverForQueue(e.Queue, o)
}

// Session takes the session with an id, or with "" the next one that has messages and
// that nobody has. For that it waits until ctx ends.
func (b *Bus) Session(ctx context.Context, e Entity, id string) (*azservicebus.SessionReceiver, error) {
	switch {
	case id == "" && e.Topic != "":
		return b.sdk.AcceptNextSessionForSubscription(ctx, e.Topic, e.Subscription, nil)
	case id == "":
		return b.sdk.AcceptNextSessionForQueue(ctx, e.Queue, nil)
	case e.Topic != "":
		return b.sdk.AcceptSessionForSubscription(ctx, e.Topic, e.Subscription, id, nil)
	default:
		return b.sdk.AcceptSessionForQueue(ctx, e.Queue, id, nil)
	}
}
