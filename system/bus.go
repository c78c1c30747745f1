package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/servicebus"
	"switchyard/value"
)

// bus lets the factory send to, take from and settle in the broker. It is the
// activities' Bus and the triggers' Settler.
type bus struct {
	broker *broker.Broker
	auth   *auth.Authority
	// address is where clients find a namespace: host:port.
	address func(namespace string) (string, error)
}

// binding names the messages of a batch durably: it stands in the record of the
// run that they started.
type binding struct {
	Namespace string           `json:"namespace"`
	Queue     string           `json:"queue"`
	Messages  map[string]int64 `json:"messages"` // lock token as shown to the run -> sequence number
}

// namespace finds the namespace that an endpoint means and checks that whoever
// holds the endpoint has one of the rights.
func (b *bus) namespace(e activity.Endpoint, wanted auth.Rights) (string, error) {
	if e.ConnectionString == "" {
		// The factory's identity has the data owner's role on the namespaces that
		// are served here.
		return b.byHost(e.FullyQualifiedNamespace)
	}
	cs, err := auth.ParseConnectionString(e.ConnectionString)
	if err != nil {
		return "", err
	}
	ns, err := b.byHost(cs.Endpoint)
	if err != nil {
		return "", err
	}
	if cs.Key == "" {
		return "", errors.New("a linked service needs a connection string with a SharedAccessKey; a ready-made signature is not supported")
	}
	g, err := b.auth.VerifyKey(ns, cs.KeyName, cs.Key)
	if err != nil {
		return "", err
	}
	if !g.Rights.Allows(wanted) {
		return "", fmt.Errorf("unauthorized access: key %s of namespace %s has no %s right", cs.KeyName, ns, wanted)
	}
	return ns, nil
}

// byName finds a namespace by its host in Azure, or the name below localhost.
func (b *bus) byName(host string) (string, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	label, rest, _ := strings.Cut(host, ".")
	for _, n := range b.broker.Namespaces() {
		if strings.EqualFold(n, label) && (rest == "" || strings.EqualFold(rest, "servicebus.windows.net") || strings.EqualFold(rest, "localhost")) {
			return n, true
		}
	}
	return "", false
}

// byHost finds a namespace by the host of a linked service: its name, or an
// address of this process that belongs to it.
func (b *bus) byHost(host string) (string, error) {
	if n, ok := b.byName(host); ok {
		return n, nil
	}
	names := b.broker.Namespaces()
	for _, n := range names {
		if a, err := b.address(n); err == nil && strings.EqualFold(a, host) {
			return n, nil
		}
	}
	h := host
	if name, _, err := net.SplitHostPort(host); err == nil {
		h = name
	}
	if ip := net.ParseIP(h); len(names) == 1 && (strings.EqualFold(h, "localhost") || ip != nil && ip.IsLoopback()) {
		return names[0], nil
	}
	return "", fmt.Errorf("namespace %s is not served here; served are: %s", host, strings.Join(names, ", "))
}

func (b *bus) queue(e activity.Endpoint, wanted auth.Rights, path string) (*broker.Queue, error) {
	ns, err := b.namespace(e, wanted)
	if err != nil {
		return nil, err
	}
	q, err := b.broker.Queue(ns, path)
	if err != nil {
		return nil, fmt.Errorf("queue %s of namespace %s: %w", path, ns, err)
	}
	return q, nil
}

// sender finds what can be sent to: a queue or a topic.
func (b *bus) sender(e activity.Endpoint, path string) (broker.Sender, error) {
	ns, err := b.namespace(e, auth.Send)
	if err != nil {
		return nil, err
	}
	q, err := b.broker.Sender(ns, path)
	if err != nil {
		return nil, fmt.Errorf("queue or topic %s of namespace %s: %w", path, ns, err)
	}
	return q, nil
}

