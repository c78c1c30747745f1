package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
)

// newBroker returns a started broker with the namespace "ns" and the given
// queues.
func newBroker(t testing.TB, store *brokertest.Store, paths ...string) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(context.Background())
	t.Cleanup(b.Close)
	if err := b.PutNamespace(context.Background(), "ns", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if _, err := b.PutQueue(context.Background(), "ns", p, broker.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// openBroker opens what is in the store, without starting it: nothing is swept yet.
func openBroker(t testing.TB, s broker.Store, log *brokertest.Store) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Options{Store: s, Log: log, Clock: clock.Wall{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func queue(t testing.TB, b *broker.Broker, path string) *broker.Queue {
	t.Helper()
	q, err := b.Queue("ns", path)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func messages(n, size int) []*broker.Message {
	msgs := make([]*broker.Message, n)
	for i := range msgs {
		m := &broker.Message{}
		m.Sections = make([]byte, size)
		msgs[i] = m
	}
	return msgs
}

func send(t testing.TB, b *broker.Broker, q *broker.Queue, msgs ...*broker.Message) {
	t.Helper()
	u, err := q.Send(msgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Sync(u)
}

// TestMillionWaiting: messages that wait are not in memory, and a consumer gets
// all of them in order, by reads of what it needs.
func TestMillionWaiting(t *testing.T) {
	total := 1_000_000
	if testing.Short() {
		total = 50_000
	}
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	q := queue(t, b, "q")
	for i := 0; i < total; i += 1000 {
		send(t, b, q, messages(1000, 8)...)
	}
	if n := broker.InMemory(q); n > 1024 {
		t.Fatalf("%d messages wait: %d are in memory, want at most the window of 1024", total, n)
	}
	info, err := q.Info()
	if err != nil || info.Counts.Active != int64(total) {
		t.Fatalf("info: %d active, error %v; want %d", info.Counts.Active, err, total)
	}
	var next int64 = 1
	peak := 0
	done := make(chan struct{})
	c, err := q.NewConsumer(broker.ConsumerOptions{Mode: broker.ReceiveAndDelete, Deliver: func(batch []broker.Delivery) {
		for _, d := range batch {
			if d.SequenceNumber != next {
				t.Errorf("got message %d, want %d", d.SequenceNumber, next)
			}
			next++
		}
		if next == int64(total)+1 {
			close(done)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.Sync(c.AddCredit(total))
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(time.Millisecond):
			peak = max(peak, broker.InMemory(q))
		}
	}
	if peak > 1024 {
		t.Errorf("while they were received %d were in memory, want at most 1024", peak)
	}
	if n := store.Keys(); n > 10 {
		t.Errorf("%d records are left", n)
	}
}

// TestLowWater: what is scanned does not grow with what was there before.
func TestLowWater(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	q := queue(t, b, "q")
	var tokens []broker.LockToken
	c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) {
		for _, d := range batch {
			tokens = append(tokens, d.LockToken)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		b.Sync(c.AddCredit(100))
		send(t, b, q, messages(100, 8)...)
		b.Sync(q.Settle(tokens, broker.Outcome{Kind: broker.Complete}, func(errs []error) {
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
		}))
		tokens = nil
	}
	counters, err := store.Counters(q.ID())
	if err != nil || counters.LowWater != 5001 || counters.NextSequence != 5001 || counters.Messages != 0 {
		t.Errorf("counters %+v, error %v; want low water and next number 5001, no message", counters, err)
	}
}

// TestRelaxed: only what may be lost is not waited for (architecture: the lock is
// a record).
func TestRelaxed(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	q := queue(t, b, "q")
	var relaxed []bool
	store.Committed = func(u *commit.Unit) { relaxed = append(relaxed, u.Relaxed()) }
	var token broker.LockToken
	open := func(mode broker.ReceiveMode) *broker.Consumer {
		c, err := q.NewConsumer(broker.ConsumerOptions{Mode: mode, Deliver: func(b []broker.Delivery) { token = b[0].LockToken }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	lock, take := open(broker.PeekLock), open(broker.ReceiveAndDelete)
	for _, c := range []struct {
		name string
		do   func()
		want bool
	}{
		{"send", func() { send(t, b, q, messages(3, 8)...) }, false},
		{"lock", func() {
			b.Sync(lock.AddCredit(1))
			if _, err := q.Peek(1, 1); err != nil { // who looks has it recorded
				t.Fatal(err)
			}
		}, true},
		{"renew", func() {
			_, u, err := q.Renew([]broker.LockToken{token})
			if err != nil {
				t.Fatal(err)
			}
			b.Sync(u)
		}, true},
		{"complete", func() { b.Sync(q.Settle([]broker.LockToken{token}, broker.Outcome{}, nil)) }, false},
		{"receive and delete", func() { b.Sync(take.AddCredit(1)) }, false},
		{"run lock", func() {
			r, err := q.Reserve(broker.ReserveLimit{Messages: 1})
			if err != nil || r == nil {
				t.Fatalf("reserve: %v, error %v", r, err)
			}
			stage(t, store, r.LockFor("run"))
		}, false},
	} {
		relaxed = nil
		c.do()
		if len(relaxed) != 1 || relaxed[0] != c.want {
			t.Errorf("%s: units relaxed %v, want one, %v", c.name, relaxed, c.want)
		}
	}
}

func stage(t testing.TB, log commit.Log, e commit.Effect) {
	t.Helper()
	u := &commit.Unit{}
	release, err := e.Stage(u)
	if err != nil {
		t.Fatal(err)
	}
	log.Submit(u)
	release()
	log.Sync(u)
}

// TestNothingLeavesBeforeSync: deliveries and outcomes wait for the commit.
func TestNothingLeavesBeforeSync(t *testing.T) {
	b := newBroker(t, brokertest.NewStore(), "q")
	q := queue(t, b, "q")
	got, sent := 0, false
	c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) { got += len(batch) }})
	if err != nil {
		t.Fatal(err)
	}
	if u := c.AddCredit(1); u != nil {
		t.Errorf("credit on an empty queue: a unit, want none")
	}
	u, err := q.Send(messages(1, 8), func(error) { sent = true })
	if err != nil {
		t.Fatal(err)
	}
	if got != 0 || sent {
		t.Errorf("before the sync: %d delivered, sent %v", got, sent)
	}
	b.Sync(u)
	if got != 1 || !sent {
		t.Errorf("after the sync: %d delivered, sent %v; want 1, true", got, sent)
	}
}

// TestLockOrder takes effects over every pair of queues both ways at once: they
// would deadlock if entities were locked in the order of the operations.
func TestLockOrder(t *testing.T) {
	store := brokertest.NewStore()
	paths := []string{"a", "b", "c"}
	b := newBroker(t, store, paths...)
	var wg sync.WaitGroup
	for _, first := range paths {
		for _, second := range paths {
			ops := []broker.Op{}
			for _, p := range []string{first, second} {
				ops = append(ops, broker.RunSettleOp{Queue: queue(t, b, p), Run: "none"})
			}
			wg.Go(func() {
				for range 200 {
					stage(t, store, b.Effect(append(ops, broker.SendOp{Queue: queue(t, b, first), Messages: messages(1, 8)})...))
				}
			})
		}
	}
	wg.Wait()
	for _, p := range paths {
		if info, err := queue(t, b, p).Info(); err != nil || info.Counts.Active != 600 {
			t.Errorf("queue %s: %d messages, error %v; want 600", p, info.Counts.Active, err)
		}
	}
}

// TestEffectIsAtomic: if one operation is refused nothing has happened anywhere.
func TestEffectIsAtomic(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "a", "b")
	a := queue(t, b, "a")
	err := func() error {
		_, err := b.Effect(broker.SendOp{Queue: a, Messages: messages(1, 8)},
			broker.RunSettleOp{Queue: queue(t, b, "b"), Run: "r", SequenceNumbers: []int64{7}}).Stage(&commit.Unit{})
		return err
	}()
	if !errors.Is(err, broker.ErrMessageLockLost) {
		t.Errorf("got error %v, want ErrMessageLockLost", err)
	}
	if info, _ := a.Info(); info.Counts.Total != 0 {
		t.Errorf("queue a has %d messages after a refused effect", info.Counts.Total)
	}
	send(t, b, a, messages(1, 8)...) // its lock is free
}

// TestEffectOverCrash: what a run settles and what it sends, to a queue and a topic,
// is one unit. A process that dies before the sync has done none of it, one that dies
// after it all.
func TestEffectOverCrash(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "in", "out")
	topic := newTopic(t, b, "t", "s")
	in, out := queue(t, b, "in"), queue(t, b, "out")
	send(t, b, in, messages(2, 8)...)
	r, err := in.Reserve(broker.ReserveLimit{Messages: 2})
	if err != nil || r == nil {
		t.Fatalf("reserve: %v, error %v", r, err)
	}
	// crash says what a process would find now: held by the run, and waiting in out,
	// the subscription and the dead-letter queue of in.
	crash := func() (found [4]int) {
		t.Helper()
		b := openBroker(t, store, store)
		found[0] = len(b.RunLocks()["run"])
		for i, path := range []string{"out", "t/Subscriptions/s", "in/$DeadLetterQueue"} {
			msgs, err := queue(t, b, path).Peek(1, 10)
			if err != nil {
				t.Fatal(err)
			}
			found[i+1] = len(msgs)
		}
		return found
	}
	steps := []struct {
		effect commit.Effect
		want   [4]int
	}{
		{r.LockFor("run"), [4]int{2, 0, 0, 0}},
		{b.Effect(broker.SendOp{Queue: topic, Messages: messages(1, 8)},
			broker.RunSettleOp{Queue: in, Run: "run", SequenceNumbers: []int64{1}, Outcome: broker.Outcome{Kind: broker.DeadLetter}},
			broker.SendOp{Queue: out, Messages: messages(2, 8)}), [4]int{1, 2, 1, 1}},
		{b.Effect(broker.SendOp{Queue: out, Messages: messages(1, 8)},
			broker.RunSettleOp{Queue: in, Run: "run"}), [4]int{0, 3, 1, 1}},
	}
	for i, s := range steps {
		before := crash()
		u := &commit.Unit{}
		release, err := s.effect.Stage(u)
		if err != nil {
			t.Fatal(err)
		}
		store.Submit(u)
		release()
		if got := crash(); got != before {
			t.Errorf("step %d: before the sync a process finds %v, want %v", i, got, before)
		}
		units := 0
		store.Committed = func(*commit.Unit) { units++ }
		store.Sync(u)
		store.Committed = nil
		if got := crash(); got != s.want || units != 1 {
			t.Errorf("step %d: after the sync a process finds %v and %d units, want %v and one", i, got, units, s.want)
		}
	}
}

// TestEffectOnOneQueue: operations of one effect that name the same queue.
func TestEffectOnOneQueue(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "a")
	a := queue(t, b, "a")
	send(t, b, a, messages(1, 8)...)
	r, err := a.Reserve(broker.ReserveLimit{Messages: 1})
	if err != nil {
		t.Fatal(err)
	}
	stage(t, store, r.LockFor("run"))
	stage(t, store, b.Effect(broker.SendOp{Queue: a, Messages: messages(1, 8)}, broker.RunSettleOp{Queue: a, Run: "other"}))
	if locks := b.RunLocks()["run"]; len(locks) != 1 || locks[0].SequenceNumber != 1 {
		t.Errorf("run locks %v, want message 1", locks)
	}
	if info, _ := a.Info(); info.Counts.Active != 2 {
		t.Errorf("%d messages, want 2", info.Counts.Active)
	}
}

// TestQuota: a full entity refuses what is sent; the last batch that it takes may exceed the
// limit [SB-SEM 11].
func TestQuota(t *testing.T) {
	b := newBroker(t, brokertest.NewStore(), "q")
	q := queue(t, b, "q")
	for range 4095 {
		send(t, b, q, messages(1, 1<<18)...)
	}
	send(t, b, q, messages(2, 1<<18)...)
	const size = 1<<30 + 1<<18
	if info, _ := q.Info(); info.Counts.SizeInBytes != size {
		t.Errorf("size %d, want %d", info.Counts.SizeInBytes, size)
	}
	_, err := q.Send(messages(1, 1), nil)
	var full *broker.FullError
	if !errors.Is(err, broker.ErrQuotaExceeded) || !errors.As(err, &full) || *full != (broker.FullError{Bytes: size, Max: 1 << 30}) {
		t.Errorf("send to a full queue: got error %v, want ErrQuotaExceeded with both sizes", err)
	}
	later := messages(1, 1)
	later[0].ScheduledFor = b.Now().Add(time.Hour)
	if _, err := q.Send(later, nil); !errors.Is(err, broker.ErrQuotaExceeded) {
		t.Errorf("schedule on a full queue: got error %v", err)
	}
	if n, u, err := q.Take(broker.TakeOptions{Max: 2}); err != nil || n != 2 {
		t.Errorf("%d messages taken, error %v", n, err)
	} else {
		b.Sync(u)
	}
	send(t, b, q, messages(1, 1)...) // there is room again
}

// TestFullLog: what the log does not admit is refused and did not happen.
func TestFullLog(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	store.Full = errors.New("disk full")
	if _, err := queue(t, b, "q").Send(messages(1, 8), nil); !errors.Is(err, store.Full) {
		t.Errorf("got error %v, want that of the log", err)
	}
}

// TestClosedBeforeDelivery: what was locked for a consumer that is gone is
// released, its delivery count unchanged.
func TestClosedBeforeDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "q")
		q := queue(t, b, "q")
		c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func([]broker.Delivery) { t.Error("delivered") }})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.AddCredit(1))
		u, err := q.Send(messages(1, 8), nil) // it is delivered when it is durable
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.Close())
		b.Sync(u)
		synctest.Wait()
		msgs, err := q.Peek(1, 1)
		if err != nil || len(msgs) != 1 || msgs[0].Owner != broker.NoOwner || msgs[0].DeliveryCount != 0 {
			t.Errorf("peek %+v, error %v; want an unlocked message with count 0", msgs, err)
		}
		b.Close()
	})
}

