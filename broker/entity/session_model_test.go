package entity_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/broker/entity"
)

// TestSessionModel drives an entity that requires sessions against a naive model: every
// message in one map, with who holds it; sessions by who holds them. As in [TestModel],
// what is read is a snapshot that is applied later, the windows are tiny and restarts open
// the queue from its records.
func TestSessionModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newSessionMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"send": m.send, "accept": m.accept, "next": m.next, "close": m.close, "credit": m.credit, "settle": m.settle,
			"renew": m.renew, "advance": m.advance, "tick": m.tick, "work": m.work, "finish": m.finish,
			"deferred": m.deferred, "state": m.state, "beginState": m.beginState, "endState": m.endState,
			"reserve": m.reserve, "run": m.run, "restart": m.restart, "settled": m.quiet,
			"": m.invariants,
		})
	})
}

type sessionMessage struct {
	seq      int64
	session  string
	count    uint32
	deferred bool
	dead     bool
	holder   int // index of the consumer, runHolder, or nobody
	token    entity.LockToken
}

const (
	nobody    = -1
	runHolder = 100
)

type sessionMachine struct {
	machine   // its store, clock and reads
	all       map[int64]*sessionMessage
	consumers []*entity.Consumer
	holds     map[string]int       // session: consumer
	until     map[string]time.Time // of those that consumers hold
	waiting   []int                // consumers that wait for the next session
	// lapsing are sessions whose lock has run out; it is over when the consumer has none.
	lapsing map[string]*entity.Consumer
	states  map[string][]byte
	setting *setting
}

func newSessionMachine(t *rapid.T) *sessionMachine {
	m := &sessionMachine{all: map[int64]*sessionMessage{}, states: map[string][]byte{}}
	m.now, m.nextSeq = time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), 1
	m.config = entity.Config{LockDuration: 10 * time.Second, DefaultTimeToLive: entity.Forever, MaxBytes: int64(rapid.SampledFrom([]int{40, 1 << 30}).Draw(t, "max bytes")), MaxMessageBytes: 100,
		MaxDeliveryCount: uint32(rapid.IntRange(1, 3).Draw(t, "max delivery")), RequiresSession: true, MaxSessionState: 10}
	m.window = rapid.IntRange(1, 6).Draw(t, "window")
	m.store = newStored()
	m.reopen()
	return m
}

func (m *sessionMachine) reopen() {
	m.open()
	m.consumers, m.waiting, m.setting = nil, nil, nil
	m.holds, m.until = map[string]int{}, map[string]time.Time{}
	for range 4 {
		m.consumers = append(m.consumers, &entity.Consumer{Sub: entity.MainQueue})
	}
	for _, x := range m.all {
		if x.holder == runHolder {
			m.holds[x.session] = runHolder
		} else {
			x.holder = nobody
		}
	}
}

// do checks and applies an operation, and looks at what it did.
func (m *sessionMachine) do(t *rapid.T, op entity.Op) error {
	supply := &entity.Supply{}
	env := m.env()
	env.Supply = supply
	for {
		m.q.Unwatch(supply)
		need, err := m.q.Check(env, op)
		if err != nil {
			return err
		}
		if need == nil {
			break
		}
		m.q.Watch(supply, need)
		m.load(supply, need)
		for _, h := range need.Headers {
			m.fillWindow(t, h)
		}
	}
	m.d.Reset()
	m.q.Apply(env, &m.d, op)
	m.store.apply(t, m.d.Records)
	for _, c := range m.d.Accepted {
		m.accepted(t, slices.Index(m.consumers, c))
	}
	for _, h := range m.d.Batches {
		for _, msg := range h.Deliveries {
			m.delivered(t, slices.Index(m.consumers, h.Consumer), msg.Message)
		}
	}
	return nil
}

