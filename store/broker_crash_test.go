package store

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/commit"
)

// A brokenDisk is a file system whose writes and syncs fail from one on that is counted
// down to. The write that fails first has written half.
type brokenDisk struct {
	*vfs.MemFS
	left atomic.Int64
}

var errBroken = syscall.EIO

func (d *brokenDisk) fails() bool { return d.left.Add(-1) <= 0 }

func (d *brokenDisk) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &brokenFile{f, d}, nil
}

func (d *brokenDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(d.MemFS.Create(name, c))
}

func (d *brokenDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return d.file(d.MemFS.OpenReadWrite(name, c, o...))
}

func (d *brokenDisk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(d.MemFS.ReuseForWrite(old, name, c))
}

type brokenFile struct {
	vfs.File
	d *brokenDisk
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if !f.d.fails() {
		return f.File.Write(p)
	}
	n, _ := f.File.Write(p[:len(p)/2])
	return n, errBroken
}

func (f *brokenFile) Sync() error {
	if f.d.fails() {
		return errBroken
	}
	return f.File.Sync()
}

func (f *brokenFile) SyncData() error {
	if f.d.fails() {
		return errBroken
	}
	return f.File.SyncData()
}

func (f *brokenFile) SyncTo(n int64) (bool, error) {
	if f.d.fails() {
		return false, errBroken
	}
	return f.File.SyncTo(n)
}

// A record of a message, or of the state of a session: what its sender and its receivers
// were told.
type told struct {
	accepted, settling, settled bool
	entry                       string // of what a transaction sends: what it settles
}

// A busyBroker is a broker with a load: messages with ids that are sent again, in sessions
// with states, in transactions, scheduled and cancelled.
type busyBroker struct {
	t    *testing.T
	b    *broker.Broker
	s    *Store
	stop atomic.Bool
	// broken says that the disk is, or will soon be: what fails then is no mistake.
	broken atomic.Bool

	mu       sync.Mutex
	next     int
	queues   map[string]map[string]*told // by queue and message id
	states   map[string]map[string]bool  // those that a session may have
	crashing bool                        // all that are set from now on are such
}

func (x *busyBroker) check(err error) (ok bool) {
	if err != nil && !x.broken.Load() {
		x.t.Error(err)
	}
	return err == nil
}

// note changes what is known of a message.
func (x *busyBroker) note(queue, id string, f func(*told)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.queues[queue][id]
	if m == nil {
		m = &told{}
		x.queues[queue][id] = m
	}
	f(m)
}

func (x *busyBroker) id(prefix string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.next++
	return fmt.Sprintf("%s-%d", prefix, x.next)
}

func (x *busyBroker) queue(name string) *broker.Queue {
	q, err := x.b.Queue("ns", name)
	x.check(err)
	return q
}

// busyQueues are the queues of the load.
var busyQueues = map[string]broker.QueueOptions{
	"plain":    {RequiresDuplicateDetection: true, DuplicateDetectionHistoryTimeWindow: time.Hour},
	"sessions": {RequiresSession: true},
	"ledger":   {},
	"later":    {},
}

// open opens the broker of a store; it makes the queues if there are none.
func (x *busyBroker) open(s *Store) {
	b, err := broker.New(broker.Options{Store: s, Log: s, Clock: clock.Wall{}, Rand: crand.Reader})
	if err != nil {
		x.t.Fatal(err)
	}
	x.b, x.s = b, s
	x.stop.Store(false)
	b.Start(context.Background())
	if _, err := b.Queue("ns", "plain"); err == nil {
		return
	}
	if err := b.PutNamespace(context.Background(), "ns", broker.NamespaceOptions{}); err != nil {
		x.t.Fatal(err)
	}
	for name, o := range busyQueues {
		if _, err := b.PutQueue(context.Background(), "ns", name, o); err != nil {
			x.t.Fatal(err)
		}
	}
}

// start starts the load. Its goroutines end with stop, or wherever they wait for a log that
// has failed.
func (x *busyBroker) start(wg *sync.WaitGroup) {
	for _, f := range []func(){x.send, x.send, x.receive, x.sendInSessions, x.holdSessions, x.holdSessions, x.enter, x.exchange, x.schedule} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !x.stop.Load() {
				f()
			}
		}()
	}
}

