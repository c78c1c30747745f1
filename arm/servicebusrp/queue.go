package servicebusrp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/value"
)

// maxDeliveries is the greatest maxDeliveryCount that can be asked for.
const maxDeliveries = 2000

// queue finds a queue. The error wraps [broker.ErrEntityNotFound] if there is
// none, whatever else has that path.
func (p *Provider) queue(ns, path string) (broker.QueueInfo, error) {
	none := fmt.Errorf("queue %q: %w", path, broker.ErrEntityNotFound)
	if broker.CheckPath(path) != nil { // among others that of a sub-queue
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
		return arm.PageOf(r, infos, arm.PageSize, func(i broker.QueueInfo) *value.Object { return p.queueObject(e, i) })
	case r.Method == http.MethodGet:
		return p.answerQueue(r)
	case r.Method == http.MethodPut:
		return p.putQueue(ctx, r)
	case r.Method == http.MethodDelete:
		info, err := p.queue(ns, r.ID.Names[1])
		return p.deleteEntity(ctx, r, info.Path, err, func() commit.Effect { return p.o.Broker.DeleteQueueEffect(ns, info.Path, true) })
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
	o, echo := i.Options, p.echoOf(e.Name, i.Path)
	props := object(
		"maxMessageSizeInKilobytes", o.MaxMessageSize>>10,
		"lockDuration", echo.text("lockDuration", o.LockDuration),
		"maxSizeInMegabytes", int64(o.MaxSizeInMegabytes),
		"requiresDuplicateDetection", o.RequiresDuplicateDetection,
		"requiresSession", o.RequiresSession,
		"defaultMessageTimeToLive", echo.text("defaultMessageTimeToLive", o.DefaultMessageTimeToLive),
		"deadLetteringOnMessageExpiration", o.DeadLetteringOnMessageExpiration,
		"enableBatchedOperations", o.EnableBatchedOperations == nil || *o.EnableBatchedOperations,
		"duplicateDetectionHistoryTimeWindow", echo.text("duplicateDetectionHistoryTimeWindow", o.DuplicateDetectionHistoryTimeWindow),
		"maxDeliveryCount", int64(o.MaxDeliveryCount),
		"status", string(o.Status),
		"autoDeleteOnIdle", echo.text("autoDeleteOnIdle", o.AutoDeleteOnIdle),
		"enablePartitioning", o.EnablePartitioning,
		"enableExpress", o.EnableExpress)
	setText(props, "forwardTo", o.ForwardTo)
	setText(props, "forwardDeadLetteredMessagesTo", o.ForwardDeadLetteredMessagesTo)
	setText(props, "userMetadata", o.UserMetadata)
	props.Set("sizeInBytes", i.Counts.SizeInBytes)
	props.Set("messageCount", i.Counts.Total)
	props.Set("countDetails", counts(i.Counts))
	props.Set("createdAt", arm.FormatTime(i.CreatedAt))
	props.Set("updatedAt", arm.FormatTime(i.UpdatedAt))
	props.Set("accessedAt", arm.FormatTime(i.AccessedAt))
	return e.child("queues", i.Path, props)
}

// child is the outside of every entity of a namespace.
func (e envelope) child(typ, name string, props *value.Object) *value.Object {
	return object("id", e.id().Child(typ, name).String(), "name", name, "type", "Microsoft.ServiceBus/namespaces/"+typ, "location", e.Location, "properties", props)
}

func setText(o *value.Object, name, val string) {
	if val != "" {
		o.Set(name, val)
	}
}

func counts(c broker.Counts) *value.Object {
	return object("activeMessageCount", c.Active, "deadLetterMessageCount", c.DeadLetter, "scheduledMessageCount", c.Scheduled,
		"transferMessageCount", c.Transfer, "transferDeadLetterMessageCount", c.TransferDeadLetter)
}

// readOnly are members of entities that clients send back.
var readOnly = []string{"sizeInBytes", "messageCount", "subscriptionCount", "countDetails", "createdAt", "updatedAt", "accessedAt"}

// properties begins to read the body of an entity.
func properties(r *arm.Request) (body, props *arm.Reader) {
	body = arm.Read(r.Body, arm.BadRequest)
	props, _ = body.Object("properties")
	props.Ignore(readOnly...)
	body.Ignore("id", "name", "type", "location", "systemData")
	return body, props
}

func finish(body, props *arm.Reader) error {
	props.Close()
	body.Close()
	return body.Err()
}

func (p *Provider) putQueue(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns, path := r.ID.Names[0], r.ID.Names[1]
	var o broker.QueueOptions
	written := echo{}
	body, props := properties(r)
	written.read(props, "lockDuration", &o.LockDuration)
	written.read(props, "defaultMessageTimeToLive", &o.DefaultMessageTimeToLive)
	written.read(props, "duplicateDetectionHistoryTimeWindow", &o.DuplicateDetectionHistoryTimeWindow)
	written.readIdle(props, &o.AutoDeleteOnIdle)
	readInt(props, "maxDeliveryCount", &o.MaxDeliveryCount, 1, maxDeliveries)
	readInt(props, "maxSizeInMegabytes", &o.MaxSizeInMegabytes, 1, 1<<20)
	readMessageSize(props, &o.MaxMessageSize)
	readStatus(props, &o.Status)
	o.DeadLetteringOnMessageExpiration, _ = props.Bool("deadLetteringOnMessageExpiration")
	o.EnableBatchedOperations = optional(props, "enableBatchedOperations")
	o.RequiresSession, _ = props.Bool("requiresSession")
	o.RequiresDuplicateDetection, _ = props.Bool("requiresDuplicateDetection")
	o.EnablePartitioning, _ = props.Bool("enablePartitioning")
	o.EnableExpress, _ = props.Bool("enableExpress")
	o.ForwardTo, _ = props.String("forwardTo")
	o.ForwardDeadLetteredMessagesTo, _ = props.String("forwardDeadLetteredMessagesTo")
	o.UserMetadata, _ = props.String("userMetadata")
	if err := finish(body, props); err != nil {
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
		if err := p.unchanged(r, "Queue",
			fixed{"requiresSession", old.Options.RequiresSession, o.RequiresSession},
			fixed{"requiresDuplicateDetection", old.Options.RequiresDuplicateDetection, o.RequiresDuplicateDetection},
			fixed{"enablePartitioning", old.Options.EnablePartitioning, o.EnablePartitioning}); err != nil {
			return nil, err
		}
	}
	if err := p.apply(ctx, p.o.Broker.PutQueueEffect(ns, path, o), func(u *commit.Unit) { p.putEcho(u, ns, path, written) }); err != nil {
		return nil, p.fail(r, err)
	}
	return p.answerQueue(r)
}

// A fixed property can be chosen only when the entity is created.
type fixed struct {
	name     string
	old, new bool
}

func (p *Provider) unchanged(r *arm.Request, kind string, properties ...fixed) error {
	for _, f := range properties {
		if f.old != f.new {
			return p.refused(r, "The value for the '%s' property of an existing %s cannot be changed", f.name, kind)
		}
	}
	return nil
}

func readInt(props *arm.Reader, name string, v *int, least, most int64) {
	n, ok := props.Int(name)
	if !ok {
		return
	}
	if n < least || n > most {
		props.Fail(name, "%d is not from %d to %d", n, least, most)
		return
	}
	*v = int(n)
}

func readMessageSize(props *arm.Reader, bytes *int64) {
	var kib int
	readInt(props, "maxMessageSizeInKilobytes", &kib, 1, 1<<20)
	*bytes = int64(kib) << 10
}

func readStatus(props *arm.Reader, status *broker.EntityStatus) {
	s, ok := props.String("status")
	if !ok {
		return
	}
	for _, known := range []broker.EntityStatus{broker.StatusActive, broker.StatusDisabled, broker.StatusSendDisabled, broker.StatusReceiveDisabled} {
		if strings.EqualFold(s, string(known)) {
			*status = known
			return
		}
	}
	props.Fail("status", "'%.40s' is not Active, Disabled, SendDisabled or ReceiveDisabled", s)
}

func optional(props *arm.Reader, name string) *bool {
	if v, ok := props.Bool(name); ok {
		return &v
	}
	return nil
}

// deleteEntity deletes a queue, a topic or a subscription: found is what looking
// for it gave.
func (p *Provider) deleteEntity(ctx context.Context, r *arm.Request, path string, found error, effect func() commit.Effect) (*arm.Response, error) {
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
	var left error
	err := p.apply(ctx, effect(), func(u *commit.Unit) {
		left = p.deleteEcho(u, ns, path)
		p.k.DeleteScope(u, r.ID)
		if len(p.o.Authority.Rules(ns, path)) > 0 {
			p.o.Authority.DeleteEntity(ns, path)
			p.o.SaveRules(u)
		}
	})
	if left != nil { // only a spelling
		p.o.Logger.Warn("durations of a deleted entity are left over", "namespace", ns, "entity", path, "err", left)
	}
	if errors.Is(err, broker.ErrEntityNotFound) {
		return arm.NoContent(), nil // somebody else was faster
	}
	if err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(nil), nil
}
