package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/clock"
	"switchyard/commit"
)

const defaultCacheBytes = 64 << 20

// A Broker holds namespaces with their queues and topics. Its methods are safe for
// concurrent use.
type Broker struct {
	store  Store
	log    commit.Log
	clock  clock.Clock
	logger *slog.Logger
	events EventListener
	// encoding is that of stored messages.
	encoding Encoding
	// acceptLoss and belongings: see [Options].
	acceptLoss bool
	belongings func(namespace, path string) func(u *commit.Unit)

	cached atomic.Int64 // bytes of content in memory
	budget int64
	token  func() LockToken // draws a lock token
	timers *timers
	pool   *pool
	moving *pool // runs movers
	ends   *ends
	// waiting are the movers that wait for another entity; largeMove is held by the one that
	// moves a large message.
	waiting   waitingMovers
	largeMove sync.Mutex
	// ctx ends with Close: it bounds waits for the log's admission.
	ctx    context.Context
	cancel context.CancelFunc

	mu            sync.RWMutex
	namespaces    map[string]*namespace // by lower-case name
	lastNamespace NamespaceID
	lastEntity    EntityID
}

// New loads the catalogue from the store and opens every entity. What one
// holds is read when it is asked for; only locks and counters are read now.
func New(o Options) (*Broker, error) {
	if o.Store == nil || o.Log == nil || o.Clock == nil || o.Rand == nil {
		return nil, fmt.Errorf("new broker: %w: Store, Log, Clock and Rand are required", ErrInvalidArgument)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.CacheBytes == 0:
		o.CacheBytes = defaultCacheBytes
	case o.CacheBytes < 0:
		o.CacheBytes = 0
	}
	b := &Broker{acceptLoss: o.AcceptDataLoss, store: o.Store, log: o.Log, clock: o.Clock, logger: o.Logger,
		events: o.Events, encoding: o.Encoding, belongings: o.Belongings,
		budget: o.CacheBytes, token: (&tokenSource{rand: o.Rand}).next, namespaces: map[string]*namespace{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.pool, b.moving = newPool(), newPool()
	b.ends = &ends{b: b}
	b.timers = newTimers(b)
	if err := b.load(); err != nil {
		return nil, fmt.Errorf("open broker: %w", err)
	}
	return b, nil
}

func (b *Broker) load() error {
	c, err := b.store.Catalogue()
	if err != nil {
		return err
	}
	b.lastNamespace, b.lastEntity = c.LastNamespace, c.LastEntity
	byID := map[NamespaceID]*namespace{}
	var lost loss
	for _, r := range c.Namespaces {
		if r.Damage != nil && description.CheckNamespace(r.Name) != nil {
			lost.namespaces = append(lost.namespaces, r)
			continue
		}
		n, err := openNamespace(r)
		if err != nil {
			return err
		}
		b.namespaces[strings.ToLower(r.Name)] = n
		byID[r.ID] = n
	}
	topics := map[EntityID]*topic{}
	for _, r := range c.Entities {
		n := byID[r.Namespace]
		if lost.takes(n, r) {
			continue
		}
		if n == nil {
			return fmt.Errorf("entity %q is in namespace %d, which does not exist", r.Path, r.Namespace)
		}
		err := b.openEntity(n, r, topics)
		if err != nil && (r.Damage != nil || lost.entities != nil && errors.Is(err, errNoTopic)) {
			lost.entities = append(lost.entities, r)
			continue
		}
		if err != nil {
			return fmt.Errorf("entity %q: %w", r.Path, err)
		}
	}
	for _, t := range topics {
		t.publish()
	}
	return b.accept(lost)
}

// openEntity opens one entity. Those before it in the catalogue are open: a
// topic's number is smaller than those of its subscriptions.
func (b *Broker) openEntity(n *namespace, r EntityRecord, topics map[EntityID]*topic) error {
	kind, err := kindOf(r.Definition)
	if err != nil {
		return err
	}
	switch kind {
	case kindTopic:
		t, err := openTopic(b, n, r)
		if err != nil {
			return err
		}
		n.topics[strings.ToLower(r.Path)] = t
		topics[r.ID] = t
	case kindSubscription:
		return openSubscription(r, topics)
	default:
		e, err := openMessageStore(b, n, r)
		if err != nil {
			return err
		}
		n.queues[strings.ToLower(r.Path)] = e
	}
	return nil
}

// Start starts the broker's goroutines. They end with ctx or with Close.
func (b *Broker) Start(ctx context.Context) {
	context.AfterFunc(ctx, b.cancel)
	b.pool.start(b.ctx, workers)
	b.moving.start(b.ctx, movers)
	b.timers.start(b.ctx)
	for _, e := range b.allStores() {
		e.settle()
	}
}

// Close ends the broker's goroutines and waits for them. Sends fail from now on;
// nothing that was acknowledged is lost.
func (b *Broker) Close() {
	for _, e := range b.messageStores() {
		e.recordLocks()
	}
	b.cancel()
	b.timers.wait()
	b.pool.wait()
	b.moving.wait()
}

// Now returns the broker's time, UTC.
func (b *Broker) Now() time.Time { return b.clock.Now().UTC() }

// Sync waits until u is durable and its callbacks have run. A nil unit is no
// work.
func (b *Broker) Sync(u *commit.Unit) {
	if u != nil {
		b.log.Sync(u)
	}
}

// Wait is Sync for who owes somebody an answer; see [commit.Log] Wait.
func (b *Broker) Wait(u *commit.Unit) error {
	if u == nil {
		return nil
	}
	return b.log.Wait(u)
}

// WaitFunc is Wait that does not wait: done gets the result, see [commit.WaitFunc].
func (b *Broker) WaitFunc(u *commit.Unit, done func(error)) {
	if u == nil {
		done(nil)
		return
	}
	commit.WaitFunc(b.log, u, done)
}

// Writable fails while nothing can be written: then nothing is decided either.
func (b *Broker) Writable() error { return b.log.Admit(context.Background(), commit.Frees) }

// messageStores returns every entity, in the order of their numbers.
func (b *Broker) messageStores() []*messageStore {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var all []*messageStore
	for _, n := range b.namespaces {
		all = append(all, n.messageStores()...)
	}
	slices.SortFunc(all, func(a, b *messageStore) int { return cmp.Compare(a.id, b.id) })
	return all
}

// allStores is messageStores and what topics hold themselves.
func (b *Broker) allStores() []*messageStore {
	all := b.messageStores()
	for _, t := range b.allTopics() {
		all = append(all, t.schedule)
	}
	return all
}

// RunLocks returns every message that a run holds, by run, in the order of
// queues and sequence numbers. It is for start: who holds what.
func (b *Broker) RunLocks() map[RunID][]RunLock {
	locks := map[RunID][]RunLock{}
	for _, e := range b.allStores() {
		e.mu.Lock()
		e.q.RunLocks(func(run RunID, sub SubQueue, seq int64, token LockToken) {
			locks[run] = append(locks[run], RunLock{Queue: e.queueID(sub), SequenceNumber: seq, LockToken: token})
		})
		e.mu.Unlock()
	}
	return locks
}

// ReleaseRun returns the effect that frees every message the run holds, with its
// delivery count unchanged.
func (b *Broker) ReleaseRun(run RunID) commit.Effect {
	p := &plan{b: b}
	for _, e := range b.allStores() {
		for sub := range SubQueue(entity.SubQueues) {
			e.mu.Lock()
			held := len(e.q.HeldBy(sub, run)) > 0
			e.mu.Unlock()
			if held {
				p.add(e, entity.RunSettle{Sub: sub, Run: run, Outcome: Outcome{Kind: Release}})
			}
		}
	}
	return p
}
