package entity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"switchyard/broker/entity"
)

// newSessionBench is a bench of an entity that requires sessions.
func newSessionBench(t *testing.T) *bench {
	b := newBench(t)
	c := b.q.Config()
	c.RequiresSession = true
	b.q.SetConfig(c)
	return b
}

// sendInSession sends messages whose content is in the store only.
func (b *bench) sendInSession(ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		m := &entity.Message{Content: entity.Content{HasSession: true, SessionID: id}}
		b.do(nil, entity.Send{Messages: []*entity.Message{m}})
	}
}

// accept lets a consumer hold a session.
func (b *bench) accept(id string) *entity.Consumer {
	b.t.Helper()
	c := &entity.Consumer{}
	b.do(nil, entity.AcceptSession{Consumer: c, ID: id})
	return c
}

// load brings the content of the message that the next work is about.
func (b *bench) load() {
	b.t.Helper()
	w := b.q.Work(b.env.Now)
	if w.Kind != entity.LoadWork {
		b.t.Fatalf("the work is %+v, want a load", w)
	}
	m := &entity.Message{SequenceNumber: w.From, Content: entity.Content{HasSession: true, SessionID: w.Session.ID()}}
	b.do(nil, entity.Load{Sub: w.Sub, From: w.From, Rows: []entity.Scanned{{Message: m}}})
}

// TestCreditOfLostSession: a client that has not heard yet that its session is lost may
// give credit. It gets no messages of other sessions for it.
func TestCreditOfLostSession(t *testing.T) {
	b := newSessionBench(t)
	b.sendInSession("b")
	c := b.accept("a")
	b.env.Now = b.env.Now.Add(time.Hour)
	b.do(nil, entity.Tick{})
	if len(b.d.Lost) != 1 {
		t.Fatalf("%d sessions were lost, want 1", len(b.d.Lost))
	}
	b.do(nil, entity.AddCredit{Consumer: c, N: 1})
	if len(b.d.Batches) > 0 || c.Credit() > 0 {
		t.Errorf("the consumer got %v and has a credit of %d", b.d.Batches, c.Credit())
	}
	b.do(nil, entity.Drain{Consumer: c})
	if len(b.d.Drained) != 1 {
		t.Error("its drain is not answered")
	}
}

// TestCreditBeforeSession: credit that comes while a consumer waits for the next session is
// for messages of that, and for none if it is closed before.
func TestCreditBeforeSession(t *testing.T) {
	b := newSessionBench(t)
	closed, c := &entity.Consumer{}, &entity.Consumer{}
	for _, c := range []*entity.Consumer{closed, c} {
		b.do(nil, entity.AcceptSession{Consumer: c, Next: true})
		b.do(nil, entity.AddCredit{Consumer: c, N: 2})
		b.do(nil, entity.Drain{Consumer: c})
	}
	b.do(nil, entity.CloseConsumer{Consumer: closed})
	if len(b.d.Drained) != 1 {
		t.Error("the drain of a consumer that was closed is not answered")
	}
	m := &entity.Message{Content: entity.Content{HasSession: true, SessionID: "a"}}
	b.do(nil, entity.Send{Messages: []*entity.Message{m}, Keep: true})
	if c.Session() == nil || c.Session().ID() != "a" {
		t.Fatalf("the consumer holds %v, want session a", c.Session())
	}
	if len(b.d.Batches) != 1 || b.d.Batches[0].Consumer != c || len(b.d.Drained) != 1 || c.Credit() != 0 {
		t.Errorf("deliveries %v, %d drains answered, a credit of %d is left", b.d.Batches, len(b.d.Drained), c.Credit())
	}
}

// TestLowWaterOfManySessions: no record of the counters has a low water above a message,
// though it is not looked for in all sessions for each.
func TestLowWaterOfManySessions(t *testing.T) {
	b := newSessionBench(t)
	for i := range 100 {
		b.sendInSession(fmt.Sprint(i % 50))
		b.accept(fmt.Sprint("none", i))
	}
	var held []*entity.Consumer
	want := int64(1)
	for i := range 50 {
		held = append(held, b.accept(fmt.Sprint(i)))
		b.sendInSession("new")
		if low := b.q.Counters(entity.MainQueue).LowWater; low > want {
			t.Fatalf("the low water is %d, message %d is there", low, want)
		}
	}
	for _, c := range held {
		b.do(nil, entity.CloseConsumer{Consumer: c})
		b.sendInSession("new")
		if low := b.q.Counters(entity.MainQueue).LowWater; low > want {
			t.Fatalf("the low water is %d, message %d is there", low, want)
		}
	}
	for i := range int64(100) {
		b.do(&entity.Supply{}, &entity.Take{Numbers: []int64{i + 1}})
		b.accept(fmt.Sprint("more", i))
		if low := b.q.Counters(entity.MainQueue).LowWater; low > i+2 {
			t.Fatalf("the low water is %d, message %d is there", low, i+2)
		}
	}
	for range 20 { // the bound follows
		b.q.Counters(entity.MainQueue)
	}
	if low := b.q.Counters(entity.MainQueue).LowWater; low != 101 {
		t.Errorf("the low water is %d, want 101", low)
	}
}

