package broker

import (
	"cmp"
	"slices"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// plan is operations that are decided together, all or none: every change of
// messages is one. It reads what they need, locks the top-level entities they
// concern, checks all, applies all and adds the records to one unit: a unit of
// its own ([plan.submit]), or to a unit that a run submits, for which the plan is
// the [commit.Effect]. A plan is staged once.
type plan struct {
	b       *Broker
	parts   []*part // in the order of the entities' numbers
	unlock  func()  // of several top-level entities
	now     time.Time
	durable bool  // the records are more than peek locks of links
	err     error // it can't be staged

	// one and its list are the part of a plan with one operation, the usual case.
	one  part
	list [1]*part
}

// part is what a plan does with one queue or subscription, or with one topic.
type part struct {
	store    *messageStore // nil: a topic
	topic    *topic        // nil: a queue or subscription
	ops      []entity.Op
	topicOps []entity.TopicOp

	need   *entity.Need   // what the last check asked for; nil: nothing
	supply *entity.Supply // nil: nothing was needed yet
	// last, lastPut and lastID are the units to sync before reading.
	last, lastPut, lastID *commit.Unit

	// op and topicOp are where a list of one operation is.
	op      [1]entity.Op
	topicOp [1]entity.TopicOp
}

// single returns a plan with one part, to be filled in.
func (b *Broker) single() *plan {
	p := &plan{b: b}
	p.list[0] = &p.one
	p.parts = p.list[:]
	return p
}

// plan returns a plan of one operation.
func (e *messageStore) plan(op entity.Op) *plan {
	p := e.b.single()
	x := &p.one
	x.store, x.op[0], x.ops = e, op, x.op[:]
	return p
}

// plan returns a plan of one operation.
func (t *topic) plan(op entity.TopicOp) *plan {
	p := t.b.single()
	x := &p.one
	x.topic, x.topicOp[0], x.topicOps = t, op, x.topicOp[:]
	return p
}

// add adds an operation on a queue or subscription.
func (p *plan) add(e *messageStore, op entity.Op) {
	x := p.part(part{store: e})
	x.ops = append(x.ops, op)
}

// addTopic adds an operation on a topic.
func (p *plan) addTopic(t *topic, op entity.TopicOp) {
	x := p.part(part{topic: t})
	x.topicOps = append(x.topicOps, op)
}

// part returns the part of the same entity as the given one, which it adds if
// there is none.
func (p *plan) part(like part) *part {
	i, found := slices.BinarySearchFunc(p.parts, &like, (*part).compare)
	if !found {
		p.parts = slices.Insert(p.parts, i, &like)
	}
	return p.parts[i]
}

// compare orders parts by the entities' numbers. A topic comes after its schedule,
// which has the same: what is due is taken out before it is published.
func (x *part) compare(y *part) int {
	if c := cmp.Compare(x.number(), y.number()); c != 0 || (x.topic == nil) == (y.topic == nil) {
		return c
	}
	if x.topic == nil {
		return -1
	}
	return 1
}

func (x *part) number() EntityID {
	if x.topic != nil {
		return x.topic.id
	}
	return x.store.id
}

func (x *part) mutex() *entityLock {
	if x.topic != nil {
		return x.topic.mu
	}
	return x.store.mu
}

func (p *plan) lock() {
	if len(p.parts) == 1 {
		p.parts[0].mutex().Lock()
		return
	}
	locks := make([]*entityLock, len(p.parts))
	for i, x := range p.parts {
		locks[i] = x.mutex()
	}
	p.unlock = lockAll(locks)
}

func (p *plan) unlockAll() {
	if len(p.parts) == 1 {
		p.parts[0].mutex().Unlock()
		return
	}
	p.unlock()
}

// stage decides the plan. If it fails it has changed nothing and holds nothing;
// otherwise the locks are held until release. It is the one loop that makes ready
// what operations need: they are checked, what they lack is loaded under no lock,
// and they are checked again.
func (p *plan) stage(u *commit.Unit) error {
	if err := p.ready(); err != nil {
		return err
	}
	p.apply(u)
	return nil
}

// verify finds out whether the plan could be staged now.
func (p *plan) verify() error {
	if err := p.ready(); err != nil {
		return err
	}
	p.unlockAll()
	return nil
}

// ready is stage as far as the decision, which can't fail then.
func (p *plan) ready() error {
	if p.err != nil {
		return p.err
	}
	for {
		p.lock()
		p.now = p.b.Now()
		needs, err := p.check()
		if err == nil && !needs {
			return nil
		}
		p.unlockAll()
		if err == nil {
			err = p.load()
		}
		if err != nil {
			return err
		}
	}
}

// release serves what has become due and unlocks.
func (p *plan) release() {
	defer commit.Intact()
	for _, x := range p.parts {
		if x.topic != nil {
			x.topic.settleDown(p.now)
		} else {
			x.store.settleDown(p.now)
		}
	}
	p.unlockAll()
}

// Stage implements [commit.Effect].
func (p *plan) Stage(u *commit.Unit) (release func(), err error) {
	if err := p.stage(u); err != nil {
		return nil, err
	}
	return p.release, nil
}

// submit decides the plan as a unit of its own and submits it. then, if not nil,
// runs after the deliveries. The unit, which the caller must sync, is nil if there
// is nothing to write and nobody to tell.
func (p *plan) submit(then func()) (*commit.Unit, error) {
	u := &commit.Unit{}
	if err := p.stage(u); err != nil {
		return nil, err
	}
	defer p.release()
	if then != nil {
		u.Then(then)
	}
	if u.Empty() {
		return nil, nil
	}
	if !p.durable {
		u.Relax()
	}
	p.b.log.Submit(u)
	return u, nil
}

// prepare loads what the operations need at the moment, so that stage need not
// wait for it. What it can't find out is left to stage.
func (p *plan) prepare() {
	if p.err != nil || len(p.parts) == 0 {
		return
	}
	p.lock()
	p.now = p.b.Now()
	needs, err := p.check()
	p.unlockAll()
	if err == nil && needs {
		_ = p.load() // what can't be read is tried again, and told, when it is staged
	}
}

// check checks the operations of every part and reports whether something is
// needed first. It is called with all locks held.
func (p *plan) check() (needs bool, err error) {
	defer commit.Intact()
	p.unwatch()
	for _, x := range p.parts {
		x.need, err = x.check(entity.Env{Now: p.now, Token: p.b.token, Supply: x.supply})
		if err != nil {
			return false, err
		}
		needs = needs || x.need != nil
	}
	if needs {
		p.watch()
	}
	return needs, nil
}

// watch begins the reading of what check found to be needed. It is called with all
// locks held.
func (p *plan) watch() {
	for _, x := range p.parts {
		switch {
		case x.need != nil && x.supply == nil:
			x.supply = &entity.Supply{}
		case x.need == nil && x.supply == nil:
			continue
		}
		x.lastID = x.remembers().history.dropped
		if x.topic != nil {
			continue
		}
		x.last, x.lastPut = x.store.last, x.store.lastPut
		x.store.q.Watch(x.supply, x.need)
	}
}

func (x *part) check(env entity.Env) (*entity.Need, error) {
	if x.topic != nil {
		return x.topic.check(env, x.topicOps...)
	}
	return x.store.check(env, x.ops...)
}

// apply is called with all locks held.
func (p *plan) apply(u *commit.Unit) {
	defer commit.Intact()
	for _, x := range p.parts {
		env := entity.Env{Now: p.now, Token: p.b.token, Supply: x.supply}
		durable := false
		if x.topic != nil {
			durable = x.topic.apply(u, env, x.topicOps...)
		} else {
			durable = x.store.apply(u, env, x.ops...)
		}
		p.durable = p.durable || durable
	}
}

// unwatch ends what check began. It is called with all locks held.
func (p *plan) unwatch() {
	for _, x := range p.parts {
		if x.supply != nil && x.store != nil {
			x.store.q.Unwatch(x.supply)
		}
	}
}

// lockAll locks top-level entities in the order of their numbers, each once.
func lockAll(all []*entityLock) (unlock func()) {
	locks := slices.Clone(all)
	slices.SortFunc(locks, func(a, b *entityLock) int { return cmp.Compare(a.entity, b.entity) })
	locks = slices.Compact(locks)
	for _, l := range locks {
		l.Lock()
	}
	return func() {
		for _, l := range slices.Backward(locks) {
			l.Unlock()
		}
	}
}