// fillWindow is fill of [machine].
func (m *sessionMachine) fillWindow(t *rapid.T, h entity.HeaderNeed) {
	if m.pending != nil {
		m.finish(t)
	}
	for m.q.Lacks(h) {
		from, limit, _ := m.q.StartRefill(h.Sub)
		rows := m.scan(entity.Work{Sub: h.Sub, From: from, Limit: limit}, false)
		m.must(t, entity.Refill{Sub: h.Sub, Rows: rows, More: len(rows) == limit})
	}
}

// accepted checks that nobody holds the session, and that it is the one with the oldest
// message for who waited.
func (m *sessionMachine) accepted(t *rapid.T, c int) {
	id := m.consumers[c].Session().ID()
	if held, ok := m.holds[id]; ok {
		t.Fatalf("session %s is given to %d while %d holds it", id, c, held)
	}
	if i := slices.Index(m.waiting, c); i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
		if want := m.oldest(); want == nil || want.session != id {
			t.Fatalf("the next session is %s, want that of %+v", id, want)
		}
	}
	m.holds[id], m.until[id] = c, m.now.Add(m.config.LockDuration)
}

// oldest returns the oldest message of sessions that nobody holds.
func (m *sessionMachine) oldest() (first *sessionMessage) {
	for _, x := range m.all {
		if c := m.lapsing[x.session]; c != nil && c.Session() != nil {
			continue
		}
		if _, held := m.holds[x.session]; !held && !x.deferred && !x.dead && x.holder == nobody && (first == nil || x.seq < first.seq) {
			first = x
		}
	}
	return first
}

// delivered checks that a message is the next of the session that the consumer holds.
func (m *sessionMachine) delivered(t *rapid.T, c int, msg *entity.Message) {
	x := m.all[msg.SequenceNumber]
	h := m.consumers[c].Session()
	if x == nil || h == nil || h.ID() != x.session || m.holds[x.session] != c {
		t.Fatalf("consumer %d gets %+v, holds %v", c, x, m.holds)
	}
	if want := m.ready(x.session); len(want) == 0 || want[0] != x {
		t.Fatalf("consumer %d gets %+v, next is %+v", c, x, want)
	}
	if msg.DeliveryCount != x.count || !msg.LockedUntil.Equal(m.until[x.session]) {
		t.Fatalf("message %d is delivered with count %d until %v; want %d, %v", x.seq, msg.DeliveryCount, msg.LockedUntil, x.count, m.until[x.session])
	}
	x.holder, x.token = c, msg.LockToken
}

// ready returns what can be handed out of a session, in order.
func (m *sessionMachine) ready(id string) (list []*sessionMessage) {
	for _, seq := range slices.Sorted(maps.Keys(m.all)) {
		if x := m.all[seq]; x.session == id && !x.deferred && !x.dead && x.holder == nobody {
			list = append(list, x)
		}
	}
	return list
}

func (m *sessionMachine) must(t *rapid.T, op entity.Op) {
	if err := m.do(t, op); err != nil {
		t.Fatalf("%T: %v", op, err)
	}
}

var sessionIDs = []string{"", "a", "b", "c"}

func (m *sessionMachine) send(t *rapid.T) {
	var op entity.Send
	op.Keep = rapid.Bool().Draw(t, "keep")
	for range rapid.IntRange(1, 5).Draw(t, "messages") {
		msg := &entity.Message{}
		msg.Sections = []byte(fmt.Sprint("body ", m.nextSeq))
		msg.SessionID, msg.HasSession = rapid.SampledFrom(sessionIDs).Draw(t, "session"), true
		m.all[m.nextSeq] = &sessionMessage{seq: m.nextSeq, session: msg.SessionID, holder: nobody}
		m.nextSeq++
		op.Messages = append(op.Messages, msg)
	}
	if m.bytes() >= m.config.MaxBytes {
		if err := m.do(t, op); !errors.Is(err, entity.ErrQuotaExceeded) {
			t.Fatalf("send to an entity that has %d bytes: %v", m.bytes(), err)
		}
		for range op.Messages {
			m.nextSeq--
			delete(m.all, m.nextSeq)
		}
		return
	}
	m.must(t, op)
}

