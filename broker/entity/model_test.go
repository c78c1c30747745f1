package entity_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/broker/entity"
)

// TestModel drives a queue with random operations against a naive model: every
// message in one map. Reads of the store are snapshots that are applied any
// number of operations later, as when the shell reads without its lock; the
// window is tiny, so that refills and evictions are common; restarts open the
// queue from what its records say.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"send": m.send, "beginSend": m.beginSend, "endSend": m.endSend, "setWindow": m.setWindow, "copies": m.copies, "advance": m.advance, "tick": m.tick, "work": m.work, "finish": m.finish,
			"credit": m.credit, "drain": m.drain, "renew": m.renew,
			"settle": m.settle, "beginSettle": m.beginSettle, "endSettle": m.endSettle,
			"claim": m.claim, "releaseClaim": m.releaseClaim, "settleClaimed": m.settleClaimed,
			"reserve": m.reserve, "free": m.free, "lockRun": m.lockRun, "settleReserved": m.settleReserved, "configure": m.configure, "leave": m.leave, "settleRun": m.settleRun,
			"watch": m.watch, "receiveDeferred": m.receiveDeferred, "beginTake": m.beginTake, "endTake": m.endTake,
			"transfer": m.transfer, "regain": m.regain,
			"number": m.number, "sendNumbered": m.sendNumbered, "beginCancel": m.beginCancel, "endCancel": m.endCancel,
			"restart": m.restart, "settled": m.quiet,
			"": m.invariants,
		})
	})
}

// stored is the store: messages and statuses by sub-queue.
type stored struct {
	messages [entity.SubQueues]map[int64]*entity.Message
	statuses [entity.SubQueues]map[int64]entity.Status
	counters [entity.SubQueues]entity.Counters
	sessions map[int64]string // the index of messages by session
	states   map[string]*entity.SessionState
	totals   entity.Counters // of the states
}

func newStored() stored {
	s := stored{sessions: map[int64]string{}, states: map[string]*entity.SessionState{}}
	for i := range s.messages {
		s.messages[i], s.statuses[i] = map[int64]*entity.Message{}, map[int64]entity.Status{}
	}
	return s
}

// apply writes the records of a decision. What is changed or deleted must be there as the
// record says.
func (s *stored) apply(t *rapid.T, records []entity.Record) {
	for _, r := range records {
		if r.Sub == entity.SessionStates {
			s.totals = r.Counters
			continue
		}
		seq, messages := r.SequenceNumber, s.messages[r.Sub]
		switch r.Kind {
		case entity.PutMessage:
			c := *r.Message
			c.Status = entity.Status{}
			messages[seq] = &c
		case entity.DeleteMessage:
			if status, ok := s.statuses[r.Sub][seq]; ok && r.Bare {
				t.Fatalf("message %d is deleted as one without a status, it has %+v", seq, status)
			}
			old := messages[seq]
			if old == nil || !old.ExpiresAt.Equal(r.ExpiresAt) {
				t.Fatalf("message %d is deleted with expiry %v, stored is %+v", seq, r.ExpiresAt, old)
			}
			delete(messages, seq)
			delete(s.statuses[r.Sub], seq)
		case entity.PutStatus:
			if messages[seq] == nil {
				t.Fatalf("status of message %d, which is not there", seq)
			}
			s.statuses[r.Sub][seq] = *r.Status
		case entity.DeleteStatus:
			delete(s.statuses[r.Sub], seq)
		case entity.PutCounters:
			s.counters[r.Sub] = r.Counters
		case entity.PutSessionEntry:
			s.sessions[seq] = r.Session
		case entity.DeleteSessionEntry:
			if old, ok := s.sessions[seq]; !ok || old != r.Session {
				t.Fatalf("message %d is deleted from session %q, the index has it in %q, %t", seq, r.Session, old, ok)
			}
			delete(s.sessions, seq)
		case entity.PutSessionState:
			if s.states[r.Session] = r.State; r.State == nil {
				delete(s.states, r.Session)
			}
		}
	}
}

type owner int

const (
	free owner = iota
	link
	run
	reservation
)

// modelMessage is all there is to know of a message.
type modelMessage struct {
	seq      int64
	body     int64 // the number under which it was sent
	sub      entity.SubQueue
	count    uint32
	deferred bool
	owner    owner
	token    entity.LockToken
	until    time.Time
	locked   time.Time // when a link locked it
	expires  time.Time
	waiting  time.Time // backoff, until a tick ends it
	left     bool      // behind when others were forwarded; it may be found again
	claim    *claim
}

type machine struct {
	now        time.Time
	applied    time.Time // the last decision
	config     entity.Config
	q          *entity.Queue
	store      stored
	model      map[int64]*modelMessage
	tokens     uint64
	drains     int
	nextSeq    int64
	window     int
	generation int
	d          entity.Decision
	consumer   [4]*entity.Consumer
	pending    func(t *rapid.T) // applies the read that is under way
	held       *entity.Reservation
	heldSince  int         // of configured
	configured int         // how often the configuration was changed
	readings   [2]*reading // of deferred messages, under way
	settling   *settling
	taking     *taking
	cancel     *cancelling
	history    modelHistory
	sending    *sending
	bodies     int64
	claims     []*claim
	numbered   []*entity.Message // scheduled in a transaction that has not ended
}

