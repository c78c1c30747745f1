package broker

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/commit"
)

// A Sender is what messages can be sent to, a [Scheduler] or one by way of another: see
// [Broker.Via].
type Sender interface {
	// Namespace and Path name the entity as they were created.
	Namespace() string
	Path() string
	// Send accepts messages, all or none; see [Queue.Send] and [Topic.Send].
	Send(msgs []*Message, done func(error)) (*commit.Unit, error)
	// Limits says what the entity takes at the moment.
	Limits() (SendLimits, error)

	// plan adds to a plan that messages are accepted, whose times are by the broker's
	// clock; keep is as in [entity.Send].
	plan(p *plan, msgs []*Message, keep bool) error
	// top returns the top-level entity, by its lock, and its path.
	top() (*entityLock, string)
	// admits fails if the entity does not take messages that it is to have later, beside
	// so many bytes of others.
	admits(msgs []*Message, others int64) error
}

// A Scheduler is what messages can be sent to at once or later, a [*Queue] or a [*Topic].
type Scheduler interface {
	Sender
	// Schedule accepts messages for the times that they have, all or none, and tells
	// their numbers once that is durable; else it is as Send.
	Schedule(msgs []*Message, done func(numbers []int64)) (*commit.Unit, error)
	// CancelScheduled takes scheduled messages away, all or none, and calls done once
	// that is durable. The caller must sync the unit. Errors: a [MissingError] names
	// those that are not (any more) scheduled; [ErrEntityDisabled], [ErrEntityDeleted].
	CancelScheduled(numbers []int64, done func()) (*commit.Unit, error)

	// schedule returns what keeps the scheduled messages, and those that go on to another
	// entity.
	schedule() *messageStore
}

// SendLimits are what a sender needs to know of an entity beforehand.
type SendLimits struct {
	Status         EntityStatus
	MaxMessageSize int64 // bytes of one message
	Partitioned    bool  // see [SendLimits.SameKey]
	detects        bool  // duplicates
}

// Sender finds what messages are sent to at an address: a queue or a topic. Case
// does not matter. Errors: [ErrEntityNotFound]; [ErrNotAllowed] for a
// subscription or a queue of dead letters.
func (b *Broker) Sender(ns, path string) (Scheduler, error) {
	entityPath, sub := SplitPath(path)
	b.mu.RLock()
	defer b.mu.RUnlock()
	n, err := b.find(ns)
	if err != nil {
		return nil, err
	}
	var q *Queue
	if e := n.queues[strings.ToLower(entityPath)]; e != nil {
		q = &Queue{e: e, sub: sub}
	} else if s := n.subscription(SplitSubscription(entityPath)); s != nil {
		q = &Queue{e: s.messageStore, sub: sub}
	}
	if q != nil {
		if err := q.canSend(); err != nil {
			return nil, err
		}
		return q, nil
	}
	if t := n.topics[strings.ToLower(entityPath)]; t != nil && sub == MainQueue {
		return &Topic{t}, nil
	}
	return nil, notFound("entity", path, ns)
}

// Limits implements [Sender].
func (q *Queue) Limits() (SendLimits, error) {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	return sendLimits(&q.e.options), q.e.alive()
}

func sendLimits(o *description.Options) SendLimits {
	return SendLimits{Status: o.Status, MaxMessageSize: o.MaxMessageSize, Partitioned: o.EnablePartitioning,
		detects: o.RequiresDuplicateDetection}
}

func (q *Queue) plan(p *plan, msgs []*Message, keep bool) error {
	if err := q.canSend(); err != nil {
		return err
	}
	p.add(q.e, entity.Send{Messages: msgs, Keep: keep})
	return nil
}

func (q *Queue) top() (*entityLock, string) {
	if q.e.topic != nil {
		return q.e.mu, q.e.topic.path
	}
	return q.e.mu, q.e.path
}

func (q *Queue) admits(msgs []*Message, others int64) error {
	if err := q.canSend(); err != nil {
		return err
	}
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	if err := q.e.alive(); err != nil {
		return err
	}
	return q.e.q.Admits(msgs, others)
}

// A Topic is what messages are sent to so that its subscriptions get them. It
// stays usable when options, subscriptions and rules change; after the topic was
// deleted every method answers [ErrEntityDeleted].
type Topic struct{ t *topic }

// Topic finds a topic by its path. Case does not matter.
func (b *Broker) Topic(ns, path string) (*Topic, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, t, err := b.findTopic(ns, path)
	if err != nil {
		return nil, err
	}
	return &Topic{t}, nil
}

// Namespace returns the name of the namespace.
func (t *Topic) Namespace() string { return t.t.namespace.name }

// Path returns the topic's path as it was created.
func (t *Topic) Path() string { return t.t.path }

// Info describes the topic.
func (t *Topic) Info() (TopicInfo, error) { return t.t.info() }

// Limits implements [Sender].
func (t *Topic) Limits() (SendLimits, error) {
	t.t.mu.Lock()
	defer t.t.mu.Unlock()
	return sendLimits(&t.t.options), t.t.alive()
}

// Send accepts messages, all or none, and gives each subscription its copies, in
// one unit. The messages themselves get no sequence number: each subscription
// numbers its copies. A message that no rule lets pass is accepted and dropped
// [SB-SEM 7]. Everything else is as in [Queue.Send].
func (t *Topic) Send(msgs []*Message, done func(error)) (*commit.Unit, error) {
	b := t.t.b
	b.scheduledFor(msgs)
	now, later := t.t.later(msgs)
	op := &entity.Publish{Messages: now, Keep: b.keeps()}
	t.t.evaluate(op)
	size := sizeOfFanOut(op) + sendSize(later)
	if err := b.log.Admit(b.ctx, size); err != nil {
		return nil, fmt.Errorf("send to topic %q: %w", t.t.path, err)
	}
	return t.t.sendPlan(op, later).submit(sent(done))
}

// sizeOfFanOut is about how many bytes of log the copies take.
func sizeOfFanOut(op *entity.Publish) int {
	return int(op.FanOut.Bytes) + (op.FanOut.Count+1)*messageOverhead
}

func (t *Topic) plan(p *plan, msgs []*Message, keep bool) error {
	now, later := t.t.later(msgs)
	t.t.send(p, &entity.Publish{Messages: now, Keep: keep}, later)
	return nil
}

func (t *Topic) top() (*entityLock, string) { return t.t.mu, t.t.path }

func (t *Topic) admits(msgs []*Message, others int64) error {
	t.t.mu.Lock()
	defer t.t.mu.Unlock()
	if err := errors.Join(t.t.alive(), t.t.whole()); err != nil {
		return err
	}
	return t.t.core.Admits(msgs, others)
}
