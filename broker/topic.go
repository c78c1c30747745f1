package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/clock"
	"switchyard/commit"
)

// topic is one topic with its subscriptions: one top-level entity, with one lock.
type topic struct {
	b         *Broker
	id        EntityID
	namespace *namespace
	path      string // as created
	created   time.Time

	mu       *entityLock
	options  TopicOptions
	access   []byte // written with mu and Broker.mu held
	updated  time.Time
	accessed time.Time
	deleted  bool
	// damaged: a subscription could not be opened. What is sent must be in all or in
	// none, so nothing can be, until that one is deleted.
	damaged bool
	// closed: its record can't be read, so nothing can be sent until it is put again.
	closed error
	// subscriptions is by lower-case name. It is changed with both mu and
	// Broker.mu held, and so may be read under either.
	subscriptions map[string]*subscription

	core *entity.Topic
	// schedule holds what waits at the topic: until it is due, or to go on to another
	// entity. It is under the topic's number and lock.
	schedule *messageStore
	decision entity.TopicDecision
	// messages holds the subscriptions' messages, by their numbers.
	messages map[EntityID]*messageStore
	// rules is what a send goes by, read without a lock and replaced with mu held:
	// the core finds out under the lock whether it is still the one that was used.
	rules atomic.Pointer[entity.RuleSet]
}

func newTopic(b *Broker, n *namespace, r EntityRecord, o TopicOptions, s entity.State) *topic {
	t := &topic{b: b, id: r.ID, namespace: n, path: r.Path, created: r.CreatedAt, updated: r.UpdatedAt,
		options: o, mu: &entityLock{entity: r.ID}, subscriptions: map[string]*subscription{},
		core: entity.NewTopic(config(&o), s)}
	t.schedule = newMessageStore(b, n, r, t.mu, o, t.core.Schedule())
	t.schedule.scheduleOf = t
	t.publish()
	return t
}

// TopicInfo describes a topic.
type TopicInfo struct {
	Path        string // as created
	Options     TopicOptions
	CreatedAt   time.Time
	UpdatedAt   time.Time
	AccessedAt  time.Time // zero until the first send since start
	SizeInBytes int64     // of all copies in all subscriptions and what is scheduled
	Scheduled   int64     // messages that wait at the topic until they are due
	// Transfer are messages that were sent by way of the topic and have not gone on yet,
	// TransferDeadLetter those that could not.
	Transfer, TransferDeadLetter int64
	SubscriptionCount            int
	// SQLFilterCount counts true and false filters too.
	SQLFilterCount, CorrelationFilterCount int
}

// PutTopic creates a topic or changes its options, and reports which. What the
// broker does not have is refused by name ([ErrNotSupported]); a queue of the
// same path is [ErrEntityExists]; a Basic namespace has no topics
// ([ErrNotAllowed]).
func (b *Broker) PutTopic(ctx context.Context, ns, path string, o TopicOptions) (created bool, err error) {
	c := b.PutTopicEffect(ns, path, o)
	_, absent := b.Topic(ns, path)
	err = b.change(ctx, putSize(absent), c)
	return c.created, err
}

// PutTopicEffect is [Broker.PutTopic] as part of a unit.
func (b *Broker) PutTopicEffect(ns, path string, o TopicOptions) *Change {
	return b.newChange("put topic", path, func(u *commit.Unit) (created bool, unlock func(), err error) {
		if err := invalid(description.CheckPath(path)); err != nil {
			return false, nil, err
		}
		n, err := b.find(ns)
		if err != nil {
			return false, nil, err
		}
		if o, err = normal(description.Topic, o, n.options.SKU); err != nil {
			return false, nil, err
		}
		t := n.topics[strings.ToLower(path)]
		if t == nil {
			err := n.canCreate(path)
			if err == nil {
				err = invalid(description.Topic.CheckNew(o, n.options.SKU))
			}
			if err == nil {
				err = n.canPartition(o.EnablePartitioning)
			}
			if err != nil {
				return false, nil, err
			}
			b.lastEntity++
			r := EntityRecord{ID: b.lastEntity, Path: path, CreatedAt: b.catalogueTime()}
			t = newTopic(b, n, r, o, entity.State{})
			n.topics[strings.ToLower(path)] = t
			created = true
		}
		t.mu.Lock()
		if err := unchanged(description.Topic, t.options, o); err != nil && t.closed == nil {
			t.mu.Unlock()
			return false, nil, err
		}
		t.options, t.updated, t.closed = o, b.catalogueTime(), nil
		t.core.SetConfig(config(&o))
		b.store.PutEntity(u, t.record())
		b.changed(u, n, t.path)
		for _, s := range t.subscriptions {
			s.messageStore.options = s.storeOptions()
			s.messageStore.q.SetConfig(s.config())
			s.messageStore.settleDown(b.Now())
		}
		t.schedule.touch()
		t.schedule.settleDown(b.Now()) // what fell due while nothing could be sent
		return created, t.mu.Unlock, nil
	})
}