func newMachine(t *rapid.T) *machine {
	m := &machine{now: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), model: map[int64]*modelMessage{}, nextSeq: 1}
	m.config = entity.Config{LockDuration: 10 * time.Second, DefaultTimeToLive: entity.Forever, MaxBytes: 1 << 30, MaxMessageBytes: 100,
		MaxDeliveryCount: uint32(rapid.IntRange(1, 3).Draw(t, "max delivery")), DeadLetterOnExpiration: rapid.Bool().Draw(t, "dead-letter expired")}
	m.window = rapid.IntRange(1, 6).Draw(t, "window")
	m.generation = rapid.IntRange(1, 4).Draw(t, "generation")
	m.config.Forwards[entity.TransferQueue] = true
	m.history.until = map[string]time.Time{}
	if rapid.Bool().Draw(t, "duplicate detection") {
		m.config.HistoryWindow = 10 * time.Second
	}
	m.store = newStored()
	m.open()
	return m
}

func (m *machine) open() {
	var s entity.State
	s.Counters, s.States = m.store.counters, m.store.totals
	for i := range m.store.messages {
		sub := entity.SubQueue(i)
		for _, seq := range slices.Sorted(maps.Keys(m.store.statuses[i])) {
			st := m.store.statuses[i][seq]
			if st.State == entity.Deferred && s.LowestDeferred[i] == 0 {
				s.LowestDeferred[i] = seq
			}
			if st.Owner != entity.NoOwner || st.State == entity.Active && !st.NotBefore.IsZero() {
				msg := m.read(sub, seq)
				s.Held[i] = append(s.Held[i], entity.Scanned{Message: msg, Size: len(msg.Sections)})
			}
		}
		if rows := m.expiries(sub, entity.Expiry{}, 1); len(rows) > 0 {
			s.NextExpiry[i] = rows[0].ExpiresAt
		}
	}
	s.History = m.history.open()
	m.q = entity.New(m.config, s)
	m.q.SetWindow(m.window)
	m.q.SetGeneration(m.generation)
	m.consumer = [4]*entity.Consumer{{Sub: entity.MainQueue}, {Sub: entity.MainQueue, Mode: entity.ReceiveAndDelete}, {Sub: entity.DeadLetterQueue},
		{Sub: entity.TransferDeadLetterQueue}}
	m.pending, m.held, m.settling, m.taking, m.cancel, m.claims = nil, nil, nil, nil, nil, nil
	m.numbered = nil
	m.sending = nil
	m.readings = [2]*reading{}
}

func (m *machine) env() entity.Env {
	return entity.Env{Now: m.now, Token: func() (token entity.LockToken) {
		m.tokens++
		binary.BigEndian.PutUint64(token[:], m.tokens)
		return token
	}}
}

func (m *machine) read(sub entity.SubQueue, seq int64) *entity.Message {
	stored := m.store.messages[sub][seq]
	if stored == nil {
		return nil
	}
	msg := *stored
	msg.Status = m.store.statuses[sub][seq]
	return &msg
}

func (m *machine) scan(w entity.Work, content bool) []entity.Scanned {
	var rows []entity.Scanned
	for _, seq := range slices.Sorted(maps.Keys(m.store.messages[w.Sub])) {
		if seq >= w.From && len(rows) < w.Limit {
			msg := m.read(w.Sub, seq)
			rows = append(rows, entity.Scanned{Message: msg, Size: len(msg.Sections)})
			if !content {
				msg.Sections = nil
			}
		}
	}
	return rows
}

func (m *machine) expiries(sub entity.SubQueue, after entity.Expiry, limit int) []entity.Expiry {
	var rows []entity.Expiry
	for seq, msg := range m.store.messages[sub] {
		e := entity.Expiry{SequenceNumber: seq, ExpiresAt: msg.ExpiresAt}
		if !e.ExpiresAt.IsZero() && compareExpiry(e, after) > 0 {
			rows = append(rows, e)
		}
	}
	slices.SortFunc(rows, compareExpiry)
	return rows[:min(limit, len(rows))]
}

func compareExpiry(a, b entity.Expiry) int {
	return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.SequenceNumber, b.SequenceNumber))
}

// apply applies operations whose effect on the model was already made, and
// compares what they did.
func (m *machine) apply(t *rapid.T, ops ...entity.Op) { m.applyWith(t, nil, ops...) }