// BenchmarkSendBesideSessions: what it costs to send while others hold many sessions.
func BenchmarkSendBesideSessions(b *testing.B) {
	for _, n := range []int{0, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := newSessionBench(nil)
			do := func(op entity.Op) {
				if _, err := x.q.Check(x.env, op); err != nil {
					b.Fatal(err)
				}
				x.d.Reset()
				x.q.Apply(x.env, &x.d, op)
			}
			for i := range n {
				do(entity.AcceptSession{Consumer: &entity.Consumer{}, ID: fmt.Sprint(i)})
			}
			for b.Loop() {
				m := &entity.Message{Content: entity.Content{HasSession: true, SessionID: "other"}}
				do(entity.Send{Messages: []*entity.Message{m}})
			}
		})
	}
}

// TestDrainOfTaken: a drain ends when what it waits for is taken away.
func TestDrainOfTaken(t *testing.T) {
	b := newSessionBench(t)
	b.sendInSession("a")
	c := b.accept("a")
	b.do(nil, entity.AddCredit{Consumer: c, N: 1})
	b.do(nil, entity.Drain{Consumer: c})
	if len(b.d.Drained) != 0 {
		t.Fatal("drained while there is a message")
	}
	take := &entity.Take{Numbers: []int64{1}}
	supply := &entity.Supply{}
	b.do(supply, take)
	if take.Taken != 1 || len(b.d.Drained) != 1 {
		t.Errorf("%d were taken, %d drains answered, want 1 and 1", take.Taken, len(b.d.Drained))
	}
}

// TestRefillFailsInSession: a read that failed is tried again, whatever came meanwhile.
func TestRefillFailsInSession(t *testing.T) {
	b := newSessionBench(t)
	b.q.SetWindow(1)
	b.sendInSession("a", "a")
	c := b.accept("a")
	b.do(nil, entity.AddCredit{Consumer: c, N: 3})
	b.load()
	w := b.q.Work(b.env.Now)
	if w.Kind != entity.RefillWork {
		t.Fatalf("the work is %+v, want a refill", w)
	}
	b.sendInSession("a")
	b.do(nil, entity.Failed{Work: w})
	if again := b.q.Work(b.env.Now); again != w {
		t.Errorf("after a failure the work is %+v, want %+v", again, w)
	}
}

// TestWaitOutlivesSession: a message that can't be read and waits to be tried again does
// not count for those that runs hold when it is ready, if it began to wait for a link.
func TestWaitOutlivesSession(t *testing.T) {
	b := newSessionBench(t)
	b.sendInSession("a", "a")
	c := b.accept("a")
	b.do(nil, entity.AddCredit{Consumer: c, N: 1})
	b.load()
	token := b.d.Batches[0].Deliveries[0].LockToken
	supply := &entity.Supply{}
	abandon := settle(token[0], entity.Abandon)
	abandon.Outcome.Backoff = entity.Backoff{First: time.Second, Max: time.Second}
	b.do(supply, abandon)
	b.do(nil, entity.CloseConsumer{Consumer: c})

	supply.PutContent(entity.MessageKey{SequenceNumber: 2}, &entity.Content{HasSession: true, SessionID: "a"})
	r := &entity.Reserve{Max: 1, Bytes: 100, Granted: 100}
	b.do(supply, r)
	if r.Result == nil || r.Result.Messages[0].SequenceNumber != 2 {
		t.Fatalf("reserved %+v, want message 2", r.Result)
	}
	b.env.Now = b.env.Now.Add(time.Minute)
	b.do(nil, entity.Tick{})
	if _, err := b.q.Check(b.env, entity.AcceptSession{Consumer: &entity.Consumer{}, ID: "a"}); !errors.Is(err, entity.ErrSessionHeld) {
		t.Errorf("accept the session of a run's message: %v, want that it is held", err)
	}
}
