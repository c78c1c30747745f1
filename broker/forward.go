package broker

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/broker/filter"
	"switchyard/commit"
)

// What is moved at once: one decision, in memory meanwhile. One message is always moved.
const (
	movePage  = 250
	moveBytes = 1 << 20
	// moveFanOut is how many bytes of the log the copies of a page may take in a topic.
	moveFanOut = 16 << 20
)

// The pauses of a mover that waits for another entity: doubled each time, until something
// moves, an entity of the broker is changed, or one that was full has room.
const (
	firstPause = time.Second
	maxPause   = 16 * time.Second
)

// A mover moves the messages of one sub-queue to where they go on, the oldest first
// [SB-SEM 4]. It runs in the pool, one page at a time, when [messageStore.settleDown] finds
// that there is something to move; between pages it holds nothing. A move is one plan, so
// one unit: the messages leave the one entity and are sent to the other, or neither.
type mover struct {
	e     *messageStore
	sub   SubQueue
	route *route

	// Guarded by messageStore.mu.
	busy  bool      // in the pool
	until time.Time // no page before
	again time.Time // when messages that were left aside are tried again; zero: there are none
	// regained is when some of them were last taken up.
	regained time.Time

	// Of the page that is being moved.
	r      *Reservation
	single int          // so many are moved one by one, because one of them was refused
	last   *commit.Unit // of the page
	full   []string     // entities that have refused messages because they are full

	pause time.Duration // the last one; 0: something has moved since
	aside aside
}

// A route is what a mover does with the messages of one kind of sub-queue.
type route struct {
	// destination returns the path of the entity to which a message goes on. It is called
	// with messageStore.mu held.
	destination func(e *messageStore, m *Message) string
	// stays returns why a message does not go on; nil: it does.
	stays func(m *Message) *DeadLetterInfo
	// onward makes what the other entity gets of a copy of the message, which has its number.
	onward func(e *messageStore, m *Message)
	// waits reports whether messages wait while they are refused like that. Those that do
	// not wait go to the dead-letter queue, or, where there is none, stay for good.
	waits func(err error) bool
	// aside: messages for other entities go on meanwhile.
	aside bool
	// deadLetters: there is a dead-letter queue for what is refused.
	deadLetters bool
}

// routes are those of the sub-queues whose messages are moved.
var routes = [entity.SubQueues]*route{
	MainQueue: {
		destination: func(e *messageStore, _ *Message) string { return description.ForwardPath(e.options.ForwardTo) },
		stays:       exhaustedHops,
		onward:      hop,
		waits:       func(error) bool { return false },
		deadLetters: true,
	},
	// What comes from a dead-letter queue can't be dead-lettered: it waits for an entity that
	// is full, disabled or gone, and stays if it is itself what is refused.
	DeadLetterQueue: {
		destination: func(e *messageStore, _ *Message) string {
			return description.ForwardPath(e.options.ForwardDeadLetteredMessagesTo)
		},
		stays: exhaustedHops,
		onward: func(e *messageStore, m *Message) {
			hop(e, m)
			m.DeadLetterSource = e.path
		},
		waits: refusesAll,
	},
	// What was sent by way of the entity names where it goes, and may be scheduled there. For
	// an entity that is full it waits, for one that is disabled or gone it does not
	// [SB-SEM 4].
	TransferQueue: {
		destination: func(_ *messageStore, m *Message) string { return m.Destination },
		stays:       exhaustedHops,
		onward: func(e *messageStore, m *Message) {
			hop(e, m)
			m.Destination = ""
		},
		waits:       func(err error) bool { return errors.Is(err, ErrQuotaExceeded) },
		aside:       true,
		deadLetters: true,
	},
}

// hop notes in a message that it is forwarded. It keeps the number that it had first, and a
// time that is to come: it was sent by way of the entity, or a rule's action has set it.
func hop(e *messageStore, m *Message) {
	m.Hops++
	m.EnqueueSequence = cmp.Or(m.EnqueueSequence, m.SequenceNumber)
	if !m.ScheduledFor.After(e.b.Now()) {
		m.ScheduledFor = time.Time{}
	}
}

// exhaustedHops refuses the fifth hop. What was dead-lettered for it stays where it is
// even if dead letters are forwarded.
func exhaustedHops(m *Message) *DeadLetterInfo {
	if m.Hops < entity.MaxHops {
		return nil
	}
	return &DeadLetterInfo{Reason: entity.ReasonHops, Description: entity.DescriptionHops}
}

// refusesAll reports whether an entity that refuses one message like that refuses all. One
// that is full does: it takes messages up to its size, and the last ones whatever theirs.
func refusesAll(err error) bool {
	return errors.Is(err, ErrEntityDisabled) || errors.Is(err, ErrEntityNotFound) || errors.Is(err, ErrEntityDeleted) ||
		errors.Is(err, ErrQuotaExceeded)
}