// applyWith is apply with what was read for the operations.
func (m *machine) applyWith(t *rapid.T, supply *entity.Supply, ops ...entity.Op) {
	m.d.Reset()
	m.applied = m.now
	env := m.env()
	env.Supply = supply
	m.q.Apply(env, &m.d, ops...)
	m.store.apply(t, m.d.Records)
	m.history.commit(&m.d.History)
	m.activatedNow(t)
	for _, op := range ops {
		if o, ok := op.(*entity.Take); ok {
			m.takenNow(t, o)
		}
	}
	taken := map[int64]bool{} // from the main queue
	for _, h := range m.d.Batches {
		for _, msg := range h.Deliveries {
			taken[msg.SequenceNumber] = taken[msg.SequenceNumber] || h.Consumer.Sub == entity.MainQueue
		}
	}
	for seq, x := range m.model { // what is gone without anybody's doing has expired
		if (x.sub == entity.MainQueue || x.sub == entity.TransferQueue) && !taken[seq] && m.store.messages[x.sub][seq] == nil {
			if x.owner != free || x.deferred || x.expires.IsZero() || x.expires.After(m.now) {
				t.Fatalf("at %v message is gone: %+v", m.now, x)
			}
			m.expire(x)
		}
	}
	for _, h := range m.d.Batches {
		for _, msg := range h.Deliveries {
			m.model[msg.SequenceNumber].left = false
		}
	}
	for _, op := range ops {
		if r, ok := op.(*entity.Reserve); ok {
			m.reservedNow(t, r) // before anybody else gets something
		}
	}
	for _, h := range m.d.Batches {
		for _, msg := range h.Deliveries {
			if x := m.model[msg.SequenceNumber]; string(msg.Sections) != fmt.Sprint("body ", x.body) {
				t.Fatalf("message %d is delivered with sections %q", msg.SequenceNumber, msg.Sections)
			}
		}
	}
	for sub := range m.store.messages {
		var got []int64
		for _, h := range m.d.Batches {
			for _, msg := range h.Deliveries {
				if int(h.Consumer.Sub) == sub {
					got = append(got, msg.SequenceNumber)
				}
			}
		}
		slices.Sort(got)
		if want := m.available(entity.SubQueue(sub)); !slices.Equal(got, want[:min(len(got), len(want))]) {
			t.Fatalf("sub-queue %d: delivered %v, available in order %v", sub, got, want)
		}
	}
	for _, h := range m.d.Batches {
		for _, msg := range h.Deliveries {
			x := m.model[msg.SequenceNumber]
			if msg.DeliveryCount != x.count {
				t.Fatalf("message %d is delivered with count %d, want %d", x.seq, msg.DeliveryCount, x.count)
			}
			if h.Consumer.Mode == entity.ReceiveAndDelete {
				delete(m.model, x.seq)
			} else {
				x.owner, x.token, x.until, x.locked = link, msg.LockToken, msg.LockedUntil, m.now
			}
		}
	}
}

// available returns what may be handed out, in order.
func (m *machine) available(sub entity.SubQueue) []int64 {
	var seqs []int64
	for _, x := range m.model {
		if x.sub == sub && x.owner == free && !x.deferred && !x.left && x.waiting.IsZero() && (x.expires.IsZero() || x.expires.After(m.now)) {
			seqs = append(seqs, x.seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

func (m *machine) expire(x *modelMessage) {
	if m.config.DeadLetterOnExpiration {
		m.deadLetter(x)
	} else {
		delete(m.model, x.seq)
	}
}

func (m *machine) deadLetter(x *modelMessage) {
	sub := entity.DeadLetterQueue
	if x.sub == entity.TransferQueue {
		sub = entity.TransferDeadLetterQueue
	}
	*x = modelMessage{seq: x.seq, body: x.body, sub: sub, count: x.count}
}

// outcome does to the model what the outcome does to a message.
func (m *machine) outcome(x *modelMessage, o entity.Outcome) {
	x.owner, x.token, x.until, x.waiting, x.claim = free, entity.LockToken{}, time.Time{}, time.Time{}, nil
	if x.sub == entity.MainQueue && (o.Kind == entity.Abandon || o.Kind == entity.Defer) {
		x.count++
		if x.count >= m.config.MaxDeliveryCount {
			m.deadLetter(x)
			return
		}
	}
	switch o.Kind {
	case entity.Complete:
		delete(m.model, x.seq)
	case entity.Defer:
		x.deferred = true
	case entity.DeadLetter:
		m.deadLetter(x)
	case entity.Abandon:
		if o.Backoff.First > 0 && !x.deferred {
			x.waiting = m.now.Add(o.Backoff.First)
		}
	}
}

func (m *machine) drawOutcome(t *rapid.T, sub entity.SubQueue) entity.Outcome {
	o := entity.Outcome{Kind: rapid.SampledFrom([]entity.OutcomeKind{entity.Complete, entity.Abandon, entity.Abandon, entity.Release, entity.Defer, entity.DeadLetter}).Draw(t, "outcome")}
	if o.Kind == entity.DeadLetter && sub.IsDeadLetters() {
		o.Kind = entity.Release
	}
	if o.Kind == entity.Abandon && rapid.Bool().Draw(t, "backoff") {
		o.Backoff.First = time.Duration(rapid.IntRange(1, 5).Draw(t, "delay")) * time.Second
	}
	return o
}

// load reads what operations need into the supply, as the store is now.
func (m *machine) load(supply *entity.Supply, need *entity.Need) {
	if need == nil {
		return
	}
	for _, k := range need.Contents {
		if msg := m.read(k.Sub, k.SequenceNumber); msg != nil {
			supply.PutContent(k, &msg.Content)
		} else {
			supply.PutContent(k, nil)
		}
	}
	for _, k := range need.Bare {
		if msg := m.read(k.Sub, k.SequenceNumber); msg != nil {
			bare := *msg
			bare.Sections = nil
			supply.PutBare(k, &bare, len(msg.Sections))
		} else {
			supply.PutStored(k, nil)
		}
	}
	for _, k := range need.Stored {
		supply.PutStored(k, m.read(k.Sub, k.SequenceNumber))
	}
	for _, id := range need.States {
		supply.PutState(id, m.store.states[id])
	}
	supply.PutIDs(need, m.history.read(need))
}

// supplied checks an operation, loading what it needs, until nothing is needed
// or it is refused.
func (m *machine) supplied(t *rapid.T, op entity.Op) (*entity.Supply, error) {
	supply := &entity.Supply{}
	return supply, m.supply(t, supply, op)
}

// supply is supplied with what is at hand already.
func (m *machine) supply(t *rapid.T, supply *entity.Supply, op entity.Op) error {
	for range 10 {
		m.q.Unwatch(supply)
		env := m.env()
		env.Supply = supply
		need, err := m.q.Check(env, op)
		if err != nil || need == nil {
			return err
		}
		m.q.Watch(supply, need)
		m.load(supply, need)
		for _, h := range need.Headers {
			m.fill(t, h)
		}
	}
	t.Fatalf("%T needs more and more", op)
	return nil
}

// fill brings headers into the window; a read of them that was under way ends.
func (m *machine) fill(t *rapid.T, h entity.HeaderNeed) {
	if m.pending != nil {
		m.finish(t)
	}
	for i := 0; m.q.Lacks(h); i++ {
		from, limit, ok := m.q.StartRefill(h.Sub)
		if !ok || i > 1000 {
			t.Fatalf("the window lacks %+v and can't be refilled", h)
		}
		rows := m.scan(entity.Work{Sub: h.Sub, From: from, Limit: limit}, false)
		m.apply(t, entity.Refill{Sub: h.Sub, Rows: rows, More: len(rows) == limit})
	}
}

// copies is send of a topic's messages, some of which are dead letters at once.
func (m *machine) copies(t *rapid.T) {
	op := entity.Copies{Keep: rapid.Bool().Draw(t, "keep")}
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		c := entity.Copy{Message: &entity.Message{}}
		c.Message.Sections = []byte(fmt.Sprint("body ", m.nextSeq))
		x := &modelMessage{seq: m.nextSeq, body: m.nextSeq}
		if rapid.IntRange(0, 2).Draw(t, "dead") == 0 {
			c.Dead = &entity.DeadLetterInfo{Reason: entity.ReasonFilter}
			x.sub = entity.DeadLetterQueue
		} else if c.Message.TimeToLive = time.Duration(rapid.SampledFrom([]int{0, 3}).Draw(t, "ttl")) * time.Second; c.Message.TimeToLive > 0 {
			x.expires = m.now.Add(c.Message.TimeToLive)
		}
		m.model[m.nextSeq] = x
		m.nextSeq++
		op.Copies = append(op.Copies, c)
	}
	m.mustCheck(t, op)
	m.apply(t, op)
}

// mustCheck checks an operation that may not be refused.
func (m *machine) mustCheck(t *rapid.T, op entity.Op) *entity.Supply {
	supply, err := m.supplied(t, op)
	if err != nil {
		t.Fatalf("%T: %v", op, err)
	}
	return supply
}

func (m *machine) advance(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 8).Draw(t, "seconds")) * time.Second)
}

