package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/commit"
)

// PutQueue creates a queue or changes its options, and reports which. What the
// broker does not have is refused by name ([ErrNotSupported]); a topic of the
// same path is [ErrEntityExists]. Consumers of a queue that is no longer received
// from are closed and learn [ErrEntityDisabled].
func (b *Broker) PutQueue(ctx context.Context, ns, path string, o QueueOptions) (created bool, err error) {
	c := b.PutQueueEffect(ns, path, o)
	_, absent := b.Queue(ns, path)
	err = b.change(ctx, putSize(absent), c)
	return c.created, err
}

// PutQueueEffect is [Broker.PutQueue] as part of a unit.
func (b *Broker) PutQueueEffect(ns, path string, o QueueOptions) *Change {
	return b.newChange("put queue", path, func(u *commit.Unit) (created bool, unlock func(), err error) {
		if err := invalid(description.CheckPath(path)); err != nil {
			return false, nil, err
		}
		n, err := b.find(ns)
		if err != nil {
			return false, nil, err
		}
		if o, err = normal(description.Queue, o, n.options.SKU); err != nil {
			return false, nil, err
		}
		e := n.queues[strings.ToLower(path)]
		var old *QueueOptions
		if e != nil {
			old = &e.options // written with Broker.mu held, too
		}
		if err := n.checkForwards(path, &o, old); err != nil {
			return false, nil, err
		}
		if e == nil {
			err := n.canCreate(path)
			if err == nil {
				err = invalid(description.Queue.CheckNew(o, n.options.SKU))
			}
			if err == nil {
				err = n.canPartition(o.EnablePartitioning)
			}
			if err != nil {
				return false, nil, err
			}
			o = o.New()
			b.lastEntity++
			r := EntityRecord{ID: b.lastEntity, Path: path, CreatedAt: b.catalogueTime()}
			e = newMessageStore(b, n, r, &entityLock{entity: r.ID}, o, entity.New(config(&o), entity.State{}))
			n.queues[strings.ToLower(path)] = e
			created = true
		}
		e.mu.Lock()
		if err := unchanged(description.Queue, e.options, o); err != nil && e.trouble.closed == nil {
			e.mu.Unlock()
			return false, nil, err
		}
		e.options = o
		e.reconfigure(u, config(&o), encodeEntity(kindQueue, o, e.access))
		return created, e.mu.Unlock, nil
	})
}

// catalogueTime is now to the millisecond, as the catalogue and messages keep it.
func (b *Broker) catalogueTime() time.Time { return b.Now().Truncate(time.Millisecond) }

// canCreate fails if no queue or topic of that path can be created.
func (n *namespace) canCreate(path string) error {
	if err := n.free(path); err != nil {
		return err
	}
	if n.entities() >= maxQueues {
		return fmt.Errorf("%w: namespace %q has %d entities", ErrQuotaExceeded, n.name, n.entities())
	}
	return nil
}

// free fails if something has that path: the address of a subscription is one too.
func (n *namespace) free(path string) error {
	switch {
	case n.queues[strings.ToLower(path)] != nil:
		return fmt.Errorf("%w: there is a queue %q", ErrEntityExists, path)
	case n.topics[strings.ToLower(path)] != nil:
		return fmt.Errorf("%w: there is a topic %q", ErrEntityExists, path)
	case n.subscription(SplitSubscription(path)) != nil:
		return fmt.Errorf("%w: there is a subscription %q", ErrEntityExists, path)
	}
	return nil
}

// reconfigure records the definition and lets it take effect. It is called with
// mu held.
func (e *messageStore) reconfigure(u *commit.Unit, c entity.Config, definition []byte) {
	e.updated = e.b.catalogueTime()
	e.touch()
	e.q.SetConfig(c)
	e.b.store.PutEntity(u, e.record(definition))
	e.b.changed(u, e.namespace, e.path)
	for _, c := range slices.Clone(e.consumers) {
		if err := e.q.CanReceive(c.sub); err != nil {
			e.end(u, c, err)
		}
	}
	e.settleDown(e.b.Now()) // it may have another time of idleness, or messages to be moved
}

// changed tells the listener of a change of an entity once the unit is durable, and those
// who wait for one.
func (b *Broker) changed(u *commit.Unit, n *namespace, path string) {
	if b.waiting.any() {
		u.Then(func() { b.pool.add(b.waiting.wake) })
	}
	if f := b.events.EntityChanged; f != nil {
		u.Then(func() { f(n.name, path) })
	}
}

// DeleteQueueEffect deletes a queue with its messages; its consumers learn
// [ErrEntityDeleted]. Unless forced it is refused with [ErrEntityInUse] while
// pipeline runs hold messages of the queue.
func (b *Broker) DeleteQueueEffect(ns, path string, force bool) *Change {
	return b.newChange("delete queue", path, func(u *commit.Unit) (_ bool, unlock func(), err error) {
		n, err := b.find(ns)
		if err != nil {
			return false, nil, err
		}
		e := n.queues[strings.ToLower(path)]
		if e == nil {
			return false, nil, notFound("queue", path, ns)
		}
		e.mu.Lock()
		if !force {
			if err := e.unused(); err != nil {
				e.mu.Unlock()
				return false, nil, err
			}
		}
		e.remove(u)
		return false, e.mu.Unlock, nil
	})
}

