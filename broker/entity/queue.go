package entity

import (
	"cmp"
	"math"
	"time"

	"switchyard/broker/description"
)

// Config is what the state machine needs to know of the entity's options.
type Config struct {
	LockDuration              time.Duration
	DefaultTimeToLive         time.Duration // Forever: never
	MaxDeliveryCount          uint32
	DeadLetterOnExpiration    bool
	MaxBytes, MaxMessageBytes int64
	Status                    description.Status
	// HistoryWindow is for how long message ids are remembered; 0: there is no
	// duplicate detection.
	HistoryWindow time.Duration
	// Partitioned says that message ids are compared among those of the same key only.
	Partitioned     bool
	RequiresSession bool
	MaxSessionState int // bytes
	// Forwards are the sub-queues whose messages the shell moves on to other entities: see
	// [Queue.Forwardable].
	Forwards [SubQueues]bool
}

// Env is what an operation may know of the world.
type Env struct {
	Now time.Time
	// Token draws a new lock token.
	Token func() LockToken
	// Supply is what was read for the operations; nil: nothing.
	Supply *Supply
}

// State is what is read from the store to open a queue. The index is the
// sub-queue.
type State struct {
	Counters [SubQueues]Counters
	// Held are the messages that are locked or whose NotBefore is set; content
	// is not needed.
	Held [SubQueues][]Scanned
	// LowestDeferred is the lowest sequence number of a deferred message, 0 if
	// there is none.
	LowestDeferred [SubQueues]int64
	// NextExpiry is the first time in the expiry index, zero if it is empty.
	NextExpiry [SubQueues]time.Time
	// History remembers message ids, with duplicate detection.
	History History
	// States are the totals of the sessions' states: Messages of them, and Bytes.
	States Counters
}

// A Queue is one queue or subscription with its sub-queues. It is not safe for
// concurrent use: the shell's lock guards it.
type Queue struct {
	config  Config
	subs    [SubQueues]*sub
	size    int   // of the windows: WindowSize, less in tests
	held    int64 // bytes of content in items
	watches map[*Supply]struct{}
	history History
	checker checker
	topic   *Topic // whose schedule it is; nil: it is a queue or a subscription
	parent  *Topic // of a subscription: what it holds counts towards the quota of this topic
	states  Counters
	// configured counts the calls of SetConfig.
	configured uint64
}

// New returns the queue that the store describes.
func New(c Config, s State) *Queue {
	q := &Queue{config: c, size: WindowSize, history: s.History, states: s.States}
	for i := range q.subs {
		q.subs[i] = newSub(q, SubQueue(i), s.Counters[i])
		if s.LowestDeferred[i] > 0 {
			q.subs[i].deferredLow = s.LowestDeferred[i]
		}
		q.subs[i].expiryDue = s.NextExpiry[i]
		for _, h := range s.Held[i] {
			q.subs[i].adopt(h)
		}
	}
	if main := q.subs[MainQueue]; main.counters.NextSequence < 1 {
		main.counters.NextSequence = 1
	}
	return q
}

// SetConfig changes the configuration: it holds for what happens from now on. Messages
// that were left behind when others were forwarded are looked at again.
func (q *Queue) SetConfig(c Config) {
	q.config = c
	q.configured++
	for _, s := range q.subs {
		s.regain()
	}
}

// Config returns the configuration.
func (q *Queue) Config() Config { return q.config }

// Counters returns the totals of a sub-queue.
func (q *Queue) Counters(s SubQueue) Counters {
	c := q.subs[s].counters
	c.LowWater = q.subs[s].lowWater()
	return c
}

// Bytes returns the size of everything in all sub-queues, and of the states of sessions.
func (q *Queue) Bytes() (n int64) {
	n = q.states.Bytes
	for _, s := range q.subs {
		n += s.counters.Bytes
	}
	return n
}

// used is what counts towards the quota of the top-level entity.
func (q *Queue) used() int64 {
	if t := cmp.Or(q.topic, q.parent); t != nil {
		return t.Bytes()
	}
	return q.Bytes()
}

// Full reports whether the top-level entity takes nothing more.
func (q *Queue) Full() bool { return q.top().full(q.used()) != nil }

// Locked counts the messages of a sub-queue that links and runs hold.
func (q *Queue) Locked(s SubQueue) int {
	n := len(q.subs[s].tokens)
	for _, held := range q.subs[s].runs {
		n += len(held)
	}
	return n
}

// ContentBytes returns how much content the queue keeps in memory.
func (q *Queue) ContentBytes() int64 { return q.held }

// Deadline returns when Apply of a [Tick] has something to do or [Queue.Work]
// has a sweep; zero if no time is set.
func (q *Queue) Deadline() time.Time {
	t := q.history.deadline()
	for _, s := range q.subs {
		t = Earlier(Earlier(t, s.due.first()), s.sessions.due.first())
		t = Earlier(t, s.unrecorded.due())
		if s.sweep == nil {
			t = Earlier(t, s.sweepDue())
		}
	}
	return t
}

// Earlier returns the earlier of two times, of which zero means never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// An Op changes a queue. The set is closed.
type Op interface {
	check(q *Queue, c *checker) error
	apply(q *Queue, env Env, d *Decision)
}

// Check reports whether the operations may be applied together, now, or else what
// must be made ready first; nil: nothing. It changes nothing but the results in
// the operations.
func (q *Queue) Check(env Env, ops ...Op) (*Need, error) {
	q.checker.begin(env)
	for _, op := range ops {
		if err := op.check(q, &q.checker); err != nil {
			return q.checker.end(err)
		}
	}
	return q.checker.end(nil)
}

// Apply applies operations that Check has just let pass in the same environment,
// and hands out what consumers wait for.
func (q *Queue) Apply(env Env, d *Decision, ops ...Op) {
	for _, op := range ops {
		op.apply(q, env, d)
	}
	q.history.decided(&d.History)
	for _, s := range q.subs {
		s.endOwned(env, d)
		s.pump(env, d)
		s.grant(env, d)
		s.sessions.pump(env, d)
	}
	for _, it := range d.dirty {
		it.dirty = false
		switch {
		case it.removed:
		case it.status.IsZero():
			if it.recorded {
				it.recorded = false
				d.Records = append(d.Records, Record{Kind: DeleteStatus, Sub: it.sub.id, SequenceNumber: it.seq})
			}
		case it.fresh && it.place == locked && !it.recorded:
			it.sub.unrecorded.add(it, env.Now)
		default:
			it.recordStatus(d)
		}
		it.fresh = false
	}
	for i, s := range q.subs {
		s.recordLocks(env.Now, d)
		if d.count[i] {
			d.Durable = true
			c := s.counters
			c.LowWater = s.lowWater()
			d.Records = append(d.Records, Record{Kind: PutCounters, Sub: s.id, Counters: c})
		}
		d.Ready[i] = d.moved[i] && s.available() && !q.config.Forwards[i]
	}
}

func (q *Queue) main() *sub { return q.subs[MainQueue] }

// end is a number above that of every message of the entity.
func (q *Queue) end() int64 { return q.main().counters.NextSequence }

const beyond = math.MaxInt64