func (t *topic) record() EntityRecord {
	return EntityRecord{ID: t.id, Namespace: t.namespace.id, Path: t.path, CreatedAt: t.created,
		UpdatedAt: t.updated, Definition: encodeEntity(kindTopic, t.options, t.access)}
}

// DeleteTopicEffect deletes a topic with its subscriptions and their messages; their
// consumers learn [ErrEntityDeleted]. Unless forced it is refused with
// [ErrEntityInUse] while pipeline runs hold messages of one.
func (b *Broker) DeleteTopicEffect(ns, path string, force bool) *Change {
	return b.newChange("delete topic", path, func(u *commit.Unit) (_ bool, unlock func(), err error) {
		_, t, err := b.findTopic(ns, path)
		if err != nil {
			return false, nil, err
		}
		t.mu.Lock()
		if !force {
			if err := t.unused(); err != nil {
				t.mu.Unlock()
				return false, nil, err
			}
		}
		t.remove(u)
		return false, t.mu.Unlock, nil
	})
}

// remove deletes the topic with its subscriptions. It is called with mu and Broker.mu held.
func (t *topic) remove(u *commit.Unit) {
	for _, s := range t.ordered() {
		s.messageStore.drop(u)
	}
	t.drop(u)
	delete(t.namespace.topics, strings.ToLower(t.path))
}

// unused fails while runs hold messages of the topic. It is called with mu held.
func (t *topic) unused() error {
	if err := t.schedule.unused(); err != nil {
		return err
	}
	for _, s := range t.subscriptions {
		if err := s.messageStore.unused(); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes the topic, whose subscriptions are deleted. It is called with mu held.
func (t *topic) drop(u *commit.Unit) {
	t.deleted = true
	t.schedule.drop(u)
}

// findTopic is called with Broker.mu held.
func (b *Broker) findTopic(ns, path string) (*namespace, *topic, error) {
	n, err := b.find(ns)
	if err != nil {
		return nil, nil, err
	}
	t := n.topics[strings.ToLower(path)]
	if t == nil {
		return nil, nil, notFound("topic", path, ns)
	}
	return n, t, nil
}

// Topics describes the topics of a namespace, sorted by path.
func (b *Broker) Topics(ns string) ([]TopicInfo, error) {
	b.mu.RLock()
	n, err := b.find(ns)
	if err != nil {
		b.mu.RUnlock()
		return nil, err
	}
	all := make([]*topic, 0, len(n.topics))
	for _, t := range n.topics {
		all = append(all, t)
	}
	b.mu.RUnlock()
	infos := make([]TopicInfo, 0, len(all))
	for _, t := range all {
		if info, err := t.info(); err == nil {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b TopicInfo) int { return compareFold(a.Path, b.Path) })
	return infos, nil
}

func compareFold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// alive fails if the topic has been deleted. It is called with mu held.
func (t *topic) alive() error {
	if t.deleted {
		return fmt.Errorf("topic %q: %w", t.path, ErrEntityDeleted)
	}
	return nil
}

// whole fails if a subscription could not be opened. It is called with mu held.
func (t *topic) whole() error {
	if t.closed != nil {
		return t.closed
	}
	if !t.damaged {
		return nil
	}
	for _, s := range t.subscriptions {
		if s.messageStore.trouble.closed != nil {
			return s.messageStore.alive()
		}
	}
	return nil
}

func (t *topic) info() (TopicInfo, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.alive(); err != nil {
		return TopicInfo{}, err
	}
	info := TopicInfo{Path: t.path, Options: t.options, CreatedAt: t.b.ShownTime(t.created),
		UpdatedAt: t.b.ShownTime(t.updated), AccessedAt: t.b.ShownTime(t.accessed), SizeInBytes: t.core.Bytes(), SubscriptionCount: len(t.subscriptions),
	}
	own := t.schedule.counts()
	info.Scheduled, info.Transfer, info.TransferDeadLetter = own.Scheduled, own.Transfer, own.TransferDeadLetter
	info.SQLFilterCount, info.CorrelationFilterCount = t.filters()
	return info, nil
}

// filters counts the rules by the kind of their filters. It is called with mu or
// Broker.mu held.
func (t *topic) filters() (sql, correlation int) {
	for _, s := range t.subscriptions {
		for _, r := range s.rules {
			if r.Options.Filter.Correlation != nil {
				correlation++
			} else {
				sql++
			}
		}
	}
	return sql, correlation
}

// ordered returns the subscriptions in the order of their numbers. It is called
// with mu or Broker.mu held.
func (t *topic) ordered() []*subscription {
	all := make([]*subscription, 0, len(t.subscriptions))
	for _, s := range t.subscriptions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *subscription) int {
		return int(min(max(int64(a.messageStore.id)-int64(b.messageStore.id), -1), 1))
	})
	return all
}

