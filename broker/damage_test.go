package broker_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
)

// unreadable is a store in which some messages can't be read.
type unreadable struct {
	*brokertest.Store
	entity broker.EntityID
	// from: no message from this number on can be read; 0: all can.
	from  atomic.Int64
	to    int64 // and up to this one; 0: without end
	sub   broker.SubQueue
	scans atomic.Int64
	// statuses: nor can the statuses of messages.
	statuses bool
	err      error
}

func (s *unreadable) damaged(q broker.QueueID, seq int64) bool {
	return q.Entity == s.entity && q.Sub == s.sub && s.from.Load() > 0 && seq >= s.from.Load() && (s.to == 0 || seq <= s.to)
}

func (s *unreadable) Scan(q broker.QueueID, from int64, limit, contents int) ([]broker.Scanned, error) {
	if s.scans.Add(1) == 1000 {
		panic("the same is read for ever")
	}
	rows, err := s.Store.Scan(q, from, limit, contents)
	for i, row := range rows {
		if s.damaged(q, row.SequenceNumber) && (contents > 0 || s.err != errContent) {
			return rows[:i], s.err
		}
	}
	return rows, err
}

func (s *unreadable) ScanSession(q broker.QueueID, session string, from int64, limit, contents int) ([]broker.Scanned, error) {
	rows, err := s.Store.ScanSession(q, session, from, limit, contents)
	for i, row := range rows {
		if s.damaged(q, row.SequenceNumber) {
			return rows[:i], s.err
		}
	}
	return rows, err
}

func (s *unreadable) Message(q broker.QueueID, seq int64) (*broker.Message, error) {
	if s.damaged(q, seq) {
		return nil, s.err
	}
	return s.Store.Message(q, seq)
}

func (s *unreadable) Statuses(q broker.QueueID, f func(int64, *broker.Status) error) error {
	if q.Entity == s.entity && s.statuses {
		return s.err
	}
	return s.Store.Statuses(q, f)
}

var (
	errDamage = fmt.Errorf("table 7: %w: checksum mismatch", commit.ErrDamaged)
	// errContent is damage of contents only: headers are read.
	errContent = fmt.Errorf("segment 1: %w: checksum mismatch", commit.ErrDamaged)
	errOnce    = errors.New("input/output error")
)

// A damageWorld is a broker that was opened on n messages in "q", and a few in "other".
type damageWorld struct {
	*broker.Broker
	t     *testing.T
	store *unreadable
	log   *bytes.Buffer
}

func newDamageWorld(t *testing.T, n int, o broker.QueueOptions) *damageWorld {
	t.Helper()
	store := brokertest.NewStore()
	b := newBroker(t, store, "other")
	if _, err := b.PutQueue(context.Background(), "ns", "q", o); err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		send(t, b, queue(t, b, "q"), messages(n, 8)...)
	}
	send(t, b, queue(t, b, "other"), messages(2, 8)...)
	b.Close()
	w := &damageWorld{t: t, store: &unreadable{Store: store, entity: queue(t, b, "q").ID().Entity}, log: &bytes.Buffer{}}
	return w
}

func (w *damageWorld) open() {
	w.t.Helper()
	w.openOn(w.store)
}

// openOn opens the broker on another store and returns its log.
func (w *damageWorld) openOn(store interface {
	broker.Store
	commit.Log
}) *bytes.Buffer {
	w.t.Helper()
	if w.log == nil {
		w.log = &bytes.Buffer{}
	}
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader,
		Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	b.Start(context.Background())
	w.t.Cleanup(b.Close)
	w.Broker = b
	return w.log
}

// receive takes messages for a while and returns their numbers and how the link ended.
func (w *damageWorld) receive(path string, mode broker.ReceiveMode, credit int) (got []int64, tokens []broker.LockToken, end error) {
	w.t.Helper()
	c, err := queue(w.t, w.Broker, path).NewConsumer(broker.ConsumerOptions{Mode: mode, Deliver: func(ds []broker.Delivery) {
		for _, d := range ds {
			got, tokens = append(got, d.SequenceNumber), append(tokens, d.LockToken)
		}
	}, Closed: func(err error) { end = err }})
	if err != nil {
		return nil, nil, err
	}
	w.Sync(c.AddCredit(credit))
	synctest.Wait()
	time.Sleep(10 * time.Second)
	synctest.Wait()
	w.Sync(c.Close())
	return got, tokens, end
}

// wantTold checks an error that a client sees, the health and the log.
func (w *damageWorld) wantTold(what string, err error) {
	w.t.Helper()
	if !errors.Is(err, broker.ErrDamaged) || !strings.Contains(err.Error(), `"q"`) {
		w.t.Errorf("%s: error %v, want damage that names the queue", what, err)
	}
	if found := w.Damage(); len(found) != 1 || !strings.Contains(found[0], `queue "q" of namespace "ns"`) {
		w.t.Errorf("%s: known damage is %q, want that of the queue", what, found)
	}
	if !strings.Contains(w.log.String(), "queue=q") {
		w.t.Errorf("%s: the log says %q, want the queue", what, w.log)
	}
}