// refusals are the errors by which an entity refuses messages, with the reason that they
// have as dead letters: the names of the exceptions of Azure's documentation. The reason
// that Azure gives is not documented. An empty description means the error's own text. On any
// other error the messages wait.
var refusals = []struct {
	err                 error
	reason, description string
}{
	{ErrEntityNotFound, "MessagingEntityNotFoundException", ""},
	{ErrEntityDeleted, "MessagingEntityNotFoundException", ""},
	{ErrEntityDisabled, "MessagingEntityDisabledException", ""},
	{ErrQuotaExceeded, "QuotaExceededException", ""},
	{ErrMessageTooLarge, "MessageSizeExceededException", ""},
	{ErrNoSessionID, entity.ReasonNoSession, entity.DescriptionNoSessionSent},
	{ErrInvalidArgument, "ArgumentException", ""},
	{ErrNotAllowed, "InvalidOperationException", ""},
	{ErrNotSupported, "NotSupportedException", ""},
}

// refusal returns why a message becomes a dead letter that an entity refuses; nil if the
// error is no refusal.
func refusal(to string, err error) *DeadLetterInfo {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			text := cmp.Or(r.description, fmt.Sprintf("Forwarding to '%s' failed: %v.", to, err))
			return &DeadLetterInfo{Reason: r.reason, Description: text}
		}
	}
	return nil
}

// startMovers lets the messages go on that are to be moved. It is called with mu held.
func (e *messageStore) startMovers(now time.Time) {
	if e.trouble.closed != nil || e.scheduleOf != nil && e.scheduleOf.closed != nil {
		return
	}
	for sub, route := range routes {
		m := e.movers[sub]
		if route == nil || !e.q.Forwardable(SubQueue(sub)) && !m.triesAgain(now) {
			continue
		}
		if m == nil {
			m = &mover{e: e, sub: SubQueue(sub), route: route}
			e.movers[sub] = m
		}
		m.start(now)
	}
}

// start is called with mu held.
func (m *mover) start(now time.Time) {
	if !m.busy && !m.until.After(now) {
		m.busy = true
		m.e.b.moving.add(m.run)
	}
}

// settle is settleDown by who does not hold mu.
func (e *messageStore) settle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settleDown(e.b.Now())
}

// run moves one page.
func (m *mover) run() {
	m.tryAgain()
	if len(m.aside.first) == 0 {
		m.e.b.waiting.remove(m)
	}
	pause := m.page()
	full := m.full
	m.full = nil
	m.end(pause)
	m.wantRoom(full)
}

// end lets the next page begin after a pause.
func (m *mover) end(pause time.Duration) {
	e := m.e
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.b.Now()
	m.busy, m.until = false, time.Time{}
	if pause > 0 {
		m.until = now.Add(pause)
		e.b.timers.set(e, m.until)
	}
	m.setAgain(now)
	e.settleDown(now)
}

// page moves a page. It returns how long to wait before the next.
func (m *mover) page() time.Duration {
	b := m.e.b
	if err := b.Writable(); err != nil {
		return readRetry
	}
	of := entity.Reserve{Sub: m.sub, Max: movePage, Bytes: moveBytes, Granted: moveBytes, Forward: true}
	if m.pause > 0 && len(m.aside.first) == 0 {
		of.Max = 1 // to find out whether it goes on
	}
	q := Queue{e: m.e, sub: m.sub}
	r, err := q.reserve(of)
	if _, large := errors.AsType[*LargeBatch](err); large {
		b.largeMove.Lock() // one at a time is in memory
		defer b.largeMove.Unlock()
		of.Granted = math.MaxInt64
		r, err = q.reserve(of)
	}
	switch {
	case errors.Is(err, ErrDamaged):
		return m.skip()
	case err != nil && m.there():
		return readRetry
	case err != nil || r == nil:
		return 0
	}
	m.r, m.single = r, 0
	for err == nil && len(m.r.messages) > 0 {
		err = m.step()
	}
	m.r.Release()
	b.Sync(m.last)
	m.r, m.last = nil, nil
	return m.failed(err)
}

// failed returns how long to wait when a step has failed.
func (m *mover) failed(err error) time.Duration {
	if err == nil || !m.there() {
		return 0
	}
	m.waits(err)
	return m.pause
}

// longer returns the pause after one.
func longer(pause time.Duration) time.Duration { return min(max(2*pause, firstPause), maxPause) }

// waits notes that messages wait.
func (m *mover) waits(err error) {
	if m.pause == 0 && m.e.b.ctx.Err() == nil {
		m.e.b.logger.Warn("messages can't be forwarded at the moment: they wait", "queue", m.e.path+m.sub.Suffix(),
			"namespace", m.e.namespace.name, "error", err)
	}
	m.pause = longer(m.pause)
	m.e.b.waiting.add(m)
}

// there reports whether messages are still to be forwarded.
func (m *mover) there() bool {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	return m.e.alive() == nil && m.e.q.Config().Forwards[m.sub]
}

