package broker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// An Op is one part of an effect. The set is closed: [SendOp], [RunSettleOp].
type Op interface{ plan(f *effect) error }

// SendOp sends messages to a queue or a topic.
type SendOp struct {
	Queue    Sender
	Messages []*Message
}

// RunSettleOp settles messages that a run holds in a queue. With SequenceNumbers
// nil it settles all that the run still holds there, which may be none; otherwise
// the effect fails with [ErrMessageLockLost] if one is not held by the run.
type RunSettleOp struct {
	Queue           *Queue
	Run             RunID
	SequenceNumbers []int64
	Outcome         Outcome
}

func (o SendOp) plan(f *effect) error {
	return o.Queue.plan(f, o.Messages)
}

func (o RunSettleOp) plan(f *effect) error {
	f.add(o.Queue.e, entity.RunSettle{Sub: o.Queue.sub, Run: o.Run, Seqs: o.SequenceNumbers, Outcome: o.Outcome, Contents: f.part(o.Queue.e).contents})
	return nil
}

// Effect returns the effect that applies the operations atomically, over as many
// queues as they name. It reads now what it can be known to need then, so it
// must not be called under a lock.
//
// A unit may hold one effect of the broker only: it holds locks until it is
// released. Use [Broker.Join] for more.
func (b *Broker) Effect(ops ...Op) commit.Effect {
	f := &effect{b: b}
	for _, op := range ops {
		if err := op.plan(f); err != nil {
			f.err = err
			return f
		}
	}
	f.prepare()
	return f
}

// Join returns one effect that is several effects of this broker, in order.
func (b *Broker) Join(effects ...commit.Effect) commit.Effect {
	f := &effect{b: b}
	for _, x := range effects {
		e, ok := x.(*effect)
		if !ok {
			f.err = fmt.Errorf("join effects: %w: %T is not the broker's", ErrInvalidArgument, x)
			return f
		}
		if f.err == nil {
			f.err = e.err
		}
		for _, p := range e.parts {
			own := f.part(p.messageStore)
			for _, op := range p.ops {
				if settle, ok := op.(entity.RunSettle); ok {
					settle.Contents = own.contents
					op = settle
				}
				own.ops = append(own.ops, op)
			}
			for seq, c := range p.contents {
				own.contents[seq] = c
			}
		}
		for _, p := range e.topics {
			f.topic(p.topic).add(p.messages)
		}
	}
	return f
}

// effect is a list of operations by entity.
type effect struct {
	b      *Broker
	parts  []*part // in the order of entity numbers
	topics []*topicPart
	err    error
}

// topicPart is what is sent to one topic.
type topicPart struct {
	topic    *topic
	messages []*Message
	fanout   *fanout // nil: not evaluated yet
}

// topic returns the topic's part of the effect.
func (f *effect) topic(t *topic) *topicPart {
	for _, p := range f.topics {
		if p.topic == t {
			return p
		}
	}
	p := &topicPart{topic: t}
	f.topics = append(f.topics, p)
	return p
}

func (p *topicPart) add(msgs []*Message) {
	p.messages = append(p.messages[:len(p.messages):len(p.messages)], msgs...)
	p.fanout = nil
}

// evaluate applies the rules unless that was done and they are still the same.
func (p *topicPart) evaluate() {
	if p.fanout == nil || p.fanout.set != p.topic.rules.Load() {
		p.fanout = p.topic.evaluate(p.messages)
	}
}

// outdated reports whether the rules have changed since they were applied. It is
// called with the topic's lock held.
func (p *topicPart) outdated() bool { return p.fanout.set != p.topic.rules.Load() }

type part struct {
	messageStore *messageStore
	ops          []entity.Op
	contents     map[int64]*Content // read for the operations
}

// part returns the entity's part of the effect.
func (f *effect) part(e *messageStore) *part {
	i, found := slices.BinarySearchFunc(f.parts, e.id, func(p *part, id EntityID) int { return cmp.Compare(p.messageStore.id, id) })
	if !found {
		f.parts = slices.Insert(f.parts, i, &part{messageStore: e, contents: map[int64]*Content{}})
	}
	return f.parts[i]
}

func (f *effect) add(e *messageStore, op entity.Op) {
	p := f.part(e)
	if settle, ok := op.(entity.RunSettle); ok && settle.Contents == nil {
		settle.Contents = p.contents
		op = settle
	}
	p.ops = append(p.ops, op)
}

// prepare reads contents that the operations would need now. What it can't find
// out is left to Stage.
func (f *effect) prepare() {
	for _, p := range f.topics {
		p.evaluate()
	}
	for _, p := range f.parts {
		p.messageStore.mu.Lock()
		var need []int64
		if !p.messageStore.deleted {
			need, _ = p.messageStore.q.Check(p.messageStore.env(), p.ops...)
		}
		lastPut := p.messageStore.lastPut
		p.messageStore.mu.Unlock()
		if len(need) > 0 {
			f.b.Sync(lastPut)
			if err := p.messageStore.readContents(need, p.contents); err != nil {
				f.err = err
				return
			}
		}
	}
}

// Stage implements [commit.Effect]. It locks the entities in the order of their
// numbers. Only if contents that prepare did not read are needed now, it unlocks,
// reads them and starts again.
func (f *effect) Stage(u *commit.Unit) (release func(), err error) {
	if f.err != nil {
		return nil, f.err
	}
	var locks []*entityLock
	for _, p := range f.parts {
		locks = append(locks, p.messageStore.mu)
	}
	for _, p := range f.topics {
		locks = append(locks, p.topic.mu)
	}
	for {
		for _, p := range f.topics {
			p.evaluate()
		}
		unlock := lockAll(locks)
		if slices.ContainsFunc(f.topics, (*topicPart).outdated) {
			unlock()
			continue
		}
		now := f.b.Now()
		needs, err := f.check(now)
		if err != nil {
			unlock()
			return nil, err
		}
		if needs == nil {
			f.apply(u, now)
			return func() {
				f.settleDown(f.b.Now())
				unlock()
			}, nil
		}
		unlock()
		for _, n := range needs {
			f.b.Sync(n.lastPut)
			if err := n.part.messageStore.readContents(n.seqs, n.part.contents); err != nil {
				return nil, err
			}
		}
	}
}

// apply is called with all locks held.
func (f *effect) apply(u *commit.Unit, now time.Time) {
	for _, p := range f.parts {
		p.messageStore.apply(u, entity.Env{Now: now, Token: f.b.tokens.next}, p.ops...)
		p.messageStore.accessed = now
	}
	for _, p := range f.topics {
		p.topic.apply(u, now, p.messages, p.fanout, false)
	}
}

func (f *effect) settleDown(now time.Time) {
	for _, p := range f.parts {
		p.messageStore.settleDown(now)
	}
	for _, p := range f.topics {
		p.fanout.settleDown(now)
	}
}

type partNeed struct {
	part    *part
	seqs    []int64
	lastPut *commit.Unit
}

// check checks every part under the locks of all.
func (f *effect) check(now time.Time) (needs []partNeed, err error) {
	for _, p := range f.parts {
		if err := p.messageStore.alive(); err != nil {
			return nil, err
		}
		need, err := p.messageStore.q.Check(entity.Env{Now: now}, p.ops...)
		if err != nil {
			return nil, fmt.Errorf("queue %q: %w", p.messageStore.path, err)
		}
		if len(need) > 0 {
			needs = append(needs, partNeed{p, need, p.messageStore.lastPut})
		}
	}
	for _, p := range f.topics {
		if err := p.topic.check(now, p.messages, p.fanout); err != nil {
			return nil, err
		}
	}
	return needs, nil
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
