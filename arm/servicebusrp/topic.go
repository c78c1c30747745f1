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

func (p *Provider) topic(ns, path string) (broker.TopicInfo, error) {
	t, err := p.o.Topics.Topic(ns, path)
	if err != nil {
		return broker.TopicInfo{}, err
	}
	return t.Info()
}

func (p *Provider) handleTopic(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns := r.ID.Names[0]
	switch {
	case r.Action != "":
		return nil, arm.MethodNotAllowed(r)
	case r.Collection:
		infos, err := p.o.Topics.Topics(ns)
		if err != nil {
			return nil, p.fail(r, err)
		}
		e, err := p.namespaceOf(r.ID)
		if err != nil {
			return nil, parentError(r, namespaceID(r.ID), err)
		}
		return arm.PageOf(r, infos, arm.PageSize,
			func(i broker.TopicInfo) *value.Object { return p.topicObject(e, i) })
	case r.Method == http.MethodGet:
		return p.answerTopic(r)
	case r.Method == http.MethodPut:
		return p.putTopic(ctx, r)
	case r.Method == http.MethodDelete:
		info, err := p.topic(ns, r.ID.Names[1])
		return p.deleteEntity(ctx, r, info.Path, err,
			func() commit.Effect { return p.o.Topics.DeleteTopicEffect(ns, info.Path, true) })
	}
	return nil, arm.MethodNotAllowed(r)
}

func (p *Provider) answerTopic(r *arm.Request) (*arm.Response, error) {
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	info, err := p.topic(e.Name, r.ID.Names[1])
	if errors.Is(err, broker.ErrEntityNotFound) {
		return nil, p.notFound(r)
	}
	if err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(p.topicObject(e, info)), nil
}

// topicObject is a topic as clients see it [ARM 6.3].
func (p *Provider) topicObject(e envelope, i broker.TopicInfo) *value.Object {
	props := properties(description.Topic, i.Options, map[string]value.Value{
		"sizeInBytes":       i.SizeInBytes,
		"subscriptionCount": int64(i.SubscriptionCount),
		"countDetails": counts(broker.Counts{Scheduled: i.Scheduled, // its subscriptions hold what is not here
			Transfer: i.Transfer, TransferDeadLetter: i.TransferDeadLetter}),
		"createdAt":  arm.FormatTime(i.CreatedAt),
		"updatedAt":  arm.FormatTime(i.UpdatedAt),
		"accessedAt": arm.FormatTime(i.AccessedAt),
	})
	return e.child("topics", i.Path, props)
}

func (p *Provider) putTopic(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns, path := r.ID.Names[0], r.ID.Names[1]
	o, err := readOptions(r, description.Topic)
	if err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	old, err := p.topic(ns, path)
	if err != nil && !errors.Is(err, broker.ErrEntityNotFound) {
		return nil, p.fail(r, err)
	}
	exists := err == nil
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	if exists {
		if err := p.unchanged(r, description.Topic, old.Options, o); err != nil {
			return nil, err
		}
	}
	if err := p.apply(ctx, p.o.Topics.PutTopicEffect(ns, path, o), nil); err != nil {
		return nil, p.fail(r, err)
	}
	return p.answerTopic(r)
}