// TestReceiveBeforeDamage: a receiver gets what can be read and then learns why no more
// comes, and so does every later one; other queues go on; the log has a line a minute.
func TestReceiveBeforeDamage(t *testing.T) {
	for name, damage := range map[string]error{"of all": errDamage, "of contents": errContent} {
		synctest.Test(t, func(t *testing.T) {
			w := newDamageWorld(t, 600, broker.QueueOptions{})
			w.store.from.Store(35)
			w.store.err = damage
			w.open()
			got, _, err := w.receive("q", broker.ReceiveAndDelete, 1000)
			if len(got) != 34 {
				t.Errorf("damage %s: received %d messages, want the 34 before it", name, len(got))
			}
			w.wantTold("receive "+name, err)
			w.log.Reset()
			for range 10 {
				got, _, err := w.receive("q", broker.PeekLock, 1)
				if len(got) > 0 || !errors.Is(err, broker.ErrDamaged) {
					t.Errorf("damage %s: received %v, error %v, want damage again", name, got, err)
				}
			}
			if n := strings.Count(w.log.String(), "level=ERROR"); n > 2 {
				t.Errorf("damage %s: %d lines in 100 s, want at most one a minute: %s", name, n, w.log)
			}
			if got, _, err := w.receive("other", broker.ReceiveAndDelete, 10); len(got) != 2 || err != nil {
				t.Errorf("damage %s: the other queue gave %v, error %v", name, got, err)
			}
			w.Close()
		})
	}
}

// TestOtherReadsOfDamage: what is not a receiver fails by name too.
func TestOtherReadsOfDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 10, broker.QueueOptions{})
		w.store.from.Store(5)
		w.store.err = errDamage
		w.open()
		q := queue(t, w.Broker, "q")
		if msgs, err := q.Peek(1, 100); len(msgs) != 4 || err != nil {
			t.Errorf("peek before the damage: %d messages, error %v, want 4", len(msgs), err)
		}
		_, err := q.Peek(5, 100)
		w.wantTold("peek", err)
		_, err = q.ReceiveDeferred(nil, []int64{7}, broker.PeekLock, nil)
		w.wantTold("receive by number", err)
		r, err := q.Reserve(broker.ReserveLimit{Messages: 100})
		if err != nil || len(r.Messages()) != 4 {
			t.Fatalf("reserve before the damage: %v, error %v, want 4 messages", r, err)
		}
		_, err = q.Reserve(broker.ReserveLimit{Messages: 100})
		w.wantTold("reserve", err)
		r.Release()
		if err := commit.Do(context.Background(), w.store, 0, w.DeleteQueueEffect("ns", "q", false)); err != nil {
			t.Errorf("delete: %v", err)
		}
		if found := w.Damage(); len(found) > 0 {
			t.Errorf("after the deletion: %q", found)
		}
		w.Close()
	})
}

// TestReadThatFailsForAWhile: receivers outlast a read that fails now and then, but do
// not wait in vain for ever.
func TestReadThatFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 3, broker.QueueOptions{})
		w.store.from.Store(1)
		w.store.err = errOnce
		w.open()
		time.AfterFunc(1500*time.Millisecond, func() { w.store.from.Store(0) })
		if got, _, err := w.receive("q", broker.PeekLock, 3); len(got) != 3 || err != nil {
			t.Errorf("a failure of 1.5 s: received %v, error %v, want all", got, err)
		}
		w.store.from.Store(1)
		time.Sleep(time.Hour) // the locks end
		got, _, err := w.receive("q", broker.PeekLock, 3)
		if len(got) > 0 || !errors.Is(err, commit.ErrUnread) || errors.Is(err, broker.ErrDamaged) {
			t.Errorf("a failure that stays: received %v, error %v, want the error, which is no damage", got, err)
		}
		if found := w.Damage(); len(found) > 0 {
			t.Errorf("known damage is %q, want none", found)
		}
		w.Close()
	})
}

// lockForRun locks messages of q for the run "run".
func (w *damageWorld) lockForRun(n int) {
	w.t.Helper()
	r, err := queue(w.t, w.Broker, "q").Reserve(broker.ReserveLimit{Messages: n})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := commit.Do(context.Background(), w.store, 0, r.LockFor("run")); err != nil {
		w.t.Fatal(err)
	}
}

// abandonRun is the effect of a run that failed on its messages.
func (w *damageWorld) abandonRun() commit.Effect {
	w.t.Helper()
	return w.Effect(broker.RunSettleOp{
		Queue: queue(w.t, w.Broker, "q"), Run: "run", Outcome: broker.Outcome{Kind: broker.Abandon}})
}