func (m *machine) tick(t *rapid.T) {
	supply := m.mustCheck(t, entity.Tick{})
	for _, x := range m.model {
		if x.owner == link && !x.until.After(m.now) {
			m.outcome(x, entity.Outcome{Kind: entity.Abandon})
		} else if !x.waiting.IsZero() && !x.waiting.After(m.now) {
			x.waiting = time.Time{}
		}
	}
	m.applyWith(t, supply, entity.Tick{})
}

// work begins a read: a snapshot of the store now, to be applied later.
func (m *machine) work(t *rapid.T) {
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
		rows := m.scan(w, false)
		op = entity.Refill{Sub: w.Sub, Rows: rows, More: len(rows) == w.Limit}
	case entity.LoadWork:
		op = entity.Load{Sub: w.Sub, From: w.From, Rows: m.scan(w, true)}
	case entity.SweepWork:
		sweep := entity.Sweep{Sub: w.Sub, Until: m.now, Rows: m.expiries(w.Sub, w.After, w.Limit), Messages: map[int64]*entity.Message{}}
		sweep.More = len(sweep.Rows) == w.Limit
		for _, row := range sweep.Rows {
			if !row.ExpiresAt.After(m.now) {
				sweep.Messages[row.SequenceNumber] = m.read(w.Sub, row.SequenceNumber)
			}
		}
		op = sweep
	}
	m.pending = func(t *rapid.T) { m.apply(t, op) }
}

func (m *machine) finish(t *rapid.T) {
	if m.pending == nil {
		t.Skip("no read")
	}
	f := m.pending
	m.pending = nil
	f(t)
}

func (m *machine) credit(t *rapid.T) {
	m.apply(t, entity.AddCredit{Consumer: m.drawConsumer(t), N: rapid.IntRange(1, 4).Draw(t, "credit")})
}

func (m *machine) drawConsumer(t *rapid.T) *entity.Consumer {
	return m.consumer[rapid.IntRange(0, 3).Draw(t, "consumer")]
}

func (m *machine) drain(t *rapid.T) {
	c := m.drawConsumer(t)
	m.drains++
	m.apply(t, entity.Drain{Consumer: c, Data: m.drains})
	drained := slices.ContainsFunc(m.d.Drained, func(d entity.Drain) bool { return d.Data == m.drains })
	if drained != (c.Credit() == 0) {
		t.Fatalf("drained: %v, credit left %d", drained, c.Credit())
	}
}

// pick draws a message with such an owner.
func (m *machine) pick(t *rapid.T, o owner) *modelMessage {
	var of []int64
	for _, x := range m.model {
		if x.owner == o {
			of = append(of, x.seq)
		}
	}
	if len(of) == 0 {
		t.Skip("no such message")
	}
	slices.Sort(of)
	return m.model[rapid.SampledFrom(of).Draw(t, "message")]
}