// step moves the next messages of the page that go to one entity, or what becomes of
// those that do not. It fails if they wait.
func (m *mover) step() error {
	n, to, why := m.next()
	switch {
	case n == 0:
		return ErrNotAllowed // they are not forwarded any more
	case m.aside.waits(to):
		return m.leave(n)
	case why != nil:
		return m.refuse(n, *why)
	}
	err := m.forward(n, to)
	if err == nil {
		return nil
	}
	m.noteFull(to, err)
	why = refusal(to, err)
	switch {
	case why != nil && n > 1 && !refusesAll(err):
		m.single = n
		return nil
	case m.goesAside(err, why):
		return m.putAside(n, to, err)
	case why == nil || m.route.waits(err):
		return err
	}
	return m.refuse(n, *why)
}

// next returns how many of the next messages go to the same entity, and which, or why
// they do not; 0 if messages are not forwarded any more.
func (m *mover) next() (n int, to string, why *DeadLetterInfo) {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	if m.e.deleted || !m.e.q.Config().Forwards[m.sub] {
		return 0, "", nil
	}
	for i, x := range m.r.messages {
		if i > 0 && m.single > 0 {
			break
		}
		p, w := m.route.destination(m.e, x), m.route.stays(x)
		if i > 0 && (p != to || (w == nil) != (why == nil)) {
			break
		}
		n, to, why = i+1, p, w
	}
	m.single = max(m.single-n, 0)
	return n, to, why
}

// forward sends the next n messages to an entity.
func (m *mover) forward(n int, to string) error {
	b := m.e.b
	sender, err := b.Sender(m.e.namespace.name, to)
	if err != nil {
		return err
	}
	msgs := make([]*Message, n)
	for i, x := range m.r.messages[:n] {
		if msgs[i], err = m.onward(x, sender); err != nil {
			return err
		}
	}
	p := m.r.plan(entity.SettleReserved{Reservation: m.r.r, First: n, Outcome: Outcome{Kind: Complete}})
	if err := sender.plan(p, msgs, b.keeps()); err != nil {
		return err
	}
	size := p.sends()
	if n > 1 && size > moveFanOut {
		m.single = n
		return m.forward(1, to)
	}
	if err := b.log.Admit(b.ctx, size); err != nil {
		return err
	}
	return m.done(n, p)
}

// onward returns what another entity gets of a message.
func (m *mover) onward(x *Message, to Sender) (*Message, error) {
	y := &Message{Content: x.Content, SequenceNumber: x.SequenceNumber}
	y.Properties, y.DeadLetterSource = x.Properties, x.DeadLetterSource
	m.route.onward(m.e, y)
	if _, topic := to.(*Topic); topic {
		return y, m.e.b.forRules(y)
	}
	return y, nil
}

// forRules lets the rules of a topic see the properties that settlements have added to a
// message: they become its own.
func (b *Broker) forRules(m *Message) error {
	if m.Encoding == nil {
		m.Encoding = b.encoding
	}
	if m.Encoding == nil || len(m.Properties) == 0 {
		return nil
	}
	changes := make([]filter.Change, len(m.Properties))
	for i, p := range m.Properties {
		changes[i] = filter.Change{Name: p.Name, Value: p.Value}
	}
	c, err := m.Encoding.Rewrite(&m.Content, changes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidArgument, err)
	}
	m.Content, m.Properties = c, nil
	return nil
}

// refuse lets the next n messages not go on.
func (m *mover) refuse(n int, why DeadLetterInfo) error {
	if !m.route.deadLetters {
		return m.leave(n)
	}
	out := Outcome{Kind: DeadLetter, Reason: why.Reason, Description: why.Description}
	return m.done(n, m.r.plan(entity.SettleReserved{Reservation: m.r.r, First: n, Outcome: out}))
}

// leave leaves the next n messages behind.
func (m *mover) leave(n int) error {
	_, err := m.r.plan(entity.LeaveReserved{Reservation: m.r.r, First: n}).submit(nil)
	m.r.messages = m.r.messages[n:]
	return err
}

// done decides what becomes of the next n messages of the page.
func (m *mover) done(n int, p *plan) error {
	u, err := p.submit(nil)
	if err != nil {
		return err
	}
	if u != nil {
		m.last = u
	}
	m.r.messages, m.pause = m.r.messages[n:], 0
	return nil
}

// waitingMovers are the movers that wait for another entity. They try again when any
// entity is changed, which is rare.
type waitingMovers struct {
	mu  sync.Mutex
	all map[*mover]struct{}
}

func (w *waitingMovers) any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all) > 0
}

func (w *waitingMovers) add(m *mover) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*mover]struct{}{}
	}
	w.all[m] = struct{}{}
}

func (w *waitingMovers) remove(m *mover) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, m)
}

// wake lets all try again.
func (w *waitingMovers) wake() {
	w.mu.Lock()
	all := w.all
	w.all = nil
	w.mu.Unlock()
	wake(all, 0)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wake lets movers try again at once, and look for what they left behind no sooner than a
// pause after they last found some.
func wake(all map[*mover]struct{}, pause time.Duration) {
	for m := range all {
		m.e.mu.Lock()
		m.until = time.Time{}
		if again := latest(m.e.b.Now(), m.regained.Add(pause)); m.again.After(again) {
			m.again = again
			m.e.b.timers.set(m.e, again)
		}
		m.e.settleDown(m.e.b.Now())
		m.e.mu.Unlock()
	}
}