func (x *busyBroker) message(id string) *broker.Message {
	m := &broker.Message{Content: broker.Content{MessageID: id, Sections: []byte(id)}}
	if rand.IntN(20) == 0 {
		m.Sections = append(m.Sections, make([]byte, separateFrom)...) // in the value log
	}
	return m
}

// put sends a message and notes that it was accepted once that is durable.
func (x *busyBroker) put(queue string, m *broker.Message) {
	x.note(queue, m.MessageID, func(*told) {})
	u, err := x.queue(queue).Send([]*broker.Message{m}, func(error) { x.note(queue, m.MessageID, func(m *told) { m.accepted = true }) })
	if x.check(err) {
		x.sync(u)
	}
}

func (x *busyBroker) send() {
	id := x.id("p")
	for range 1 + rand.IntN(2) { // perhaps again
		x.put("plain", x.message(id))
	}
}

// consume receives up to n messages of a queue within a moment.
func (x *busyBroker) consume(q *broker.Queue, n int) (got []broker.Delivery) {
	var mu sync.Mutex
	c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, batch...)
	}})
	if !x.check(err) {
		return nil
	}
	x.sync(c.AddCredit(n))
	time.Sleep(time.Millisecond)
	x.sync(c.Close()) // nothing is delivered any more
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(got)
}

func (x *busyBroker) sync(u *commit.Unit) {
	if u != nil {
		x.b.Sync(u)
	}
}

// settle completes messages, and notes what was durable.
func (x *busyBroker) settle(queue string, q *broker.Queue, got []broker.Delivery) {
	for _, m := range got {
		x.note(queue, m.MessageID, func(m *told) {
			if m.settled {
				x.t.Errorf("%s: a message is delivered after its completion was acknowledged", queue)
			}
			m.settling = true
		})
		x.sync(q.Settle([]broker.LockToken{m.LockToken}, broker.Outcome{Kind: broker.Complete}, func(errs []error) {
			if errs[0] == nil {
				x.note(queue, m.MessageID, func(m *told) { m.settled = true })
			}
		}))
	}
}

func (x *busyBroker) receive() {
	q := x.queue("plain")
	got := x.consume(q, 20)
	x.settle("plain", q, got)
}

func (x *busyBroker) sendInSessions() {
	m := x.message(x.id("s"))
	m.HasSession, m.SessionID = true, fmt.Sprint("session-", rand.IntN(5))
	x.put("sessions", m)
}

// holdSessions holds a session, completes what it has and sets its state to the last id.
func (x *busyBroker) holdSessions() {
	q := x.queue("sessions")
	var mu sync.Mutex
	var got []broker.Delivery
	id := ""
	held := false
	c, u, err := q.AcceptSession(broker.SessionOptions{Accepted: func(s broker.Session) {
		mu.Lock()
		defer mu.Unlock()
		id, held = s.ID, true
	}, ConsumerOptions: broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, batch...)
	}}})
	if !x.check(err) {
		return
	}
	x.sync(u)
	x.sync(c.AddCredit(10))
	time.Sleep(time.Millisecond)
	mu.Lock()
	mine, session, ok := slices.Clone(got), id, held
	mu.Unlock()
	if ok && len(mine) > 0 {
		x.settle("sessions", q, mine)
		state := mine[len(mine)-1].MessageID
		x.mu.Lock()
		x.states[session][state] = true
		x.mu.Unlock()
		u, err := q.SetSessionState(session, []byte(state), func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			if !x.crashing {
				x.states[session] = map[string]bool{state: true}
			}
		})
		x.check(err)
		x.sync(u)
	}
	x.sync(c.Close())
}

func (x *busyBroker) enter() { x.put("ledger", x.message(x.id("in"))) }