func (m *machine) settle(t *rapid.T) {
	x := m.pick(t, link)
	tokens := []entity.LockToken{x.token, {0xff}}
	op := &entity.Settle{Sub: x.sub, Tokens: tokens, Outcome: m.drawOutcome(t, x.sub)}
	supply := m.mustCheck(t, op)
	held := x.until.After(m.now) && x.claim == nil
	if (op.Errs[0] == nil) != held || !errors.Is(op.Errs[1], entity.ErrMessageLockLost) {
		t.Fatalf("settle at %v: errors %v, lock until %v", m.now, op.Errs, x.until)
	}
	if held {
		m.outcome(x, op.Outcome)
	}
	m.applyWith(t, supply, op)
}

// settling is a settlement of two messages whose needs are being read.
type settling struct {
	op     *entity.Settle
	supply *entity.Supply
	seqs   []int64
}

// beginSettle checks a settlement and reads what it needs, as the store is now.
func (m *machine) beginSettle(t *rapid.T) {
	if m.settling != nil {
		t.Skip("one is under way")
	}
	first, second := m.pick(t, link), m.pick(t, link)
	if first.sub != second.sub {
		t.Skip("of different sub-queues")
	}
	tokens := []entity.LockToken{first.token, second.token}
	op := &entity.Settle{Sub: first.sub, Tokens: tokens, Outcome: m.drawOutcome(t, first.sub)}
	m.settling = &settling{op, &entity.Supply{}, []int64{first.seq, second.seq}}
	need, err := m.q.Check(m.env(), op)
	if err != nil {
		t.Fatalf("settle: %v", err)
	}
	m.q.Watch(m.settling.supply, need)
	m.load(m.settling.supply, need)
}

// endSettle checks the settlement again, after whatever has happened since, and
// applies it.
func (m *machine) endSettle(t *rapid.T) {
	if m.settling == nil {
		t.Skip("none is under way")
	}
	op, supply, seqs := m.settling.op, m.settling.supply, m.settling.seqs
	m.settling = nil
	if err := m.supply(t, supply, op); err != nil {
		t.Fatalf("settle: %v", err)
	}
	for i, seq := range seqs {
		x := m.model[seq]
		held := x != nil && x.owner == link && x.token == op.Tokens[i] && x.until.After(m.now) && x.claim == nil
		if held = held && (i == 0 || seqs[0] != seq); (op.Errs[i] == nil) != held {
			t.Fatalf("settle %+v at %v: errors %v", x, m.now, op.Errs)
		}
	}
	for i, seq := range seqs {
		if op.Errs[i] == nil {
			m.outcome(m.model[seq], op.Outcome)
		}
	}
	m.applyWith(t, supply, op)
}

func (m *machine) renew(t *rapid.T) {
	x := m.pick(t, link)
	op := &entity.Renew{Sub: x.sub, Tokens: []entity.LockToken{x.token}}
	_, err := m.q.Check(m.env(), op)
	if (err == nil) != x.until.After(m.now) {
		t.Fatalf("renew at %v: error %v, lock until %v", m.now, err, x.until)
	}
	if err == nil {
		m.apply(t, op)
		x.until = op.Until
	}
}

// claim is what one of two transactions has claimed of a sub-queue with one outcome.
type claim struct {
	by      *entity.Claimant
	sub     entity.SubQueue
	tokens  []entity.LockToken
	seqs    []int64
	outcome entity.Outcome
}

// claim claims two messages, which may be the same one and may be claimed already.
func (m *machine) claim(t *rapid.T) {
	first, second := m.pick(t, link), m.pick(t, link)
	if first.sub != second.sub {
		t.Skip("of different sub-queues")
	}
	c := &claim{by: &entity.Claimant{}, sub: first.sub, outcome: m.drawOutcome(t, first.sub)}
	op := &entity.Claim{Sub: first.sub, Tokens: []entity.LockToken{first.token, second.token}, Outcome: c.outcome, By: c.by}
	m.mustCheck(t, op)
	for i, x := range []*modelMessage{first, second} {
		free := x.until.After(m.now) && x.claim == nil
		if (op.Errs[i] == nil) != free {
			t.Fatalf("claim %+v at %v: error %v", x, m.now, op.Errs[i])
		}
		if free {
			x.claim = c
			c.tokens, c.seqs = append(c.tokens, x.token), append(c.seqs, x.seq)
		}
	}
	m.apply(t, op)
	for _, r := range m.d.Records {
		isLock := r.Kind == entity.PutStatus && r.Status.Owner == entity.LinkOwner // of before, recorded now
		if slices.Contains(c.seqs, r.SequenceNumber) && !isLock {
			t.Fatalf("a claim writes %+v", r)
		}
	}
	if c.tokens != nil {
		m.claims = append(m.claims, c)
	}
}

// drawClaim takes a claim that has not ended from the list.
func (m *machine) drawClaim(t *rapid.T) *claim {
	if len(m.claims) == 0 {
		t.Skip("nothing is claimed")
	}
	i := rapid.IntRange(0, len(m.claims)-1).Draw(t, "claim")
	c := m.claims[i]
	m.claims = slices.Delete(m.claims, i, i+1)
	return c
}

func (m *machine) releaseClaim(t *rapid.T) { m.rollBack(t, m.drawClaim(t)) }

func (m *machine) rollBack(t *rapid.T, c *claim) {
	op := entity.ReleaseClaims{Sub: c.sub, Tokens: c.tokens, By: c.by}
	m.mustCheck(t, op)
	for _, x := range m.model {
		if x.claim == c {
			x.claim = nil
		}
	}
	m.apply(t, op)
}

