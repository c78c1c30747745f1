package broker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// PutQueue creates a queue or changes its options, and reports which. What the
// broker does not have is refused by name ([ErrNotSupported]). Closed consumers
// of a queue that is no longer received from learn [ErrEntityDisabled].
func (b *Broker) PutQueue(ctx context.Context, ns, path string, o QueueOptions) (created bool, err error) {
	if err := checkPath(path); err != nil {
		return false, err
	}
	if err := b.log.Admit(ctx, definitionSize); err != nil {
		return false, fmt.Errorf("put queue %q: %w", path, err)
	}
	u := &commit.Unit{}
	if created, err = b.putQueue(u, ns, path, o); err != nil {
		return false, fmt.Errorf("put queue %q: %w", path, err)
	}
	b.log.Sync(u)
	return created, nil
}

func (b *Broker) putQueue(u *commit.Unit, ns, path string, o QueueOptions) (created bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(ns)
	if err != nil {
		return false, err
	}
	if o, err = o.normal(n.options.SKU); err != nil {
		return false, err
	}
	now := b.Now().Truncate(time.Millisecond)
	e := n.queues[strings.ToLower(path)]
	if e == nil {
		if len(n.queues) >= maxQueues {
			return false, fmt.Errorf("%w: namespace %q has %d entities", ErrQuotaExceeded, ns, len(n.queues))
		}
		b.lastEntity++
		e = newHost(b, n, EntityRecord{ID: b.lastEntity, Path: path, CreatedAt: now}, o, entity.State{})
		n.queues[strings.ToLower(path)] = e
		created = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.updated = now
	e.options = o
	e.q.SetConfig(o.config())
	b.store.PutEntity(u, EntityRecord{ID: e.id, Namespace: n.id, Path: e.path, CreatedAt: e.created, UpdatedAt: now, Definition: encodeDefinition(o)})
	if err := e.q.CanReceive(MainQueue); err != nil {
		for _, c := range slices.Clone(e.consumers) {
			if c.sub == MainQueue {
				e.end(u, c, err)
			}
		}
	}
	b.log.Submit(u)
	return created, nil
}

// DeleteQueue deletes a queue with its messages; its consumers learn
// [ErrEntityDeleted]. Unless forced it is refused with [ErrEntityInUse] while
// pipeline runs hold messages of the queue.
func (b *Broker) DeleteQueue(ctx context.Context, ns, path string, force bool) error {
	if err := b.log.Admit(ctx, definitionSize); err != nil {
		return fmt.Errorf("delete queue %q: %w", path, err)
	}
	u := &commit.Unit{}
	if err := b.deleteQueue(u, ns, path, force); err != nil {
		return fmt.Errorf("delete queue %q: %w", path, err)
	}
	b.log.Sync(u)
	return nil
}

func (b *Broker) deleteQueue(u *commit.Unit, ns, path string, force bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, e, err := b.lookUp(ns, path)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !force {
		if err := e.unused(); err != nil {
			return err
		}
	}
	e.drop(u)
	delete(n.queues, strings.ToLower(path))
	b.log.Submit(u)
	return nil
}

// unused fails while runs hold messages of the entity. It is called with mu held.
func (e *host) unused() error {
	if runs := e.runs(); len(runs) > 0 {
		return fmt.Errorf("queue %q: %w: %d runs", e.path, ErrEntityInUse, len(runs))
	}
	return nil
}

// runs returns the runs that hold messages, sorted. It is called with mu held.
func (e *host) runs() []RunID {
	var runs []RunID
	e.q.RunLocks(func(run RunID, _ SubQueue, _ int64, _ LockToken) { runs = append(runs, run) })
	slices.Sort(runs)
	return slices.Compact(runs)
}

// drop deletes the entity. It is called with mu held.
func (e *host) drop(u *commit.Unit) {
	e.deleted = true
	err := e.alive()
	for _, c := range slices.Clone(e.consumers) {
		e.end(u, c, err)
	}
	e.b.cached.Add(-e.q.ContentBytes())
	e.b.store.DeleteEntity(u, e.id) // after what ending the consumers may have written
	if f := e.b.events.QueueDeleted; f != nil {
		runs := e.runs()
		u.Then(func() { f(e.namespace.name, e.path, runs) })
	}
	for sub := range e.watchers {
		for _, w := range e.watchers[sub] {
			u.Then(w.fire)
		}
	}
}

// end closes a consumer that did not ask for it. It is called with mu held.
func (e *host) end(u *commit.Unit, c *Consumer, err error) {
	e.forget(c)
	e.apply(u, e.env(), entity.CloseConsumer{Consumer: c.c})
	drains := c.takeDrains()
	u.Then(func() {
		c.closed.Store(true)
		if drains != nil {
			drains()
		}
		if c.o.Closed != nil {
			c.o.Closed(err)
		}
	})
}

// lookUp finds an entity by its path. It is called with mu held.
func (b *Broker) lookUp(ns, path string) (*namespace, *host, error) {
	n, err := b.find(ns)
	if err != nil {
		return nil, nil, err
	}
	e := n.queues[strings.ToLower(path)]
	if e == nil {
		return nil, nil, fmt.Errorf("queue %q in namespace %q: %w", path, ns, ErrEntityNotFound)
	}
	return n, e, nil
}

// Queue finds a sub-queue by its address, a path that may end in
// "/$DeadLetterQueue". Case does not matter.
func (b *Broker) Queue(ns, path string) (*Queue, error) {
	path, sub := SplitPath(path)
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, e, err := b.lookUp(ns, path)
	if err != nil {
		return nil, err
	}
	return &Queue{e: e, sub: sub}, nil
}

// Queues describes the queues of a namespace, sorted by path.
func (b *Broker) Queues(ns string) ([]QueueInfo, error) {
	b.mu.RLock()
	n, err := b.find(ns)
	if err != nil {
		b.mu.RUnlock()
		return nil, err
	}
	all := make([]*host, 0, len(n.queues))
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
	slices.SortFunc(infos, func(a, b QueueInfo) int { return cmp.Compare(strings.ToLower(a.Path), strings.ToLower(b.Path)) })
	return infos, nil
}

func (e *host) info() (QueueInfo, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return QueueInfo{}, err
	}
	main, dlq := e.q.Counters(MainQueue), e.q.Counters(DeadLetterQueue)
	return QueueInfo{Path: e.path, Options: e.options, CreatedAt: e.created, UpdatedAt: e.updated, AccessedAt: e.accessed,
		Counts: Counts{
			Active:      main.Messages,
			DeadLetter:  dlq.Messages,
			Total:       main.Messages + dlq.Messages,
			SizeInBytes: main.Bytes + dlq.Bytes,
			Locked:      int64(e.q.Locked(MainQueue)),
		}}, nil
}
