package bridge

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/servicebus"
	"switchyard/value"
)

// Keys verifies the keys of linked services. [*auth.Authority] does.
type Keys interface {
	// VerifyKey verifies the name and the key of a rule of the namespace.
	VerifyKey(ns, keyName, key string) (auth.Grant, error)
}

// Options are what a [Bus] needs. All are required but Roles.
type Options struct {
	Broker *broker.Broker
	Keys   Keys
	Logger *slog.Logger
	// Namespace finds the namespace that the host of a linked service means.
	Namespace func(host string) (string, error)
	// Roles returns what the identity of a factory may do with an entity of a
	// namespace, by role assignments; the principal is its object id. Nil, for
	// development: everything.
	Roles func(factory, ns, path string) (Assigned, error)
}

// A Bus lets the factory send to, take from and settle in the broker. It is an
// [activity.Bus] and a [trigger.Settler].
type Bus struct{ o Options }

// Assigned is what roles let the identity of a factory do with an entity.
type Assigned struct {
	Rights    auth.Rights
	Principal string // the object id of the identity
	Scope     string // where a role that is missing is assigned: the resource id of the namespace
}

// New returns a bus.
func New(o Options) *Bus { return &Bus{o} }

// namespace finds the namespace that an endpoint means and checks that the
// endpoint's key, or the factory's identity, has one of the rights on an entity.
func (b *Bus) namespace(e activity.Endpoint, path string, wanted auth.Rights) (string, error) {
	if e.ConnectionString == "" {
		ns, err := b.o.Namespace(e.FullyQualifiedNamespace)
		if err != nil || b.o.Roles == nil {
			return ns, err
		}
		return ns, b.authorize(e.Factory, ns, path, wanted)
	}
	cs, err := auth.ParseConnectionString(e.ConnectionString)
	if err != nil {
		return "", err
	}
	ns, err := b.o.Namespace(cs.Endpoint)
	if err != nil {
		return "", err
	}
	if cs.Key == "" {
		return "", errors.New("a linked service needs a connection string with a SharedAccessKey; " +
			"a ready-made signature is not supported")
	}
	g, err := b.o.Keys.VerifyKey(ns, cs.KeyName, cs.Key)
	if err != nil {
		return "", err
	}
	if !g.Rights.Allows(wanted) {
		return "", fmt.Errorf("unauthorized access: key %s of namespace %s has no %s right", cs.KeyName, ns, wanted)
	}
	return ns, nil
}

// roleFor is the role that gives a right and no other.
var roleFor = map[auth.Rights]string{auth.Send: auth.RoleDataSender, auth.Listen: auth.RoleDataReceiver}

func (b *Bus) authorize(factory, ns, path string, wanted auth.Rights) error {
	have, err := b.o.Roles(factory, ns, strings.ToLower(path))
	if err == nil && !have.Rights.Allows(wanted) {
		err = fmt.Errorf("unauthorized access: '%s' claim(s) are required on %s of namespace %s: assign the "+
			"role %s to the identity of data factory %s, object id %s: az role assignment create --role %q "+
			"--assignee-object-id %[6]s --assignee-principal-type ServicePrincipal --scope %[8]s",
			wanted, path, ns, roleFor[wanted], factory, have.Principal, roleFor[wanted], have.Scope)
	}
	return err
}

// queue finds a queue to take messages from.
func (b *Bus) queue(e activity.Endpoint, path string) (*broker.Queue, error) {
	ns, err := b.namespace(e, path, auth.Listen)
	if err != nil {
		return nil, err
	}
	return b.named(ns, path)
}

func (b *Bus) named(ns, path string) (*broker.Queue, error) {
	q, err := b.o.Broker.Queue(ns, path)
	if err != nil {
		return nil, fmt.Errorf("queue %s of namespace %s: %w", path, ns, err)
	}
	return q, nil
}

// sender finds what can be sent to: a queue or a topic.
func (b *Bus) sender(e activity.Endpoint, path string) (broker.Sender, error) {
	ns, err := b.namespace(e, path, auth.Send)
	if err != nil {
		return nil, err
	}
	q, err := b.o.Broker.Sender(ns, path)
	if err != nil {
		return nil, fmt.Errorf("queue or topic %s of namespace %s: %w", path, ns, err)
	}
	return q, nil
}

// Effect implements [activity.Bus].
func (b *Bus) Effect(run string, ops ...activity.Op) (commit.Effect, error) {
	out := make([]broker.Op, len(ops))
	for i, op := range ops {
		var err error
		switch op := op.(type) {
		case activity.Send:
			out[i], err = b.send(run, op)
		case activity.Settle:
			out[i], err = b.settle(run, op)
		default:
			panic(fmt.Sprintf("bridge: an operation of type %T", op))
		}
		if err != nil {
			return nil, err
		}
	}
	return b.o.Broker.Effect(out...), nil
}

func (b *Bus) send(run string, op activity.Send) (broker.Op, error) {
	q, err := b.sender(op.Endpoint, op.Queue)
	if err != nil {
		return nil, err
	}
	m, err := NewMessage(run, op.Message)
	if err != nil {
		return nil, err
	}
	return broker.SendOp{Queue: q, Messages: []*broker.Message{m}}, nil
}

// NewMessage makes a message for the broker. Run is what sends it, "" if no run does.
func NewMessage(run string, m activity.OutMessage) (*broker.Message, error) {
	content, err := servicebus.Compose(&servicebus.Parts{
		MessageID: m.MessageID, CorrelationID: m.CorrelationID, SessionID: m.SessionID,
		Subject: m.Subject, To: m.To, ReplyTo: m.ReplyTo, ContentType: m.ContentType,
		TimeToLive: m.TimeToLive, Body: m.Body, Properties: withRun(properties(m.ApplicationProperties), run),
	})
	if err != nil {
		return nil, err
	}
	return &broker.Message{Content: content}, nil
}

// withRun adds the property that names the run. One of the same name may be from the
// message that the run answers, so it is replaced.
func withRun(list []broker.Property, run string) []broker.Property {
	if run == "" {
		return list
	}
	own := broker.Property{Name: trigger.PropertyRunID, Value: run}
	for i := range list {
		if list[i].Name == own.Name {
			list[i] = own
			return list
		}
	}
	return append(list, own)
}

func properties(o *value.Object) []broker.Property {
	var out []broker.Property
	for _, m := range o.Members() {
		out = append(out, broker.Property{Name: m.Name, Value: m.Value})
	}
	return out
}