// settleClaimed settles what was claimed if every lock has held, and else nothing.
func (m *machine) settleClaimed(t *rapid.T) {
	c := m.drawClaim(t)
	op := entity.SettleClaimed{Sub: c.sub, Tokens: c.tokens, Outcome: c.outcome, By: c.by}
	whole := true
	for _, seq := range c.seqs {
		x := m.model[seq]
		whole = whole && x != nil && x.claim == c && x.until.After(m.now)
	}
	supply, err := m.supplied(t, op)
	if (err == nil) != whole || err != nil && !errors.Is(err, entity.ErrMessageLockLost) {
		t.Fatalf("settle the claimed %v at %v: error %v, held %v", c.seqs, m.now, err, whole)
	}
	if err != nil {
		m.rollBack(t, c)
		return
	}
	for _, seq := range c.seqs {
		m.outcome(m.model[seq], c.outcome)
	}
	m.applyWith(t, supply, op)
}

func (m *machine) reserve(t *rapid.T) {
	if m.held != nil {
		t.Skip("one is held")
	}
	op := &entity.Reserve{Bytes: math.MaxInt64, Granted: math.MaxInt64, Sub: entity.SubQueue(rapid.IntRange(0, 3).Draw(t, "sub-queue"))}
	op.Max = rapid.IntRange(1, 3).Draw(t, "max")
	op.Forward = !m.config.Forwards[op.Sub]
	if _, err := m.supplied(t, op); err == nil {
		t.Fatalf("reserve with forward %t where messages are forwarded: %t", op.Forward, m.config.Forwards[op.Sub])
	}
	op.Forward = m.config.Forwards[op.Sub]
	m.applyWith(t, m.mustCheck(t, op), op)
	m.held, m.heldSince = op.Result, m.configured
}

// configure lets the messages of a sub-queue be forwarded, or not. All that was left behind
// is looked at again.
func (m *machine) configure(t *rapid.T) {
	sub := rapid.IntRange(0, 1).Draw(t, "sub-queue")
	m.config.Forwards[sub] = !m.config.Forwards[sub]
	m.q.SetConfig(m.config)
	m.configured++
	for _, x := range m.model {
		x.left = false
	}
}

// first draws how many messages of a reservation an operation is about, from the first on.
// The others stay reserved.
func (m *machine) first(t *rapid.T, r *entity.Reservation) (first []*entity.Message) {
	n := rapid.IntRange(1, len(r.Messages)).Draw(t, "first")
	first, r.Messages = r.Messages[:n], r.Messages[n:]
	if len(r.Messages) > 0 {
		m.held = r
	}
	return first
}

func (m *machine) leave(t *rapid.T) {
	r := m.reserved(t)
	first := m.first(t, r)
	op := entity.LeaveReserved{Reservation: r, First: len(first)}
	m.mustCheck(t, op)
	for _, msg := range first {
		x := m.model[msg.SequenceNumber]
		x.owner, x.left = free, m.heldSince == m.configured
	}
	m.apply(t, op)
}

// reservedNow checks what was reserved and reserves it in the model.
func (m *machine) reservedNow(t *rapid.T, op *entity.Reserve) {
	if op.Result == nil {
		return
	}
	for _, msg := range op.Result.Messages {
		m.model[msg.SequenceNumber].left = false
	}
	want := m.available(op.Sub)
	for i, msg := range op.Result.Messages {
		if msg.SequenceNumber != want[i] {
			t.Fatalf("reserved %d, available in order %v", msg.SequenceNumber, want)
		}
		if x := m.model[msg.SequenceNumber]; string(msg.Sections) != fmt.Sprint("body ", x.body) {
			t.Fatalf("message %d is reserved with sections %q", msg.SequenceNumber, msg.Sections)
		}
		m.model[msg.SequenceNumber].owner = reservation
	}
}

// reserved returns the reservation and forgets it.
func (m *machine) reserved(t *rapid.T) *entity.Reservation {
	if m.held == nil {
		t.Skip("none is held")
	}
	r := m.held
	m.held = nil
	return r
}

func (m *machine) free(t *rapid.T) {
	r := m.reserved(t)
	for _, msg := range r.Messages {
		m.model[msg.SequenceNumber].owner = free
	}
	m.apply(t, entity.ReleaseReserved{Reservation: r})
}

func (m *machine) lockRun(t *rapid.T) {
	r := m.reserved(t)
	op := entity.LockRun{Reservation: r, Run: "run"}
	m.mustCheck(t, op)
	for _, msg := range r.Messages {
		m.model[msg.SequenceNumber].owner = run
	}
	m.apply(t, op)
	if _, err := m.q.Check(m.env(), op); !errors.Is(err, entity.ErrMessageLockLost) {
		t.Fatalf("a spent reservation is locked: error %v", err)
	}
}

func (m *machine) settleReserved(t *rapid.T) {
	r := m.reserved(t)
	sub := m.model[r.Messages[0].SequenceNumber].sub
	first := m.first(t, r)
	op := entity.SettleReserved{Reservation: r, First: len(first), Outcome: m.drawOutcome(t, sub)}
	supply := m.mustCheck(t, op)
	for _, msg := range first {
		m.outcome(m.model[msg.SequenceNumber], op.Outcome)
	}
	m.applyWith(t, supply, op)
}

