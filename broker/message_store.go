package broker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/commit"
)

// entityLock is the lock of one top-level entity, which a topic shares with all
// its subscriptions. Several are locked in the order of the entities' numbers.
type entityLock struct {
	sync.Mutex
	entity EntityID
	// wantRoom are the movers that wait until the entity is not full; guarded by the lock.
	wantRoom map[*mover]struct{}
}

// messageStore is one entity that holds messages, a queue or a subscription: its state
// machine with the lock that guards it.
type messageStore struct {
	b         *Broker
	id        EntityID
	namespace *namespace
	path      string // as created; of a subscription with the topic's
	created   time.Time
	topic     *topic // of a subscription; nil: a queue
	// scheduleOf is the topic whose messages wait here, until they are due or to go on to
	// another entity; nil: none.
	scheduleOf *topic

	// work is held while something is read for the entity, until the operation that
	// follows is decided. It is taken before mu.
	work sync.Mutex

	mu        *entityLock
	q         *entity.Queue
	options   QueueOptions // of a subscription with the topic's sizes
	access    []byte       // written with mu and Broker.mu held
	updated   time.Time
	accessed  time.Time
	used      time.Time // when somebody last did; see idle.go
	ending    bool      // it waits for its deletion
	deleted   bool
	decision  entity.Decision
	gone      Message      // what DeleteMessage is called with, made once
	last      *commit.Unit // the last unit that changed the entity
	lastPut   *commit.Unit // the last that wrote content
	durable   atomic.Int64 // the main queue's messages up to this number are on the disk
	consumers []*Consumer  // in the order in which they were opened
	watchers  [entity.SubQueues][]*watcher
	armed     time.Time // the earliest alarm that is set
	queued    bool      // in the pool
	paused    time.Time // no reads before: one has failed
	trouble   trouble
	history   history
	listings  listings
	movers    [entity.SubQueues]*mover // made when there is something to forward
}

// watcher is one caller of OnReady.
type watcher struct {
	f         func()
	cancelled atomic.Bool
}

func (w *watcher) fire() {
	if !w.cancelled.Load() {
		w.f()
	}
}

// openMessageStore opens a queue that is in the store.
func openMessageStore(b *Broker, n *namespace, r EntityRecord) (*messageStore, error) {
	d, err := decodeEntity(r.Definition)
	if err != nil {
		return nil, err
	}
	o := description.Queue.Default(d.Options, n.options.SKU)
	s, err := openState(b.store, r.ID, o.RequiresSession)
	var t trouble
	if err == nil {
		s.History, err = openHistory(b, r, &o, subject{"queue", r.Path, n.name}, &t)
	}
	if r.Damage != nil {
		s, err = entity.State{}, putAgain(r.Damage)
	}
	e := newMessageStore(b, n, r, &entityLock{entity: r.ID}, o, entity.New(config(&o), s))
	e.trouble = t
	if errors.Is(err, ErrDamaged) {
		e.damagedStore(err)
	} else if err != nil {
		return nil, err
	}
	e.access = d.Access
	return e, nil
}

func newMessageStore(b *Broker, n *namespace, r EntityRecord, mu *entityLock, o QueueOptions,
	q *entity.Queue) *messageStore {
	e := &messageStore{b: b, id: r.ID, namespace: n, path: r.Path, created: r.CreatedAt, updated: r.UpdatedAt,
		mu: mu, options: o, q: q, used: b.Now()}
	e.durable.Store(e.numbered())
	return e
}

// openState reads what an entity starts with, which requires sessions or not; nothing if it
// can't read all of it.
func openState(store Store, id EntityID, sessions bool) (s entity.State, err error) {
	for sub := range s.Counters {
		if err := readState(store, QueueID{Entity: id, Sub: SubQueue(sub)}, sub, &s); err != nil {
			return entity.State{}, err
		}
	}
	if sessions {
		if s.States, err = openStates(store, id); err != nil {
			return entity.State{}, err
		}
	}
	return s, nil
}