// idle draws a consumer that neither holds nor waits.
func (m *sessionMachine) idle(t *rapid.T) int {
	for i, c := range m.consumers {
		if c.Session() == nil && !slices.Contains(m.waiting, i) {
			return i
		}
	}
	t.Skip("no consumer")
	return 0
}

func (m *sessionMachine) accept(t *rapid.T) {
	c := m.idle(t)
	id := rapid.SampledFrom(sessionIDs).Draw(t, "session")
	_, held := m.holds[id]
	err := m.do(t, entity.AcceptSession{Consumer: m.consumers[c], ID: id})
	if held != errors.Is(err, entity.ErrSessionHeld) || !held && m.holds[id] != c {
		t.Fatalf("accept %s: %v; held: %v", id, err, held)
	}
}

func (m *sessionMachine) next(t *rapid.T) {
	c := m.idle(t)
	m.waiting = append(m.waiting, c)
	m.must(t, entity.AcceptSession{Consumer: m.consumers[c], Next: true})
}

// holder draws a consumer that holds a session, with its id.
func (m *sessionMachine) holder(t *rapid.T) (int, string) {
	var ids []string
	for id, c := range m.holds {
		if c != runHolder {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		t.Skip("no session is held")
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(t, "session")
	return m.holds[id], id
}

func (m *sessionMachine) close(t *rapid.T) {
	c, id := m.holder(t)
	m.free(id, false)
	m.must(t, entity.CloseConsumer{Consumer: m.consumers[c]})
	m.consumers[c] = &entity.Consumer{Sub: entity.MainQueue}
}

// free ends a session in the model.
func (m *sessionMachine) free(id string, lost bool) {
	c := m.holds[id]
	delete(m.holds, id)
	delete(m.until, id)
	for _, x := range m.all {
		if x.session == id && x.holder == c && !x.dead {
			x.holder, x.token = nobody, entity.LockToken{}
			if lost {
				m.failed(x)
			}
		}
	}
}

func (m *sessionMachine) failed(x *sessionMessage) {
	if x.count++; x.count >= m.config.MaxDeliveryCount {
		*x = sessionMessage{seq: x.seq, session: x.session, count: x.count, dead: true, holder: nobody}
	}
}

func (m *sessionMachine) credit(t *rapid.T) {
	c, _ := m.holder(t)
	m.must(t, entity.AddCredit{Consumer: m.consumers[c], N: rapid.IntRange(1, 3).Draw(t, "credit")})
}

func (m *sessionMachine) settle(t *rapid.T) {
	var held []int64
	for _, x := range m.all {
		if x.holder >= 0 && x.holder != runHolder {
			held = append(held, x.seq)
		}
	}
	if len(held) == 0 {
		t.Skip("nothing is locked")
	}
	slices.Sort(held)
	x := m.all[rapid.SampledFrom(held).Draw(t, "message")]
	o := entity.Outcome{Kind: rapid.SampledFrom([]entity.OutcomeKind{entity.Complete, entity.Abandon, entity.Release, entity.Defer, entity.DeadLetter}).Draw(t, "outcome")}
	op := &entity.Settle{Tokens: []entity.LockToken{x.token}, Outcome: o}
	lost := !m.until[x.session].After(m.now)
	if !lost {
		x.holder, x.token = nobody, entity.LockToken{}
		switch o.Kind {
		case entity.Complete:
			delete(m.all, x.seq)
		case entity.DeadLetter:
			*x = sessionMessage{seq: x.seq, session: x.session, count: x.count, dead: true, holder: nobody}
		case entity.Abandon, entity.Defer:
			if m.failed(x); !x.dead && o.Kind == entity.Defer {
				x.deferred = true
			}
		}
	}
	m.must(t, op)
	if lost != errors.Is(op.Errs[0], entity.ErrSessionLockLost) {
		t.Fatalf("settle: %v, lock lost: %v", op.Errs, lost)
	}
}

func (m *sessionMachine) renew(t *rapid.T) {
	_, id := m.holder(t)
	lost := !m.until[id].After(m.now)
	op := &entity.RenewSession{ID: id}
	if err := m.do(t, op); lost != errors.Is(err, entity.ErrSessionLockLost) {
		t.Fatalf("renew: %v, lock lost: %v", err, lost)
	}
	if !lost {
		m.until[id] = m.now.Add(m.config.LockDuration)
	}
}

func (m *sessionMachine) tick(t *rapid.T) {
	lost := map[string]bool{}
	for id, until := range m.until {
		if !until.After(m.now) {
			lost[id] = true
		}
	}
	m.lapsing = map[string]*entity.Consumer{}
	for id := range lost {
		m.lapsing[id] = m.consumers[m.holds[id]]
		m.free(id, true)
	}
	n, before := 0, m.lapsing
	for range max(len(lost), 1) { // one at a time, if contents have to be read
		m.must(t, entity.Tick{})
		n += len(m.d.Lost)
	}
	m.lapsing = nil
	for _, c := range before {
		m.consumers[slices.Index(m.consumers, c)] = &entity.Consumer{Sub: entity.MainQueue}
	}
	if n != len(lost) {
		t.Fatalf("%d sessions are lost, want %v", n, lost)
	}
}

func (m *sessionMachine) work(t *rapid.T) {
	if m.pending != nil {
		t.Skip("a read is under way")
	}
	var op entity.Op
	switch w := m.q.Work(m.now); w.Kind {
	case entity.NoWork:
		t.Skip("no work")
	case entity.TickWork:
		m.tick(t)
		return
	case entity.RefillWork:
		rows := m.rows(w, false)
		op = entity.Refill{Sub: w.Sub, Session: w.Session, Rows: rows, More: len(rows) == w.Limit}
	case entity.LoadWork:
		op = entity.Load{Sub: w.Sub, From: w.From, Rows: m.rows(w, true)}
	default:
		t.Fatalf("work %+v", w)
	}
	m.pending = func(t *rapid.T) { m.must(t, op) }
}

// rows is scan of all or of one session.
func (m *sessionMachine) rows(w entity.Work, content bool) []entity.Scanned {
	if w.Session == nil {
		return m.scan(w, content)
	}
	limit := w.Limit
	w.Limit = 1 << 30
	rows := slices.DeleteFunc(m.scan(w, content), func(r entity.Scanned) bool {
		id, ok := m.store.sessions[r.SequenceNumber]
		return !ok || id != w.Session.ID()
	})
	return rows[:min(limit, len(rows))]
}

// deferred receives a deferred message of a session.
func (m *sessionMachine) deferred(t *rapid.T) {
	var of []int64
	for _, x := range m.all {
		if x.deferred && x.holder == nobody {
			of = append(of, x.seq)
		}
	}
	if len(of) == 0 {
		t.Skip("nothing is deferred")
	}
	slices.Sort(of)
	x := m.all[rapid.SampledFrom(of).Draw(t, "message")]
	id := rapid.SampledFrom(sessionIDs).Draw(t, "session")
	c, held := m.holds[id]
	held = held && c != runHolder && m.until[id].After(m.now)
	op := &entity.ReceiveDeferred{Session: &id, SequenceNumbers: []int64{x.seq}}
	switch err := m.do(t, op); {
	case !held && !errors.Is(err, entity.ErrSessionLockLost), held && id != x.session && !errors.Is(err, entity.ErrMessageNotFound):
		t.Fatalf("receive %+v in session %q: %v", x, id, err)
	case held && id == x.session && err != nil:
		t.Fatalf("receive %+v: %v", x, err)
	case err == nil:
		x.holder, x.token = c, op.Received[0].LockToken
	}
}

// reserve holds the next session for a run.
func (m *sessionMachine) reserve(t *rapid.T) {
	if len(m.waiting) > 0 {
		t.Skip("consumers wait for the same")
	}
	op := &entity.Reserve{Max: rapid.IntRange(1, 3).Draw(t, "max"), Bytes: 1 << 20, Granted: 1 << 20}
	want := m.oldest()
	m.must(t, op)
	if (want == nil) != (op.Result == nil) {
		t.Fatalf("reserved %v, want the session of %+v", op.Result, want)
	}
	if want == nil {
		return
	}
	next := m.ready(want.session)
	for i, msg := range op.Result.Messages {
		if msg.SequenceNumber != next[i].seq {
			t.Fatalf("reserved message %d, next is %+v", msg.SequenceNumber, next[i])
		}
	}
	if rapid.Bool().Draw(t, "give back") {
		m.must(t, entity.ReleaseReserved{Reservation: op.Result})
		return
	}
	m.holds[want.session] = runHolder
	m.must(t, entity.LockRun{Reservation: op.Result, Run: entity.RunID("run of " + want.session)})
	for _, msg := range op.Result.Messages {
		m.all[msg.SequenceNumber].holder = runHolder
	}
}

// run settles what a run holds.
func (m *sessionMachine) run(t *rapid.T) {
	var of []int64
	for _, x := range m.all {
		if x.holder == runHolder {
			of = append(of, x.seq)
		}
	}
	if len(of) == 0 {
		t.Skip("no run holds a message")
	}
	slices.Sort(of)
	x := m.all[rapid.SampledFrom(of).Draw(t, "message")]
	o := entity.Outcome{Kind: rapid.SampledFrom([]entity.OutcomeKind{entity.Complete, entity.Abandon, entity.Release}).Draw(t, "outcome")}
	x.holder = nobody
	switch o.Kind {
	case entity.Complete:
		delete(m.all, x.seq)
	case entity.Abandon:
		m.failed(x)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(m.all)), func(y *sessionMessage) bool { return y.session == x.session && y.holder == runHolder }) {
		delete(m.holds, x.session)
	}
	m.must(t, entity.RunSettle{Run: entity.RunID("run of " + x.session), Seqs: []int64{x.seq}, Outcome: o})
}

// bytes is what messages and states of sessions have.
func (m *sessionMachine) bytes() (n int64) {
	for _, messages := range m.store.messages {
		for _, msg := range messages {
			n += int64(len(msg.Sections))
		}
	}
	for _, state := range m.states {
		n += int64(len(state))
	}
	return n
}

// A setting is a state that is set, of which the old one is being read.
type setting struct {
	op     entity.SetSessionState
	supply *entity.Supply
}

// drawState draws a state for a session that may be held.
func (m *sessionMachine) drawState(t *rapid.T) (op entity.SetSessionState) {
	op.ID = rapid.SampledFrom(sessionIDs).Draw(t, "session")
	if n := rapid.IntRange(-1, 10).Draw(t, "size"); n >= 0 {
		op.State = make([]byte, n)
	}
	return op
}

func (m *sessionMachine) state(t *rapid.T) {
	m.set(t, &setting{m.drawState(t), &entity.Supply{}})
}

// beginState reads what a new state needs, as the store is now.
func (m *sessionMachine) beginState(t *rapid.T) {
	if m.setting != nil {
		t.Skip("one is under way")
	}
	s := &setting{m.drawState(t), &entity.Supply{}}
	need, err := m.q.Check(m.env(), s.op)
	if err != nil || need == nil {
		t.Skip("nothing to read")
	}
	m.q.Watch(s.supply, need)
	m.load(s.supply, need)
	m.setting = s
}

// endState sets the state after whatever has happened since.
func (m *sessionMachine) endState(t *rapid.T) {
	if m.setting == nil {
		t.Skip("none is under way")
	}
	s := m.setting
	m.setting = nil
	m.set(t, s)
}

func (m *sessionMachine) set(t *rapid.T, s *setting) {
	id, state := s.op.ID, s.op.State
	c, held := m.holds[id]
	held = held && c != runHolder && m.until[id].After(m.now)
	full := m.bytes() >= m.config.MaxBytes && len(state) > len(m.states[id])
	err := m.supply(t, s.supply, s.op)
	switch {
	case !held && errors.Is(err, entity.ErrSessionLockLost), held && full && errors.Is(err, entity.ErrQuotaExceeded):
		return
	case err != nil || !held || full:
		t.Fatalf("set a state of %d bytes, held: %t, full: %t: %v", len(state), held, full, err)
	}
	if m.states[id] = state; state == nil {
		delete(m.states, id)
	}
	m.d.Reset()
	env := m.env()
	env.Supply = s.supply
	m.q.Apply(env, &m.d, s.op)
	m.store.apply(t, m.d.Records)
}

func (m *sessionMachine) restart(t *rapid.T) { m.reopen() }

// quiet does all the work there is: nobody waits for what could be handed out.
func (m *sessionMachine) quiet(t *rapid.T) {
	if m.pending != nil {
		m.finish(t)
	}
	for i := 0; m.q.HasWork(m.now); i++ {
		if i > 1000 {
			t.Fatalf("work without end: %+v", m.q.Work(m.now))
		}
		m.work(t)
		if m.pending != nil {
			m.finish(t)
		}
	}
	for id, c := range m.holds {
		if c != runHolder && m.consumers[c].Credit() > 0 && len(m.ready(id)) > 0 {
			t.Fatalf("consumer %d has credit while there is %+v", c, m.ready(id)[0])
		}
	}
	if x := m.oldest(); len(m.waiting) > 0 && x != nil {
		t.Fatalf("consumers %v wait for a session while there is %+v", m.waiting, x)
	}
}

func (m *sessionMachine) invariants(t *rapid.T) {
	if got, want := m.q.Bytes(), m.bytes(); got != want || m.store.totals.Messages != int64(len(m.states)) {
		t.Fatalf("the entity has %d bytes and %d states, want %d and %d", got, m.store.totals.Messages, want, len(m.states))
	}
	lowest := m.nextSeq
	var want [entity.SubQueues]entity.Counters
	var locked [entity.SubQueues]int
	for seq, x := range m.all {
		sub := entity.MainQueue
		if x.dead {
			sub = entity.DeadLetterQueue
		} else {
			lowest = min(lowest, seq)
		}
		msg := m.read(sub, seq)
		if msg == nil || msg.DeliveryCount != x.count || (msg.State == entity.Deferred) != x.deferred || (msg.Owner == entity.RunOwner) != (x.holder == runHolder) {
			t.Fatalf("stored %+v, want %+v", msg, x)
		}
		want[sub].Messages++
		want[sub].Bytes += int64(len(msg.Sections))
		if x.deferred {
			want[sub].Deferred++
		}
		if x.holder != nobody {
			locked[sub]++
		}
	}
	for sub := range want {
		got := m.q.Counters(entity.SubQueue(sub))
		got.LowWater, got.NextSequence = 0, 0
		if n := m.q.Locked(entity.SubQueue(sub)); got != want[sub] || n != locked[sub] {
			t.Fatalf("sub-queue %d: counters %+v and %d locked, want %+v and %d", sub, got, n, want[sub], locked[sub])
		}
	}
	for seq, msg := range m.store.messages[entity.MainQueue] {
		if id, ok := m.store.sessions[seq]; !ok || id != msg.SessionID {
			t.Fatalf("message %d of session %q: the index has %q, %t", seq, msg.SessionID, id, ok)
		}
	}
	if n := len(m.store.messages[entity.MainQueue]); n != len(m.store.sessions) {
		t.Fatalf("the index of sessions has %d messages, the main queue %d", len(m.store.sessions), n)
	}
	if n := len(m.store.messages[0]) + len(m.store.messages[1]); n != len(m.all) {
		t.Fatalf("%d messages are stored, want %d", n, len(m.all))
	}
	if got := m.q.Counters(entity.MainQueue); got.LowWater > lowest {
		t.Fatalf("low water %d, but message %d is there", got.LowWater, lowest)
	}
}
