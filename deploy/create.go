package deploy

import (
	"context"
	"fmt"
	"strings"

	"switchyard/broker"
)

// CreateEntities creates the queues and topics that a deployment declares, or brings
// what is there up to it. Its namespaces exist.
func (d *Deployment) CreateEntities(ctx context.Context, b *broker.Broker) error {
	for _, ns := range d.Namespaces {
		if err := ns.create(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// An entity is a queue or a subscription to create.
type entity struct {
	what    string // for errors
	path    string
	options broker.QueueOptions
	put     func(o broker.QueueOptions) error
}

// create creates the entities of a namespace: each when what it forwards to is there. If
// they name each other in a ring, one that is new is first created without that; what is
// there already is never without it.
func (ns Namespace) create(ctx context.Context, b *broker.Broker) error {
	rest, err := putReady(ns.Name, b, ns.queues(ctx, b))
	if err != nil {
		return err
	}
	for _, t := range ns.Topics {
		if _, err := b.PutTopic(ctx, ns.Name, t.Name, t.Options); err != nil {
			return fmt.Errorf("topic %s of namespace %s: %w", t.Name, ns.Name, err)
		}
		rest = append(rest, t.subscriptions(ctx, b, ns.Name)...)
	}
	for len(rest) > 0 {
		before := len(rest)
		if rest, err = putReady(ns.Name, b, rest); err == nil && len(rest) == before {
			rest, err = putOne(ns.Name, b, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (ns Namespace) queues(ctx context.Context, b *broker.Broker) (all []entity) {
	for _, q := range ns.Queues {
		put := func(o broker.QueueOptions) error {
			_, err := b.PutQueue(ctx, ns.Name, q.Name, o)
			return err
		}
		all = append(all, entity{fmt.Sprintf("queue %s of namespace %s", q.Name, ns.Name), q.Name, q.Options, put})
	}
	return all
}

func (t Topic) subscriptions(ctx context.Context, b *broker.Broker, ns string) (all []entity) {
	for _, s := range t.Subscriptions {
		what := fmt.Sprintf("topic %s of namespace %s: subscription %s", t.Name, ns, s.Name)
		put := func(o broker.QueueOptions) error { return s.create(ctx, b, ns, t.Name, o) }
		all = append(all, entity{what, broker.SubscriptionPath(t.Name, s.Name), s.Options, put})
	}
	return all
}

// putReady puts what forwards to nothing that is not there, and returns the rest.
func putReady(ns string, b *broker.Broker, entities []entity) (rest []entity, err error) {
	for _, x := range entities {
		if !x.ready(ns, b) {
			rest = append(rest, x)
		} else if err := x.put(x.options); err != nil {
			return nil, fmt.Errorf("%s: %w", x.what, err)
		}
	}
	return rest, nil
}

func (x entity) ready(ns string, b *broker.Broker) bool {
	for _, f := range x.options.Forwards() {
		if _, err := b.Sender(ns, f.Path); err != nil {
			return false
		}
	}
	return true
}

// putOne puts the first entity that is not there without what it forwards to, or, if all
// are there, the first one. It returns the rest.
func putOne(ns string, b *broker.Broker, entities []entity) (rest []entity, err error) {
	x, rest := entities[0], entities[1:]
	for _, y := range entities {
		if _, err := b.Queue(ns, y.path); err != nil {
			x, rest = y, entities
			x.options.ForwardTo, x.options.ForwardDeadLetteredMessagesTo = "", ""
			break
		}
	}
	if err := x.put(x.options); err != nil {
		return nil, fmt.Errorf("%s: %w", x.what, err)
	}
	return rest, nil
}

// create makes a subscription with options. One that is declared with rules has these and
// no others.
func (s Subscription) create(ctx context.Context, b *broker.Broker, ns, topic string, o broker.QueueOptions) error {
	if _, err := b.PutSubscription(ctx, ns, topic, s.Name, o); err != nil || len(s.Rules) == 0 {
		return err
	}
	declared := map[string]bool{}
	for _, r := range s.Rules {
		declared[strings.ToLower(r.Name)] = true
		if _, err := b.PutRule(ctx, ns, topic, s.Name, r.Name, r.Options, broker.DropAutomatic); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	rules, err := b.Rules(ns, topic, s.Name)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if declared[strings.ToLower(r.Name)] {
			continue
		}
		if err := b.DeleteRule(ctx, ns, topic, s.Name, r.Name); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	return nil
}