// openStates reads the totals of the states of sessions. Earlier programs did not keep them:
// then they are counted, but for what can't be read, until the next state is set.
func openStates(store Store, id EntityID) (c Counters, err error) {
	c, err = store.Counters(QueueID{Entity: id, Sub: entity.SessionStates})
	if err != nil || c.Messages > 0 {
		return c, err
	}
	c = Counters{}
	var after *string
	for {
		ids, err := store.SessionsWithState(QueueID{Entity: id}, time.Time{}, after, takePage)
		for i, session := range ids {
			st, err := store.SessionState(QueueID{Entity: id}, session)
			switch {
			case errors.Is(err, ErrDamaged):
			case err != nil:
				return Counters{}, err
			case st != nil:
				c.Messages, c.Bytes = c.Messages+1, c.Bytes+int64(len(st.State))
			}
			after = &ids[i]
		}
		if errors.Is(err, ErrDamaged) || err == nil && len(ids) < takePage {
			return c, nil
		} else if err != nil {
			return Counters{}, err
		}
	}
}

func readState(store Store, q QueueID, i int, s *entity.State) (err error) {
	if s.Counters[i], err = store.Counters(q); err != nil {
		return err
	}
	if s.Counters[i].Messages == 0 {
		return nil
	}
	var held []int64
	err = store.Statuses(q, func(seq int64, st *Status) error {
		if st.State == Deferred && s.LowestDeferred[i] == 0 {
			s.LowestDeferred[i] = seq
		}
		if st.Owner != NoOwner || st.State == Active && !st.NotBefore.IsZero() {
			held = append(held, seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, seq := range held {
		rows, err := store.Scan(q, seq, 1, 0)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].SequenceNumber != seq {
			return fmt.Errorf("%w: message %d has a status but is not there", ErrDamaged, seq)
		}
		s.Held[i] = append(s.Held[i], rows[0])
	}
	due, err := store.Expired(q, Expiry{}, 1)
	if len(due) > 0 {
		s.NextExpiry[i] = due[0].ExpiresAt
	}
	return err
}

// record returns what the store keeps of the entity. It is called with mu held.
func (e *messageStore) record(definition []byte) EntityRecord {
	return EntityRecord{ID: e.id, Namespace: e.namespace.id, Path: e.path, CreatedAt: e.created,
		UpdatedAt: e.updated, Definition: definition}
}

func (e *messageStore) queueID(s SubQueue) QueueID { return QueueID{Entity: e.id, Sub: s} }

// check checks operations. It is called with mu held.
func (e *messageStore) check(env entity.Env, ops ...entity.Op) (*entity.Need, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	need, err := e.q.Check(env, ops...)
	if err != nil {
		return nil, fmt.Errorf("queue %q: %w", e.path, err)
	}
	return need, nil
}

// apply decides the checked operations and adds what follows to u. It reports
// whether that is more than peek locks. It is called with mu held.
func (e *messageStore) apply(u *commit.Unit, env entity.Env, ops ...entity.Op) (durable bool) {
	d := &e.decision
	d.Reset()
	used := usedBy(ops)
	before := e.q.ContentBytes()
	e.q.Apply(env, d, ops...)
	if delta := e.q.ContentBytes() - before; delta != 0 {
		e.b.cached.Add(delta)
	}
	e.write(u, d)
	if len(d.Records) > 0 {
		e.last = u
	}
	e.history.write(e.b.store, u, e.id, &d.History)
	if d.Put {
		e.lastPut = u
		n := e.numbered()
		u.Then(func() { e.durable.Store(n) })
	}
	if len(e.mu.wantRoom) > 0 && !e.q.Full() {
		e.hasRoom()
	}
	if d.Accessed {
		e.accessed = env.Now
	}
	if used || d.Accessed {
		e.used = env.Now
	}
	e.tell(u, d)
	e.report(u, d)
	return d.Durable
}

// recordLocks submits the records of locks that have none yet: see [entity.RecordLocks].
func (e *messageStore) recordLocks() {
	e.mu.Lock()
	unrecorded := !e.deleted && e.q.Unrecorded()
	e.mu.Unlock()
	if unrecorded {
		_, _ = e.plan(entity.RecordLocks{}).submit(nil) // fails only if the entity is gone
	}
}

// numbered returns the last sequence number that was given. It is called with mu held.
func (e *messageStore) numbered() int64 { return e.q.Counters(MainQueue).NextSequence - 1 }

// write adds the records of a decision to u.
func (e *messageStore) write(u *commit.Unit, d *entity.Decision) {
	store := e.b.store
	if n := len(d.Records); n > 2 {
		u.Grow(2 * n) // a message that goes has a status, too
	}
	for i := range d.Records {
		r := &d.Records[i]
		q := e.queueID(r.Sub)
		switch r.Kind {
		case entity.PutMessage:
			store.PutMessage(u, q, r.Message)
		case entity.DeleteMessage:
			e.gone.SequenceNumber, e.gone.ExpiresAt = r.SequenceNumber, r.ExpiresAt
			store.DeleteMessage(u, q, &e.gone, r.Size, r.Bare)
		case entity.PutStatus:
			store.PutStatus(u, q, r.SequenceNumber, r.Status)
		case entity.DeleteStatus:
			store.DeleteStatus(u, q, r.SequenceNumber)
		case entity.PutCounters:
			store.PutCounters(u, q, r.Counters)
		case entity.PutSessionEntry:
			store.PutSessionEntry(u, q, r.Session, r.SequenceNumber)
		case entity.DeleteSessionEntry:
			store.DeleteSessionEntry(u, q, r.Session, r.SequenceNumber)
		case entity.PutSessionState:
			store.PutSessionState(u, q, r.Session, r.State)
		}
	}
}

// tell adds to u what may leave once a decision is durable, and lets leave what need not
// wait for that.
func (e *messageStore) tell(u *commit.Unit, d *entity.Decision) {
	for _, h := range d.Batches {
		h.Consumer.Data.(*Consumer).hand(u, h.Deliveries, !d.Durable)
	}
	e.tellSessions(u, d)
	for _, x := range d.Drained {
		u.Then(x.Data.(func()))
	}
	for sub, ready := range d.Ready {
		if ready {
			for _, w := range e.watchers[sub] {
				u.Then(w.fire)
			}
		}
	}
}

// report tells the listener of messages that are dead-lettered or gone.
func (e *messageStore) report(u *commit.Unit, d *entity.Decision) {
	if f := e.b.events.DeadLettered; f != nil {
		for _, x := range d.DeadLettered {
			u.Then(func() { f(e.namespace.name, e.path, x.MessageID, x.Reason, x.Messages) })
		}
	}
	if f := e.b.events.Expired; f != nil && len(d.Dropped) > 0 {
		dropped := slices.Clone(d.Dropped)
		u.Then(func() { f(e.namespace.name, e.path, dropped) })
	}
}

// settleDown makes sure that the entity will be served when it next needs to be.
// It is called with mu held.
func (e *messageStore) settleDown(now time.Time) {
	if e.deleted {
		return
	}
	e.startMovers(now)
	if e.q.HasWork(now) {
		if !e.queued && !e.paused.After(now) { // the end of a pause has an alarm
			e.queued = true
			e.b.pool.add(e.serve)
		}
		return
	}
	if next := entity.Earlier(e.q.Deadline(), e.idleAt()); !next.IsZero() && (e.armed.IsZero() || next.Before(e.armed)) {
		e.armed = next
		e.b.timers.set(e, next)
	}
}

// wake is called when an alarm that was set has gone off.
func (e *messageStore) wake() { e.b.pool.add(e.serve) }

// alive fails if the entity has been deleted, or could not be opened. It is called
// with mu held.
func (e *messageStore) alive() error {
	closed := e.trouble.closed
	if t := e.scheduleOf; t != nil {
		closed = cmp.Or(closed, t.closed)
	}
	if err := e.exists(); err != nil || closed == nil {
		return err
	}
	return fmt.Errorf("%s %q can't be opened: %w", e.subject().kind, e.path, closed)
}

// exists fails if the entity has been deleted. It is called with mu held.
func (e *messageStore) exists() error {
	if e.deleted {
		return fmt.Errorf("%s %q: %w", e.subject().kind, e.path, ErrEntityDeleted)
	}
	return nil
}