func (m *machine) settleRun(t *rapid.T) {
	x := m.pick(t, run)
	op := entity.RunSettle{Sub: x.sub, Run: "run", Outcome: m.drawOutcome(t, x.sub)}
	if rapid.Bool().Draw(t, "one") {
		op.Seqs = []int64{x.seq}
	}
	supply := m.mustCheck(t, op)
	for _, y := range m.model {
		if y.owner == run && (y == x || op.Seqs == nil && y.sub == op.Sub) {
			m.outcome(y, op.Outcome)
		}
	}
	m.applyWith(t, supply, op)
}

// reading is a receive of deferred messages whose read is under way.
type reading struct {
	op     *entity.ReceiveDeferred
	supply *entity.Supply
}

// watch begins a read of deferred messages: a snapshot of the store now.
func (m *machine) watch(t *rapid.T) {
	r := rapid.IntRange(0, 1).Draw(t, "reading")
	if m.readings[r] != nil {
		t.Skip("one is under way")
	}
	sub := entity.SubQueue(rapid.IntRange(0, 1).Draw(t, "sub-queue"))
	var seqs []int64
	for _, x := range m.model {
		if x.sub == sub && x.deferred {
			seqs = append(seqs, x.seq)
		}
	}
	if len(seqs) == 0 || m.config.Forwards[sub] {
		t.Skip("nothing deferred that can be received")
	}
	slices.Sort(seqs)
	seq := rapid.SampledFrom(seqs).Draw(t, "deferred")
	op := &entity.ReceiveDeferred{Sub: sub, SequenceNumbers: []int64{seq}}
	op.Mode = entity.ReceiveMode(rapid.IntRange(0, 1).Draw(t, "mode"))
	need, err := m.q.Check(m.env(), op)
	if (err == nil) != (m.model[seq].owner == free) {
		t.Fatalf("receive deferred %+v: error %v", m.model[seq], err)
	}
	if err != nil {
		return
	}
	want := []entity.MessageKey{{Sub: sub, SequenceNumber: seq}}
	if need == nil || !slices.Equal(need.Stored, want) {
		t.Fatalf("receive deferred %d needs %+v", seq, need)
	}
	m.readings[r] = &reading{op, &entity.Supply{}}
	m.q.Watch(m.readings[r].supply, need)
	m.load(m.readings[r].supply, need)
}

// receiveDeferred ends the read and receives, unless what was read has changed.
func (m *machine) receiveDeferred(t *rapid.T) {
	r := rapid.IntRange(0, 1).Draw(t, "reading")
	if m.readings[r] == nil {
		t.Skip("no read")
	}
	op, supply := m.readings[r].op, m.readings[r].supply
	m.readings[r] = nil
	m.q.Unwatch(supply)
	seq := op.SequenceNumbers[0]
	x := m.model[seq]
	env := m.env()
	env.Supply = supply
	need, err := m.q.Check(env, op)
	if need != nil {
		return // changed: the shell reads again
	}
	there := x != nil && x.sub == op.Sub && x.deferred && x.owner == free && !m.config.Forwards[op.Sub]
	if (err == nil) != there {
		t.Fatalf("receive deferred %+v: error %v", x, err)
	}
	if err != nil {
		return
	}
	expired := !x.expires.IsZero() && !x.expires.After(m.now)
	switch {
	case expired:
		m.expire(x)
	case op.Mode == entity.ReceiveAndDelete:
		delete(m.model, seq)
	}
	m.applyWith(t, supply, op)
	if op.Expired != expired || expired != (len(op.Received) == 0) {
		t.Fatalf("receive deferred %+v at %v: expired %v, received %d", x, m.now, op.Expired, len(op.Received))
	}
	if !expired && op.Mode == entity.PeekLock {
		x.owner, x.token, x.until = link, op.Received[0].LockToken, op.Received[0].LockedUntil
	}
}

// taking is a take whose read is under way.
type taking struct {
	op     *entity.Take
	supply *entity.Supply
}

// beginTake names messages of any state, and some that are not there, and reads what
// the take needs.
func (m *machine) beginTake(t *rapid.T) {
	if m.taking != nil {
		t.Skip("one is under way")
	}
	op := &entity.Take{Sub: rapid.SampledFrom([]entity.SubQueue{entity.MainQueue, entity.DeadLetterQueue, entity.TransferDeadLetterQueue}).Draw(t, "sub-queue")}
	op.Back = op.Sub.IsDeadLetters() && rapid.Bool().Draw(t, "back")
	op.Numbers = rapid.SliceOfNDistinct(rapid.Int64Range(1, m.nextSeq), 1, 6, rapid.ID).Draw(t, "numbers")
	m.taking = &taking{op, &entity.Supply{}}
	need, err := m.q.Check(m.env(), op)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	m.q.Watch(m.taking.supply, need)
	m.load(m.taking.supply, need)
}

// endTake takes all that nobody holds by now. What has expired and is still there may be
// taken or not.
func (m *machine) endTake(t *rapid.T) {
	if m.taking == nil {
		t.Skip("none is under way")
	}
	op, supply := m.taking.op, m.taking.supply
	m.taking = nil
	if err := m.supply(t, supply, op); err != nil {
		t.Fatalf("take: %v", err)
	}
	m.applyWith(t, supply, op)
}

