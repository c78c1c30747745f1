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
		for _, q := range ns.Queues {
			if _, err := b.PutQueue(ctx, ns.Name, q.Name, q.Options); err != nil {
				return fmt.Errorf("queue %s of namespace %s: %w", q.Name, ns.Name, err)
			}
		}
	}
	for _, ns := range d.Namespaces {
		for _, t := range ns.Topics {
			if err := t.create(ctx, b, ns.Name); err != nil {
				return fmt.Errorf("topic %s of namespace %s: %w", t.Name, ns.Name, err)
			}
		}
	}
	return nil
}

func (t Topic) create(ctx context.Context, b *broker.Broker, ns string) error {
	if _, err := b.PutTopic(ctx, ns, t.Name, t.Options); err != nil {
		return err
	}
	for _, sub := range t.Subscriptions {
		if err := sub.create(ctx, b, ns, t.Name); err != nil {
			return fmt.Errorf("subscription %s: %w", sub.Name, err)
		}
	}
	return nil
}

// create makes a subscription. One that is declared with rules has these and no
// others.
func (s Subscription) create(ctx context.Context, b *broker.Broker, ns, topic string) error {
	if _, err := b.PutSubscription(ctx, ns, topic, s.Name, s.Options); err != nil || len(s.Rules) == 0 {
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