// exchange settles an entry and sends two messages in one transaction.
func (x *busyBroker) exchange() {
	q := x.queue("ledger")
	got := x.consume(q, 3)
	for _, m := range got {
		if !strings.HasPrefix(m.MessageID, "in-") {
			x.settle("ledger", q, []broker.Delivery{m})
			continue
		}
		tx := x.b.NewTransaction()
		out := x.id("out")
		for i := range 2 {
			id := fmt.Sprintf("%s-%d", out, i)
			x.note("ledger", id, func(o *told) { o.entry = m.MessageID })
			x.check(tx.Send(q, []*broker.Message{x.message(id)}))
		}
		x.check(tx.Settle(q, []broker.LockToken{m.LockToken}, broker.Outcome{Kind: broker.Complete})[0])
		if rand.IntN(3) == 0 {
			tx.Rollback()
			x.sync(q.Settle([]broker.LockToken{m.LockToken}, broker.Outcome{Kind: broker.Release}, nil))
			continue
		}
		x.note("ledger", m.MessageID, func(m *told) { m.settling = true })
		u, err := tx.Commit(func() {
			x.note("ledger", m.MessageID, func(m *told) { m.settled = true })
			for i := range 2 {
				x.note("ledger", fmt.Sprintf("%s-%d", out, i), func(m *told) { m.accepted = true })
			}
		})
		x.check(err)
		x.sync(u)
	}
}

// schedule schedules messages for much later and cancels some.
func (x *busyBroker) schedule() {
	q := x.queue("later")
	id := x.id("l")
	m := x.message(id)
	m.ScheduledFor = time.Now().Add(time.Hour)
	x.put("later", m)
	if rand.IntN(2) == 0 {
		return
	}
	x.note("later", id, func(m *told) { m.settling = true })
	u, err := q.CancelScheduled([]int64{m.SequenceNumber}, func() { x.note("later", id, func(m *told) { m.settled = true }) })
	x.check(err)
	x.sync(u)
}

// snapshot is what is known now: all of it must be in a crash that is taken after.
func (x *busyBroker) snapshot() (queues map[string]map[string]told, states map[string]map[string]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.crashing = true
	queues, states = map[string]map[string]told{}, map[string]map[string]bool{}
	for name, all := range x.queues {
		queues[name] = map[string]told{}
		for id, m := range all {
			queues[name][id] = *m
		}
	}
	for id, s := range x.states {
		states[id] = map[string]bool{}
		for v := range s {
			states[id][v] = true
		}
	}
	return queues, states
}

// look compares what is there with what was known before the crash, and goes on with that.
func (x *busyBroker) look(known map[string]map[string]told, states map[string]map[string]bool) {
	x.t.Helper()
	whole := map[string]map[string]bool{} // what transactions sent, by their entry and names
	for name, all := range known {
		there := x.peek(name)
		for id, m := range all {
			switch n := there[id]; {
			case n > 1:
				x.t.Errorf("%s: %s is there %d times", name, id, n)
			case m.settled && n > 0:
				x.t.Errorf("%s: %s is there, its settlement was acknowledged", name, id)
			case m.accepted && !m.settling && n == 0:
				x.t.Errorf("%s: %s was accepted and is lost", name, id)
			}
			if m.entry != "" && there[id] > 0 {
				if whole[m.entry] == nil {
					whole[m.entry] = map[string]bool{}
				}
				whole[m.entry][id] = true
				if there[m.entry] > 0 {
					x.t.Errorf("%s is there, and so is %s, which was exchanged for it", m.entry, id)
				}
			}
		}
	}
	for entry, ids := range whole {
		for id := range ids {
			other := id[:len(id)-1] + map[byte]string{'0': "1", '1': "0"}[id[len(id)-1]]
			if m := known["ledger"][other]; !ids[other] && !m.settling && !m.settled {
				x.t.Errorf("of the transaction that exchanged %s there is %s and not %s", entry, id, other)
			}
		}
	}
	x.lookAtStates(states)
}

// peek counts the messages of a queue by id.
func (x *busyBroker) peek(name string) map[string]int {
	there := map[string]int{}
	for from := int64(1); ; {
		msgs, err := x.queue(name).Peek(from, 250)
		if err != nil {
			x.t.Fatal(err)
		}
		if len(msgs) == 0 {
			return there
		}
		for _, m := range msgs {
			there[m.MessageID]++
			from = m.SequenceNumber + 1
		}
	}
}

