package servicebusrp

import (
	"context"
	"errors"
	"net/http"

	"switchyard/arm"
	"switchyard/broker"
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
		return arm.PageOf(r, infos, arm.PageSize, func(i broker.SubscriptionInfo) *value.Object { return p.subscriptionObject(e, i) })
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
	o, echo := i.Options, p.echoOf(e.Name, i.Path)
	props := object(
		"isClientAffine", o.ClientAffine,
		"lockDuration", echo.text("lockDuration", o.LockDuration),
		"requiresSession", o.RequiresSession,
		"defaultMessageTimeToLive", echo.text("defaultMessageTimeToLive", o.DefaultMessageTimeToLive),
		"deadLetteringOnMessageExpiration", o.DeadLetteringOnMessageExpiration,
		"deadLetteringOnFilterEvaluationExceptions", o.DeadLetteringOnFilterEvaluationExceptions == nil || *o.DeadLetteringOnFilterEvaluationExceptions,
		"maxDeliveryCount", int64(o.MaxDeliveryCount),
		"status", string(o.Status),
		"enableBatchedOperations", o.EnableBatchedOperations == nil || *o.EnableBatchedOperations,
		"autoDeleteOnIdle", echo.text("autoDeleteOnIdle", o.AutoDeleteOnIdle))
	setText(props, "forwardTo", o.ForwardTo)
	setText(props, "forwardDeadLetteredMessagesTo", o.ForwardDeadLetteredMessagesTo)
	setText(props, "userMetadata", o.UserMetadata)
	props.Set("messageCount", i.Counts.Total)
	props.Set("countDetails", counts(i.Counts))
	props.Set("createdAt", arm.FormatTime(i.CreatedAt))
	props.Set("updatedAt", arm.FormatTime(i.UpdatedAt))
	props.Set("accessedAt", arm.FormatTime(i.AccessedAt))
	return object("id", e.subscriptionID(i.Topic, i.Name).String(), "name", i.Name, "type", "Microsoft.ServiceBus/namespaces/topics/subscriptions",
		"location", e.Location, "properties", props)
}

func (e envelope) subscriptionID(topic, name string) arm.ResourceID {
	return e.id().Child("topics", topic).Child("subscriptions", name)
}

func (p *Provider) putSubscription(ctx context.Context, r *arm.Request, topic string) (*arm.Response, error) {
	ns, name := r.ID.Names[0], r.ID.Names[2]
	var o broker.SubscriptionOptions
	written := echo{}
	body, props := properties(r)
	written.read(props, "lockDuration", &o.LockDuration)
	written.read(props, "defaultMessageTimeToLive", &o.DefaultMessageTimeToLive)
	written.readIdle(props, &o.AutoDeleteOnIdle)
	readInt(props, "maxDeliveryCount", &o.MaxDeliveryCount, 1, maxDeliveries)
	readStatus(props, &o.Status)
	o.DeadLetteringOnMessageExpiration, _ = props.Bool("deadLetteringOnMessageExpiration")
	o.DeadLetteringOnFilterEvaluationExceptions = optional(props, "deadLetteringOnFilterEvaluationExceptions")
	o.EnableBatchedOperations = optional(props, "enableBatchedOperations")
	o.RequiresSession, _ = props.Bool("requiresSession")
	o.ForwardTo, _ = props.String("forwardTo")
	o.ForwardDeadLetteredMessagesTo, _ = props.String("forwardDeadLetteredMessagesTo")
	o.UserMetadata, _ = props.String("userMetadata")
	o.ClientAffine, _ = props.Bool("isClientAffine")
	for _, unsupported := range []string{"clientAffineProperties", "duplicateDetectionHistoryTimeWindow"} {
		if v, ok := props.Value(unsupported); ok && !isEmpty(v) {
			props.Fail(unsupported, "it is not supported")
		}
	}
	if err := finish(body, props); err != nil {
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
		if err := p.unchanged(r, "Subscription",
			fixed{"requiresSession", old.Options.RequiresSession, o.RequiresSession},
			fixed{"isClientAffine", old.Options.ClientAffine, o.ClientAffine}); err != nil {
			return nil, err
		}
	}
	path := broker.SubscriptionPath(topic, name)
	if err := p.apply(ctx, p.o.Topics.PutSubscriptionEffect(ns, topic, name, o), func(u *commit.Unit) { p.putEcho(u, ns, path, written) }); err != nil {
		return nil, p.fail(r, err)
	}
	return p.answerSubscription(r)
}