// TestRunEndsOnDamage: the last unit of a run gives its messages back although one that
// should be dead-lettered can't be read; that one stays in the queue.
func TestRunEndsOnDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 5, broker.QueueOptions{MaxDeliveryCount: 1})
		w.open()
		w.lockForRun(2)
		w.Close()
		w.store.from.Store(2)
		w.store.err = errContent
		w.open()
		q := queue(t, w.Broker, "q")
		if err := commit.Do(context.Background(), w.store, 0, w.abandonRun()); err != nil {
			t.Errorf("the end of a run that failed: %v", err)
		}
		if locks := w.RunLocks(); len(locks) > 0 {
			t.Errorf("the run still holds %v", locks)
		}
		if info, err := q.Info(); err != nil || info.Counts.Active != 4 || info.Counts.DeadLetter != 1 {
			t.Errorf("counts %+v, error %v, want 4 active, the unreadable one among them, and 1 dead-lettered", info.Counts, err)
		}
		w.wantTold("the end of the run", fmt.Errorf(`"q" %w`, errContent))
		w.Close()
	})
}

// TestRunEndsAfterFailure: a read that fails for a moment refuses the effect in a way
// that says so, and lets it be staged again.
func TestRunEndsAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 2, broker.QueueOptions{MaxDeliveryCount: 1})
		w.open()
		w.lockForRun(2)
		w.store.from.Store(1)
		w.store.err = errOnce
		q := queue(t, w.Broker, "q")
		effect := w.abandonRun()
		if err := commit.Do(context.Background(), w.store, 0, effect); !errors.Is(err, commit.ErrUnread) {
			t.Errorf("while reading fails: %v, want ErrUnread", err)
		}
		w.store.from.Store(0)
		if err := commit.Do(context.Background(), w.store, 0, effect); err != nil {
			t.Errorf("when it works again: %v", err)
		}
		if info, err := q.Info(); err != nil || info.Counts.DeadLetter != 2 {
			t.Errorf("counts %+v, error %v, want both dead-lettered", info.Counts, err)
		}
		w.Close()
	})
}

// TestTickGoesOnPastDamage: the locks of others end, and messages are delivered, while
// the last delivery of one that can't be read is over.
func TestTickGoesOnPastDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 5, broker.QueueOptions{MaxDeliveryCount: 1, LockDuration: 20 * time.Second})
		w.open()
		if got, _, err := w.receive("q", broker.PeekLock, 1); len(got) != 1 || err != nil {
			t.Fatalf("received %v, error %v", got, err)
		}
		only := &onlyOne{unreadable: w.store, seq: 1}
		w.Close()
		b, err := broker.New(broker.Options{Store: only, Log: w.store, Clock: clock.Wall{}, Rand: rand.Reader,
			Logger: slog.New(slog.NewTextHandler(w.log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		b.Start(context.Background())
		w.Broker = b
		time.Sleep(30 * time.Second) // the lock has ended
		if got, _, err := w.receive("q", broker.ReceiveAndDelete, 10); len(got) != 4 || err != nil {
			t.Errorf("received %v, error %v, want the four that can be read", got, err)
		}
		w.wantTold("the end of the lock", fmt.Errorf(`"q" %w`, errContent))
		b.Close()
	})
}

// onlyOne is a store that can't read the content of one message.
type onlyOne struct {
	*unreadable
	seq int64
}

func (s *onlyOne) Message(q broker.QueueID, seq int64) (*broker.Message, error) {
	if q.Entity == s.entity && seq == s.seq {
		return nil, errContent
	}
	return s.unreadable.Message(q, seq)
}

// TestOpenDamaged: an entity that can't be opened does not keep the others from being
// served; it says what is wrong to everybody but who deletes it.
func TestOpenDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDamageWorld(t, 5, broker.QueueOptions{})
		w.store.statuses, w.store.err = true, errDamage
		w.open()
		q := queue(t, w.Broker, "q")
		_, err := q.Send(messages(1, 8), nil)
		w.wantTold("send", err)
		_, _, err = w.receive("q", broker.PeekLock, 1)
		w.wantTold("receive", err)
		_, err = q.Peek(1, 1)
		w.wantTold("peek", err)
		if got, _, err := w.receive("other", broker.PeekLock, 2); len(got) != 2 || err != nil {
			t.Errorf("the other queue gave %v, error %v", got, err)
		}
		if infos, err := w.Queues("ns"); len(infos) != 2 || err != nil {
			t.Errorf("listed %v, error %v, want both", infos, err)
		}
		if err := commit.Do(context.Background(), w.store, 0, w.DeleteQueueEffect("ns", "q", false)); err != nil {
			t.Errorf("delete: %v", err)
		}
		w.Close()
	})
}