// TestOnReady: called for arrivals, releases and the end of backoffs.
func TestOnReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q")
		q := queue(t, b, "q")
		var calls atomic.Int32
		cancel := q.OnReady(func() { calls.Add(1) })
		expect := func(what string, want int32) {
			t.Helper()
			synctest.Wait()
			if got := calls.Swap(0); got != want {
				t.Errorf("%s: called %d times, want %d", what, got, want)
			}
		}
		send(t, b, q, messages(1, 8)...)
		expect("arrival", 1)
		r, err := q.Reserve(broker.ReserveLimit{Messages: 1})
		if err != nil {
			t.Fatal(err)
		}
		expect("reserve", 0)
		r.Release()
		expect("release", 1)
		if r, err = q.Reserve(broker.ReserveLimit{Messages: 1}); err != nil {
			t.Fatal(err)
		}
		stage(t, store, r.Settle(broker.Outcome{Kind: broker.Abandon, Backoff: broker.Backoff{First: time.Second, Max: time.Second}}))
		expect("abandon with a backoff", 0)
		time.Sleep(time.Second)
		expect("end of the backoff", 1)
		cancel()
		send(t, b, q, messages(1, 8)...)
		expect("after cancel", 0)
		b.Close()
	})
}

// TestConcurrent moves messages with everything at once; run it with -race.
func TestConcurrent(t *testing.T) {
	store := brokertest.NewStore()
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader, CacheBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(context.Background())
	defer b.Close()
	ctx := context.Background()
	if err := b.PutNamespace(ctx, "ns", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutQueue(ctx, "ns", "q", broker.QueueOptions{MaxDeliveryCount: 1000}); err != nil {
		t.Fatal(err)
	}
	q := queue(t, b, "q")
	const total = 3000
	var completed atomic.Int32
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for range total / 3 / 5 {
				send(t, b, q, messages(5, 50)...)
			}
		})
		work := make(chan []broker.Delivery, total*10)
		c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(batch []broker.Delivery) { work <- batch }})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.AddCredit(20))
		wg.Go(func() {
			for n := 0; ; {
				select {
				case <-done:
					return
				case batch := <-work:
					for _, d := range batch {
						n++
						out := broker.Outcome{Kind: broker.Complete}
						if n%7 == i {
							out.Kind = broker.Abandon
						}
						b.Sync(q.Settle([]broker.LockToken{d.LockToken}, out, func(errs []error) {
							if errs[0] != nil {
								t.Error(errs[0])
							} else if out.Kind == broker.Complete && completed.Add(1) == total {
								close(done)
							}
						}))
						b.Sync(c.AddCredit(1))
					}
				}
			}
		})
	}
	wg.Go(func() { // a trigger that reserves and lets go
		for {
			select {
			case <-done:
				return
			default:
			}
			r, err := q.Reserve(broker.ReserveLimit{Messages: 3})
			if err != nil {
				t.Error(err)
				return
			}
			if r != nil {
				stage(t, store, r.LockFor("run"))
				stage(t, store, b.ReleaseRun("run"))
			}
			if _, err := q.Peek(1, 5); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if info, err := q.Info(); err != nil || info.Counts.Total != 0 {
		t.Errorf("%d messages are left, error %v", info.Counts.Total, err)
	}
}

func TestNamespaces(t *testing.T) {
	store := brokertest.NewStore()
	b := newBroker(t, store, "q")
	ctx := context.Background()
	if err := b.PutNamespace(ctx, "NS", broker.NamespaceOptions{SKU: "premium"}); !errors.Is(err, broker.ErrNotAllowed) {
		t.Errorf("SKU of a namespace with queues changes: got error %v, want ErrNotAllowed", err)
	}
	if err := b.PutNamespace(ctx, "big", broker.NamespaceOptions{SKU: "premium"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutQueue(ctx, "big", "q", broker.QueueOptions{MaxMessageSize: 100 << 20}); err != nil {
		t.Errorf("a Premium queue with messages of 100 MiB: %v", err)
	}
	if _, err := b.PutQueue(ctx, "none", "q", broker.QueueOptions{}); !errors.Is(err, broker.ErrNamespaceNotFound) {
		t.Errorf("queue in no namespace: got error %v", err)
	}
	old := queue(t, b, "q")
	if err := commit.Do(ctx, store, 0, b.DeleteNamespaceEffect("ns", false)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.Namespaces()); got != "[big]" {
		t.Errorf("namespaces %s, want [big]", got)
	}
	if _, err := old.Send(messages(1, 1), nil); !errors.Is(err, broker.ErrEntityDeleted) {
		t.Errorf("send to a queue of a deleted namespace: got error %v", err)
	}
	newBroker(t, store, "q") // numbers are not used again
	c, err := store.Catalogue()
	if err != nil || c.LastNamespace != 3 || c.LastEntity != 3 {
		t.Errorf("catalogue %+v, error %v; want 3 namespaces and 3 entities ever", c, err)
	}
}

// TestTierChangesInPlace: Azure changes Basic to Standard with queues in the namespace, and
// back as long as there is no topic.
func TestTierChangesInPlace(t *testing.T) {
	b := newBroker(t, brokertest.NewStore(), "q")
	ctx := context.Background()
	put := func(sku string) error {
		return b.PutNamespace(ctx, "tiers", broker.NamespaceOptions{SKU: sku})
	}
	if err := put("Basic"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutQueue(ctx, "tiers", "q", broker.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutTopic(ctx, "tiers", "t", broker.TopicOptions{}); !errors.Is(err, broker.ErrNotAllowed) {
		t.Errorf("topic in Basic: got error %v, want ErrNotAllowed", err)
	}
	for _, sku := range []string{"Standard", "Basic", "Standard"} {
		if err := put(sku); err != nil {
			t.Errorf("to %s: %v", sku, err)
		}
	}
	if _, err := b.PutTopic(ctx, "tiers", "t", broker.TopicOptions{}); err != nil {
		t.Errorf("topic in what was Basic: %v", err)
	}
	for _, sku := range []string{"Basic", "Premium"} {
		if err := put(sku); !errors.Is(err, broker.ErrNotAllowed) {
			t.Errorf("to %s with a topic: got error %v, want ErrNotAllowed", sku, err)
		}
	}
}

// TestWaitForNothing: what has nothing to write is durable.
func TestWaitForNothing(t *testing.T) {
	b := newBroker(t, brokertest.NewStore())
	err := errors.New("not called")
	b.WaitFunc(nil, func(got error) { err = got })
	if err != nil || b.Wait(nil) != nil {
		t.Errorf("the result is %v and %v, want nil at once", err, b.Wait(nil))
	}
}