// Effect implements [activity.Bus].
func (b *bus) Effect(run string, ops ...activity.Op) (commit.Effect, error) {
	var out []broker.Op
	for _, op := range ops {
		switch op := op.(type) {
		case activity.Send:
			q, err := b.sender(op.Endpoint, op.Queue)
			if err != nil {
				return nil, err
			}
			m := op.Message
			p := &servicebus.Parts{
				MessageID: m.MessageID, CorrelationID: m.CorrelationID, SessionID: m.SessionID, Subject: m.Subject,
				To: m.To, ReplyTo: m.ReplyTo, ContentType: m.ContentType, TimeToLive: m.TimeToLive, Body: m.Body,
				Properties: properties(m.ApplicationProperties),
			}
			content, err := servicebus.Compose(p)
			if err != nil {
				return nil, err
			}
			out = append(out, broker.SendOp{Queue: q, Messages: []*broker.Message{{Content: content}}})
		case activity.Settle:
			s, err := b.settle(run, op)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	return b.broker.Effect(out...), nil
}

func properties(o *value.Object) []broker.Property {
	var out []broker.Property
	for _, m := range o.Members() {
		out = append(out, broker.Property{Name: m.Name, Value: m.Value})
	}
	return out
}

func (b *bus) settle(run string, op activity.Settle) (broker.Op, error) {
	source, err := trigger.SourceBinding(op.Binding)
	if err != nil {
		return nil, err
	}
	bound, q, err := b.bound(source)
	if err != nil {
		return nil, err
	}
	seq := op.SequenceNumber
	if seq == 0 {
		var ok bool
		if seq, ok = bound.Messages[strings.ToLower(op.LockToken)]; !ok {
			return nil, fmt.Errorf("lock token %s is of no message that started this run", op.LockToken)
		}
	}
	o := broker.Outcome{Reason: op.Reason, Description: op.Description, Properties: properties(op.PropertiesToModify)}
	switch op.Outcome {
	case activity.Complete:
		o.Kind = broker.Complete
	case activity.Abandon:
		o.Kind = broker.Abandon
	case activity.Defer:
		o.Kind = broker.Defer
	case activity.DeadLetter:
		o.Kind = broker.DeadLetter
	default:
		return nil, fmt.Errorf("outcome %q is not Complete, Abandon, Defer or DeadLetter", op.Outcome)
	}
	return broker.RunSettleOp{Queue: q, Run: broker.RunID(run), SequenceNumbers: []int64{seq}, Outcome: o}, nil
}

func (b *bus) bound(source json.RawMessage) (*binding, *broker.Queue, error) {
	if len(source) == 0 {
		return nil, nil, errors.New("this run was not started by Service Bus messages: there is nothing to settle")
	}
	bound := &binding{}
	if err := json.Unmarshal(source, bound); err != nil {
		return nil, nil, fmt.Errorf("binding of the run: %w", err)
	}
	q, err := b.broker.Queue(bound.Namespace, bound.Queue)
	if err != nil {
		return nil, nil, fmt.Errorf("queue %s of namespace %s: %w", bound.Queue, bound.Namespace, err)
	}
	return bound, q, nil
}

// Settle implements [trigger.Settler].
func (b *bus) Settle(source json.RawMessage, run string, s trigger.Settlement) (commit.Effect, error) {
	_, q, err := b.bound(source)
	if errors.Is(err, broker.ErrEntityNotFound) || errors.Is(err, broker.ErrNamespaceNotFound) {
		return nil, nil // deleted with its messages: nothing is left to settle
	}
	if err != nil {
		return nil, err
	}
	o := broker.Outcome{Kind: broker.Complete}
	switch s.Kind {
	case trigger.Release:
		o.Kind = broker.Release
	case trigger.Abandon:
		o.Kind = broker.Abandon
		o.Backoff = broker.Backoff(s.Backoff)
		o.Exhausted = &broker.DeadLetterInfo{Reason: s.Reason, Description: s.Description}
		for _, p := range s.Properties {
			o.Exhausted.Properties = append(o.Exhausted.Properties, broker.Property{Name: p.Name, Value: p.Value})
		}
	}
	return b.broker.Effect(broker.RunSettleOp{Queue: q, Run: broker.RunID(run), Outcome: o}), nil
}
