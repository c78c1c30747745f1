package servicebusrp

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/commit"
	"switchyard/value"
)

// queue finds a queue. The error wraps [broker.ErrEntityNotFound] if there is
// none, whatever else has that path.
func (p *Provider) queue(ns, path string) (broker.QueueInfo, error) {
	none := fmt.Errorf("queue %q: %w", path, broker.ErrEntityNotFound)
	if description.CheckPath(path) != nil { // among others that of a sub-queue
		return broker.QueueInfo{}, none
	}
	if topic, name, ok := broker.SplitSubscription(path); ok && p.o.Topics != nil {
		if _, err := p.o.Topics.Subscription(ns, topic, name); err == nil {
			return broker.QueueInfo{}, none
		}
	}
	q, err := p.o.Broker.Queue(ns, path)
	if errors.Is(err, broker.ErrNotReceivable) {
		return broker.QueueInfo{}, none
	}
	if err != nil {
		return broker.QueueInfo{}, err
	}
	return q.Info()
}

func (p *Provider) handleQueue(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns := r.ID.Names[0]
	switch {
	case r.Action != "":
		return nil, arm.MethodNotAllowed(r)
	case r.Collection:
		infos, err := p.o.Broker.Queues(ns)
		if err != nil {
			return nil, p.fail(r, err)
		}
		e, err := p.namespaceOf(r.ID)
		if err != nil {
			return nil, parentError(r, namespaceID(r.ID), err)
		}
		return arm.PageOf(r, infos, arm.PageSize,
			func(i broker.QueueInfo) *value.Object { return p.queueObject(e, i) })
	case r.Method == http.MethodGet:
		return p.answerQueue(r)
	case r.Method == http.MethodPut:
		return p.putQueue(ctx, r)
	case r.Method == http.MethodDelete:
		info, err := p.queue(ns, r.ID.Names[1])
		return p.deleteEntity(ctx, r, info.Path, err,
			func() commit.Effect { return p.o.Broker.DeleteQueueEffect(ns, info.Path, true) })
	}
	return nil, arm.MethodNotAllowed(r)
}

func (p *Provider) answerQueue(r *arm.Request) (*arm.Response, error) {
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	info, err := p.queue(e.Name, r.ID.Names[1])
	if errors.Is(err, broker.ErrEntityNotFound) {
		return nil, p.notFound(r)
	}
	if err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(p.queueObject(e, info)), nil
}

// queueObject is a queue as clients see it [ARM 6.2]: everything that can be
// written is there.
func (p *Provider) queueObject(e envelope, i broker.QueueInfo) *value.Object {
	props := properties(description.Queue, i.Options, map[string]value.Value{
		"sizeInBytes":  i.Counts.SizeInBytes,
		"messageCount": i.Counts.Total,
		"countDetails": counts(i.Counts),
		"createdAt":    arm.FormatTime(i.CreatedAt),
		"updatedAt":    arm.FormatTime(i.UpdatedAt),
		"accessedAt":   arm.FormatTime(i.AccessedAt),
	})
	return e.child("queues", i.Path, props)
}

// child is the outside of every entity of a namespace.
func (e envelope) child(typ, name string, props *value.Object) *value.Object {
	return object("id", e.id().Child(typ, name).String(), "name", name,
		"type", "Microsoft.ServiceBus/namespaces/"+typ, "location", e.Location, "properties", props)
}

func counts(c broker.Counts) *value.Object {
	return object("activeMessageCount", c.Active, "deadLetterMessageCount", c.DeadLetter,
		"scheduledMessageCount", c.Scheduled,
		"transferMessageCount", c.Transfer, "transferDeadLetterMessageCount", c.TransferDeadLetter)
}

func (p *Provider) putQueue(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns, path := r.ID.Names[0], r.ID.Names[1]
	o, err := readOptions(r, description.Queue)
	if err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	old, err := p.queue(ns, path)
	if err != nil && !errors.Is(err, broker.ErrEntityNotFound) {
		return nil, p.fail(r, err)
	}
	exists := err == nil
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	if exists {
		if err := p.unchanged(r, description.Queue, old.Options, o); err != nil {
			return nil, err
		}
	}
	if err := p.apply(ctx, p.o.Broker.PutQueueEffect(ns, path, o), nil); err != nil {
		return nil, p.fail(r, err)
	}
	return p.answerQueue(r)
}

// belongings returns what deletes what is kept of an entity outside the broker's records.
func (p *Provider) belongings(id arm.ResourceID, ns, path string) func(u *commit.Unit) {
	return func(u *commit.Unit) {
		p.k.DeleteScope(u, id)
		p.o.Authority.DeleteEntity(ns, path)
	}
}

// Belongings is for an entity that the broker deletes by itself
// ([broker.Options] Belongings).
func (p *Provider) Belongings(ns, path string) func(u *commit.Unit) {
	id, err := p.NamespaceID(ns)
	if err != nil {
		p.o.Logger.Error("the roles on an entity stay behind", "namespace", ns, "entity", path, "error", err)
		return func(*commit.Unit) { p.o.Authority.DeleteEntity(ns, path) }
	}
	topic, name, ok := broker.SplitSubscription(path)
	switch {
	case p.o.Topics == nil:
		id = id.Child("queues", path)
	case ok && found(p.o.Topics.Subscription(ns, topic, name)):
		id = id.Child("topics", topic).Child("subscriptions", name)
	case found(p.topic(ns, path)):
		id = id.Child("topics", path)
	default:
		id = id.Child("queues", path)
	}
	return p.belongings(id, ns, path)
}

func found(_ any, err error) bool { return err == nil }

// deleteEntity deletes a queue, a topic or a subscription: found is what looking
// for it gave.
func (p *Provider) deleteEntity(ctx context.Context, r *arm.Request, path string, found error,
	effect func() commit.Effect) (*arm.Response, error) {
	if errors.Is(found, broker.ErrEntityNotFound) {
		return arm.NoContent(), nil
	}
	if found != nil {
		return nil, p.fail(r, found)
	}
	if err := r.Precondition(true, ""); err != nil {
		return nil, err
	}
	ns := r.ID.Names[0]
	p.changing.Lock()
	defer p.changing.Unlock()
	err := p.free(ctx, effect(), p.belongings(r.ID, ns, path))
	if errors.Is(err, broker.ErrEntityNotFound) {
		return arm.NoContent(), nil // somebody else was faster
	}
	if err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(nil), nil
}
