package servicebusrp

import (
	"context"
	"errors"
	"net/http"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/commit"
	"switchyard/value"
)

// handleTopicSubscription answers for the subscriptions of a topic.
func (p *Provider) handleTopicSubscription(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns := r.ID.Names[0]
	topic, err := p.o.Topics.Topic(ns, r.ID.Names[1])
	if err != nil {
		return nil, p.fail(r, parentError(r, topicID(r.ID), err))
	}
	switch {
	case r.Action != "":
		return nil, arm.MethodNotAllowed(r)
	case r.Collection:
		infos, err := p.o.Topics.Subscriptions(ns, topic.Path())
		if err != nil {
			return nil, p.fail(r, err)
		}
		e, err := p.namespaceOf(r.ID)
		if err != nil {
			return nil, parentError(r, namespaceID(r.ID), err)
		}
		return arm.PageOf(r, infos, arm.PageSize,
			func(i broker.SubscriptionInfo) *value.Object { return p.subscriptionObject(e, i) })
	case r.Method == http.MethodGet:
		return p.answerSubscription(r)
	case r.Method == http.MethodPut:
		return p.putSubscription(ctx, r, topic.Path())
	case r.Method == http.MethodDelete:
		info, err := p.o.Topics.Subscription(ns, topic.Path(), r.ID.Names[2])
		return p.deleteEntity(ctx, r, info.Path, err, func() commit.Effect {
			return p.o.Topics.DeleteSubscriptionEffect(ns, info.Topic, info.Name, true)
		})
	}
	return nil, arm.MethodNotAllowed(r)
}

// topicID is the topic that a subscription or a rule is in.
func topicID(id arm.ResourceID) arm.ResourceID {
	id.Types, id.Names = id.Types[:2], id.Names[:2]
	return id
}

func (p *Provider) answerSubscription(r *arm.Request) (*arm.Response, error) {
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	info, err := p.o.Topics.Subscription(e.Name, r.ID.Names[1], r.ID.Names[2])
	if errors.Is(err, broker.ErrEntityNotFound) {
		return nil, p.notFound(r)
	}
	if err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(p.subscriptionObject(e, info)), nil
}

// subscriptionObject is a subscription as clients see it [ARM 6.4].
func (p *Provider) subscriptionObject(e envelope, i broker.SubscriptionInfo) *value.Object {
	props := properties(description.Subscription, i.Options, map[string]value.Value{
		"messageCount": i.Counts.Total,
		"countDetails": counts(i.Counts),
		"createdAt":    arm.FormatTime(i.CreatedAt),
		"updatedAt":    arm.FormatTime(i.UpdatedAt),
		"accessedAt":   arm.FormatTime(i.AccessedAt),
	})
	return object("id", e.subscriptionID(i.Topic, i.Name).String(), "name", i.Name,
		"type", "Microsoft.ServiceBus/namespaces/topics/subscriptions",
		"location", e.Location, "properties", props)
}

func (e envelope) subscriptionID(topic, name string) arm.ResourceID {
	return e.id().Child("topics", topic).Child("subscriptions", name)
}

func (p *Provider) putSubscription(ctx context.Context, r *arm.Request, topic string) (*arm.Response, error) {
	ns, name := r.ID.Names[0], r.ID.Names[2]
	o, err := readOptions(r, description.Subscription, "clientAffineProperties",
		"duplicateDetectionHistoryTimeWindow")
	if err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	old, err := p.o.Topics.Subscription(ns, topic, name)
	if err != nil && !errors.Is(err, broker.ErrEntityNotFound) {
		return nil, p.fail(r, err)
	}
	exists := err == nil
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	if exists {
		if err := p.unchanged(r, description.Subscription, old.Options, o); err != nil {
			return nil, err
		}
	}
	if err := p.apply(ctx, p.o.Topics.PutSubscriptionEffect(ns, topic, name, o), nil); err != nil {
		return nil, p.fail(r, err)
	}
	return p.answerSubscription(r)
}
