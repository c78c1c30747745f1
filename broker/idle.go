package broker

import (
	"errors"
	"strings"
	"sync"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/commit"
)

// An entity that nobody has used for its AutoDeleteOnIdle is deleted [SB-SEM 5]. When it
// was last used is known in memory only, so that no message costs a write for it: the
// time begins anew when the broker is opened. It has no timer of its own: its idleness is
// one more deadline of its alarm, which is looked at when that goes off and moved on if
// the entity was used meanwhile.
//
// A topic's idleness is that of its schedule, which has its number and its lock.

// idleAfter is for how long the entity may be unused; zero: for ever. It is called with
// mu held.
func (e *messageStore) idleAfter() time.Duration {
	o := &e.options
	if e.scheduleOf != nil {
		o = &e.scheduleOf.options
	}
	if o.AutoDeleteOnIdle == description.Forever {
		return 0
	}
	return o.AutoDeleteOnIdle
}

// idleAt is when the entity will be idle if nobody uses it before; zero: never. It is
// called with mu held.
func (e *messageStore) idleAt() time.Time {
	after := e.idleAfter()
	if after == 0 || e.ending {
		return time.Time{}
	}
	return e.used.Add(after)
}

// touch notes that somebody uses the entity. It is called with mu held.
func (e *messageStore) touch() { e.used = e.b.Now() }

// Touch notes that somebody uses the entity in a way that no other method sees.
func (q *Queue) Touch() {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	q.e.touch()
}

// usedBy reports whether operations are somebody's use of the entity, and not work of the
// broker, such as forwarding, or copies that arrive from a topic. A receiver that waits for the next session
// is no use, as in Azure.
func usedBy(ops []entity.Op) bool {
	for _, op := range ops {
		switch op := op.(type) {
		case entity.Tick, entity.Load, entity.Refill, entity.Failed, entity.Skip, entity.Copies:
		case entity.ReleaseReserved, entity.SettleReserved, entity.LeaveReserved: // Reserve was one
		case *entity.Reserve:
			if !op.Forward {
				return true
			}
		case entity.Sweep:
			if op.Sub == ScheduledMessages { // what is scheduled has kept it until now
				return true
			}
		case entity.AcceptSession:
			if !op.Next {
				return true
			}
		case entity.CloseConsumer:
			if op.Consumer.Receives() {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// inUse reports whether something uses the entity all the time: a receiver with credit, a
// trigger, a run that holds messages, what is scheduled or on its way to another entity. What is damaged can't be used, and
// waits for somebody who looks at it. It is called with mu held.
func (e *messageStore) inUse() bool {
	waits := e.q.Counters(ScheduledMessages).Messages + e.q.Counters(TransferQueue).Messages
	if waits > 0 || e.trouble.closed != nil {
		return true
	}
	if t := e.scheduleOf; t != nil {
		if t.whole() != nil {
			return true
		}
		for _, s := range t.subscriptions {
			if s.messageStore.unused() != nil {
				return true
			}
		}
	}
	for _, c := range e.consumers {
		if c.c.Receives() {
			return true
		}
	}
	for _, w := range e.watchers {
		if len(w) > 0 {
			return true
		}
	}
	return e.unused() != nil
}

// idle reports whether the entity is to be deleted now. It is called with mu held.
func (e *messageStore) idle(now time.Time) bool {
	after := e.idleAfter()
	if e.deleted || after == 0 || e.used.Add(after).After(now) {
		return false
	}
	if e.inUse() {
		e.used = now
		return false
	}
	return true
}

// endIfIdle has the entity deleted if it is idle. It is called with mu held.
func (e *messageStore) endIfIdle(now time.Time) {
	if !e.ending && e.idle(now) {
		e.ending = true
		e.b.ends.add(e)
	}
}

// ends deletes idle entities, one after the other, in one worker of the pool, so that many
// that are idle at the same time keep nobody waiting.
type ends struct {
	b       *Broker
	mu      sync.Mutex
	waiting []*messageStore // guarded by mu
	running bool            // guarded by mu
}

func (x *ends) add(e *messageStore) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting = append(x.waiting, e)
	if !x.running {
		x.running = true
		x.b.pool.add(x.run)
	}
}

// next returns the next entity, nil if there is none.
func (x *ends) next() (e *messageStore) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) == 0 || x.b.ctx.Err() != nil {
		x.running = false
		return nil
	}
	e, x.waiting = x.waiting[0], x.waiting[1:]
	return e
}

func (x *ends) run() {
	for e := x.next(); e != nil; e = x.next() {
		x.b.endIdle(e)
	}
}

// errNotIdle: somebody has used the entity meanwhile, or it is gone.
var errNotIdle = errors.New("not idle any more")

// endIdle deletes an entity if it is idle. What can't be deleted now is tried again.
func (b *Broker) endIdle(e *messageStore) {
	var with []func(u *commit.Unit)
	if b.belongings != nil {
		with = append(with, b.belongings(e.namespace.name, e.path))
	}
	c := b.newChange("delete on idle", e.path, e.dropIdle)
	err := commit.Do(b.ctx, b.log, commit.Frees, c, with...)
	if err != nil && !errors.Is(err, errNotIdle) && b.ctx.Err() == nil {
		b.logger.Error("an entity that is idle can't be deleted", "namespace", e.namespace.name, "entity", e.path,
			"error", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ending = false; !e.deleted {
		if err != nil && !errors.Is(err, errNotIdle) {
			e.touch() // else it would be tried again at once, and all the time
		}
		e.settleDown(b.Now())
	}
}

// dropIdle is the [decideFunc] of the deletion of an idle entity.
func (e *messageStore) dropIdle(u *commit.Unit) (_ bool, unlock func(), err error) {
	e.mu.Lock()
	if !e.idle(e.b.Now()) {
		e.mu.Unlock()
		return false, nil, errNotIdle
	}
	if f := e.b.events.IdleDeleted; f != nil {
		d := IdleDeletion{Kind: e.kind(), Namespace: e.namespace.name, Path: e.path, Idle: e.idleAfter(),
			Messages: e.holds()}
		u.Then(func() { f(d) })
	}
	e.remove(u)
	return false, e.mu.Unlock, nil
}

// An IdleDeletion is the deletion of an entity that nobody has used.
type IdleDeletion struct {
	Kind            description.Entity
	Namespace, Path string
	Idle            time.Duration // its AutoDeleteOnIdle
	Messages        int64         // that went with it
}

func (e *messageStore) kind() description.Entity {
	switch {
	case e.scheduleOf != nil:
		return description.Topic
	case e.topic != nil:
		return description.Subscription
	}
	return description.Queue
}

// holds counts the messages of the entity, of a topic those of its subscriptions too. It is
// called with mu held.
func (e *messageStore) holds() int64 {
	n := e.counts().Total
	if t := e.scheduleOf; t != nil {
		for _, s := range t.subscriptions {
			n += s.messageStore.counts().Total
		}
	}
	return n
}

// remove deletes the entity as what it is. It is called with mu and Broker.mu held.
func (e *messageStore) remove(u *commit.Unit) {
	switch {
	case e.scheduleOf != nil:
		e.scheduleOf.remove(u)
	case e.topic != nil:
		_, name, _ := SplitSubscription(e.path)
		e.topic.subscriptions[strings.ToLower(name)].remove(u)
	default:
		e.drop(u)
		delete(e.namespace.queues, strings.ToLower(e.path))
	}
}