// takenNow does to the model what a take did. What has expired and is still there may be
// taken or not.
func (m *machine) takenNow(t *rapid.T, op *entity.Take) {
	taken := 0
	for _, n := range op.Numbers {
		x := m.model[n]
		if x == nil || x.sub != op.Sub || x.owner != free || x.deferred || !x.waiting.IsZero() {
			continue
		}
		if m.store.messages[op.Sub][n] != nil {
			if x.expires.IsZero() || x.expires.After(m.now) {
				t.Fatalf("at %v message was not taken: %+v", m.now, x)
			}
			continue
		}
		taken++
		delete(m.model, n)
		if !op.Back {
			continue
		}
		back := &modelMessage{seq: m.nextSeq, body: x.body}
		if op.Sub == entity.TransferDeadLetterQueue {
			back.sub = entity.TransferQueue
		}
		if msg := m.store.messages[back.sub][back.seq]; msg != nil && msg.TimeToLive > 0 { // else it is delivered for good
			back.expires = m.now.Add(msg.TimeToLive)
		}
		m.model[back.seq] = back
		m.nextSeq++
	}
	if taken != op.Taken {
		t.Fatalf("%d messages were taken, and it says %d", taken, op.Taken)
	}
}

// restart is a stop, or a crash that loses the locks that were not recorded.
func (m *machine) restart(t *rapid.T) {
	if rapid.Bool().Draw(t, "stop") {
		m.apply(t, entity.RecordLocks{})
	}
	for _, x := range m.model {
		if _, ok := m.store.statuses[x.sub][x.seq]; x.owner == link && !ok {
			if m.applied.Sub(x.locked) >= entity.RecordAfter {
				t.Fatalf("at %v the lock of %+v is not recorded", m.applied, x)
			}
			x.owner, x.token, x.until = free, entity.LockToken{}, time.Time{}
		}
		if x.owner == reservation {
			x.owner = free
		}
		x.claim, x.left = nil, false // transactions end with the process
		if x.owner == free && !x.deferred {
			x.waiting = m.store.statuses[x.sub][x.seq].NotBefore // the next tick finds out whether it is over
		}
	}
	m.open()
}

// quiet does all the work there is and checks that nothing was forgotten.
func (m *machine) quiet(t *rapid.T) {
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
	for _, r := range m.history.stored {
		if !r.Bucket.After(m.now) {
			t.Fatalf("at %v it still remembers %+v", m.now, r)
		}
	}
	for i, c := range m.consumer {
		if left := m.available(c.Sub); c.Credit() > 0 && len(left) > 0 {
			t.Fatalf("consumer %d has credit %d while there are %v", i, c.Credit(), left)
		}
	}
	for _, x := range m.model {
		if x.owner == free && !x.deferred && !x.expires.IsZero() && !x.expires.After(m.now) {
			t.Fatalf("at %v expired message is still there: %+v", m.now, x)
		}
	}
}

func (m *machine) invariants(t *rapid.T) {
	m.checkHistory(t)
	var want [entity.SubQueues]entity.Counters
	var lowest [entity.SubQueues]int64
	for sub := range lowest {
		lowest[sub] = m.nextSeq
	}
	held := [entity.SubQueues]int{}
	for seq, x := range m.model {
		msg := m.read(x.sub, seq)
		if msg == nil {
			t.Fatalf("not in the store: %+v", x)
		}
		want[x.sub].Messages++
		want[x.sub].Bytes += int64(len(msg.Sections))
		if x.deferred {
			want[x.sub].Deferred++
		}
		if x.owner == link || x.owner == run {
			held[x.sub]++
		}
		lowest[x.sub] = min(lowest[x.sub], seq)
		if x.owner == link && msg.Owner == entity.NoOwner && m.applied.Sub(x.locked) < entity.RecordAfter {
			if !msg.Status.IsZero() {
				t.Fatalf("stored %+v of a lock that was not recorded", msg.Status)
			}
			continue
		}
		owners := map[owner]entity.LockOwner{free: entity.NoOwner, link: entity.LinkOwner, run: entity.RunOwner, reservation: entity.NoOwner}
		if msg.DeliveryCount != x.count || (msg.State == entity.Deferred) != x.deferred || msg.Owner != owners[x.owner] || !msg.LockedUntil.Equal(x.until) {
			t.Fatalf("stored %+v, want %+v", msg.Status, x)
		}
	}
	for sub := range want {
		id := entity.SubQueue(sub)
		if n := len(m.store.messages[sub]); int64(n) != want[sub].Messages {
			t.Fatalf("sub-queue %d: %d messages are stored, want %d", sub, n, want[sub].Messages)
		}
		got := m.q.Counters(id)
		if got.LowWater > lowest[sub] || m.store.counters[sub].LowWater > lowest[sub] {
			t.Fatalf("sub-queue %d: low water %d (stored %d), but message %d is there", sub, got.LowWater, m.store.counters[sub].LowWater, lowest[sub])
		}
		got.LowWater, got.NextSequence = 0, 0
		if got != want[sub] {
			t.Fatalf("sub-queue %d: counters %+v, want %+v", sub, got, want[sub])
		}
		if n := m.q.Locked(id); n != held[sub] {
			t.Fatalf("sub-queue %d: %d messages are counted as locked, want %d", sub, n, held[sub])
		}
		// Expired ones that the sweep has to take are out of the window too, at most
		// a window of them at a time per pass; the rest has an owner or a backoff.
		if size, inside, _ := m.q.Window(id); inside > size {
			t.Fatalf("sub-queue %d: %d messages in a window of %d", sub, inside, size)
		}
	}
}