func notFound(kind, path, ns string) error {
	return fmt.Errorf("%s %q in namespace %q: %w", kind, path, ns, ErrEntityNotFound)
}

// unused fails while runs hold messages of the entity. It is called with mu held.
func (e *messageStore) unused() error {
	if runs := e.runs(); len(runs) > 0 {
		return fmt.Errorf("queue %q: %w: %d runs", e.path, ErrEntityInUse, len(runs))
	}
	return nil
}

// runs returns the runs that hold messages, sorted. It is called with mu held.
func (e *messageStore) runs() []RunID {
	var runs []RunID
	e.q.RunLocks(func(run RunID, _ SubQueue, _ int64, _ LockToken) { runs = append(runs, run) })
	slices.Sort(runs)
	return slices.Compact(runs)
}

// drop deletes the entity. It is called with mu held.
func (e *messageStore) drop(u *commit.Unit) {
	e.deleted = true
	err := e.alive()
	for _, c := range slices.Clone(e.consumers) {
		e.end(u, c, err)
	}
	e.b.cached.Add(-e.q.ContentBytes())
	e.b.store.DeleteEntity(u, e.id) // after what ending the consumers may have written
	e.b.changed(u, e.namespace, e.path)
	runs := e.runs()
	if f := e.b.events.QueueDeleted; f != nil && (e.scheduleOf == nil || len(runs) > 0) {
		u.Then(func() { f(e.namespace.name, e.path, runs) })
	}
	for sub := range e.watchers {
		for _, w := range e.watchers[sub] {
			u.Then(w.fire)
		}
	}
}

// end closes a consumer that did not ask for it. It is called with mu held.
func (e *messageStore) end(u *commit.Unit, c *Consumer, err error) {
	e.forget(c)
	e.apply(u, entity.Env{Now: e.b.Now(), Token: e.b.token}, entity.CloseConsumer{Consumer: c.c})
	u.Then(func() {
		if !c.closed.Swap(true) && c.o.Closed != nil {
			c.o.Closed(err)
		}
	})
}

// Queue finds a sub-queue by its address: a queue's path, or topic/Subscriptions/name,
// which may end in "/$DeadLetterQueue"; the path of a queue or a topic with
// "/$Transfer/$DeadLetterQueue" behind it. Case does not matter. Errors: [ErrEntityNotFound]; [ErrNotReceivable] if it is a
// topic.
func (b *Broker) Queue(ns, path string) (*Queue, error) {
	path, sub := SplitPath(path)
	b.mu.RLock()
	defer b.mu.RUnlock()
	n, err := b.find(ns)
	if err != nil {
		return nil, err
	}
	if e := n.queues[strings.ToLower(path)]; e != nil {
		return &Queue{e: e, sub: sub}, nil
	}
	if s := n.subscription(SplitSubscription(path)); s != nil {
		return &Queue{e: s.messageStore, sub: sub}, nil
	}
	t := n.topics[strings.ToLower(path)]
	switch {
	case t != nil && sub == TransferDeadLetterQueue:
		return &Queue{e: t.schedule, sub: sub}, nil
	case t != nil && sub == MainQueue:
		return nil, fmt.Errorf("topic %q in namespace %q: %w", path, ns, ErrNotReceivable)
	}
	return nil, notFound("queue", path, ns)
}

// Queues describes the queues of a namespace, sorted by path; topics are not
// among them.
func (b *Broker) Queues(ns string) ([]QueueInfo, error) {
	b.mu.RLock()
	n, err := b.find(ns)
	if err != nil {
		b.mu.RUnlock()
		return nil, err
	}
	all := make([]*messageStore, 0, len(n.queues))
	for _, e := range n.queues {
		all = append(all, e)
	}
	b.mu.RUnlock()
	infos := make([]QueueInfo, 0, len(all))
	for _, e := range all {
		if info, err := e.info(); err == nil {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b QueueInfo) int { return compareFold(a.Path, b.Path) })
	return infos, nil
}

func (e *messageStore) info() (QueueInfo, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.exists(); err != nil {
		return QueueInfo{}, err
	}
	return QueueInfo{Path: e.path, Options: e.options, CreatedAt: e.b.ShownTime(e.created),
		UpdatedAt: e.b.ShownTime(e.updated), AccessedAt: e.b.ShownTime(e.accessed), Counts: e.counts()}, nil
}

// counts is called with mu held.
func (e *messageStore) counts() Counts {
	messages := func(s SubQueue) int64 { return e.q.Counters(s).Messages }
	c := Counts{
		Active:             messages(MainQueue),
		DeadLetter:         messages(DeadLetterQueue),
		Scheduled:          messages(ScheduledMessages),
		Transfer:           messages(TransferQueue),
		TransferDeadLetter: messages(TransferDeadLetterQueue),
		SizeInBytes:        e.q.Bytes(),
		Locked:             int64(e.q.Locked(MainQueue)),
	}
	c.Total = c.Active + c.DeadLetter + c.Scheduled + c.Transfer + c.TransferDeadLetter
	return c
}