// publish makes the rules as they are now those that sends go by. It is called
// with mu held.
func (t *topic) publish() {
	all := make([]entity.Subscription, 0, len(t.subscriptions))
	t.messages = make(map[EntityID]*messageStore, len(t.subscriptions))
	for _, s := range t.ordered() {
		e := s.messageStore
		t.messages[e.id] = e
		c := entity.Subscription{ID: e.id, Queue: e.q}
		c.DeadLetterFilterErrors = *s.options.DeadLetteringOnFilterEvaluationExceptions
		for _, r := range s.rules {
			c.Rules = append(c.Rules, r.core)
		}
		all = append(all, c)
	}
	t.rules.Store(t.core.SetSubscriptions(all))
}

// evaluate applies the rules of now to messages. It takes no lock.
func (t *topic) evaluate(op *entity.Publish) {
	now := t.b.Now()
	op.FanOut = t.rules.Load().FanOut(entity.Env{Now: now, Token: t.b.token}, clock.Shown(t.b.clock, now), op.Messages)
}

// check checks operations. It is called with mu held.
func (t *topic) check(env entity.Env, ops ...entity.TopicOp) (*entity.Need, error) {
	if err := errors.Join(t.alive(), t.whole()); err != nil {
		return nil, fmt.Errorf("topic %q: %w", t.path, err)
	}
	need, err := t.core.Check(env, ops...)
	if err != nil {
		return nil, fmt.Errorf("topic %q: %w", t.path, err)
	}
	return need, nil
}

// apply decides the checked operations and adds what follows to u. It reports
// whether that is more than peek locks. It is called with mu held.
func (t *topic) apply(u *commit.Unit, env entity.Env, ops ...entity.TopicOp) (durable bool) {
	d := &t.decision
	t.core.Apply(env, d, ops...)
	t.schedule.used = env.Now
	if d.Accessed {
		t.accessed = env.Now
	}
	t.schedule.history.write(t.b.store, u, t.id, &d.History)
	durable = d.Durable
	for _, x := range d.Subscriptions {
		durable = t.messages[x.Subscription].apply(u, env, x.Op) || durable
	}
	return durable
}

// settleDown is [messageStore.settleDown] for the subscriptions that the last
// decision has changed. It is called with mu held.
func (t *topic) settleDown(now time.Time) {
	for _, x := range t.decision.Subscriptions {
		t.messages[x.Subscription].settleDown(now)
	}
	t.schedule.settleDown(now) // it has the topic's history
	t.decision.Reset()
}