func (x *busyBroker) lookAtStates(states map[string]map[string]bool) {
	q := x.queue("sessions")
	for id, may := range states {
		c, u, err := q.AcceptSession(broker.SessionOptions{ID: &id, Accepted: func(broker.Session) {},
			ConsumerOptions: broker.ConsumerOptions{Deliver: func([]broker.Delivery) {}}})
		if err != nil {
			x.t.Fatal(err)
		}
		x.sync(u)
		state, err := q.SessionState(id)
		if err != nil || !may[string(state)] {
			x.t.Errorf("the state of %s is %q, %v; want one of %v", id, state, err, may)
		}
		x.states[id] = map[string]bool{string(state): true}
		x.sync(c.Close())
	}
}

// forget makes what is unknown known: a message whose sender or receiver has heard nothing
// is there or not, and that stays.
func (x *busyBroker) forget(known map[string]map[string]told) {
	x.queues = map[string]map[string]*told{}
	for name := range busyQueues {
		x.queues[name] = map[string]*told{}
		there := x.peek(name)
		for id, m := range known[name] {
			m.accepted, m.settling, m.settled = there[id] > 0, false, m.settled || there[id] == 0 && (m.accepted || m.settling)
			x.queues[name][id] = &m
		}
	}
}

// TestBrokerOverBrokenDisk: power cuts that lose what was not synced, kills, and writes and
// syncs that fail, in the middle of a load with sessions, transactions, schedules and
// duplicates. What was acknowledged is there, once; what was settled is gone; transactions
// are whole.
func TestBrokerOverBrokenDisk(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			x := &busyBroker{t: t, states: map[string]map[string]bool{}, queues: map[string]map[string]*told{}}
			for name := range busyQueues {
				x.queues[name] = map[string]*told{}
			}
			for i := range 5 {
				x.states[fmt.Sprint("session-", i)] = map[string]bool{"": true}
			}
			fs := vfs.NewCrashableMem()
			for range rounds {
				fs = x.round(fs, rng)
				if t.Failed() {
					return
				}
			}
			for name, all := range x.queues {
				if len(all) < 20 {
					t.Errorf("%s: only %d messages in all", name, len(all))
				}
			}
		})
	}
}

// round opens the broker on what the crash before has left, looks, and runs the load up to
// another crash.
func (x *busyBroker) round(fs *vfs.MemFS, rng *rand.Rand) *vfs.MemFS {
	disk := &brokenDisk{MemFS: fs}
	disk.left.Store(1 << 62)
	failed := make(chan error, 1)
	breaks := rng.IntN(2) == 0
	s := openTest(x.t, "data", Options{FS: disk, MemTableSize: 256 << 10, Fatal: func(err error) { failed <- err }})
	x.broken.Store(false)
	known, states := x.snapshot()
	x.crashing = false
	x.open(s)
	x.look(known, states)
	x.forget(known)
	var wg sync.WaitGroup
	x.start(&wg)
	time.Sleep(time.Duration(30+rng.IntN(150)) * time.Millisecond)
	if breaks {
		x.broken.Store(true)
		disk.left.Store(1 + rng.Int64N(60))
		select {
		case err := <-failed:
			if !strings.Contains(err.Error(), errBroken.Error()) {
				x.t.Errorf("the store failed with %v", err)
			}
		case <-time.After(30 * time.Second):
			x.t.Error("nothing has failed")
		}
	}
	known, _ = x.snapshot()
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(3) * 50, RNG: rng})
	later, after := x.snapshot()
	x.stop.Store(true)
	wg.Wait()
	x.b.Close()
	_ = s.Close() // of a broken disk it fails
	x.restore(known, later, after)
	return crashed
}

// restore goes back to what was known at the crash. What was settled, or set as a state,
// between that and the crash may be there or not, and so may be what was sent.
func (x *busyBroker) restore(known, later map[string]map[string]told, states map[string]map[string]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.crashing, x.states = false, states
	for name, all := range x.queues {
		for id, m := range all {
			was := known[name][id]
			*m = told{accepted: was.accepted, settled: was.settled, settling: later[name][id].settling, entry: m.entry}
		}
	}
}
