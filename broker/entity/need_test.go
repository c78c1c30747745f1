package entity_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
)

// bench is a queue with what a test needs to drive it.
type bench struct {
	t   *testing.T
	q   *entity.Queue
	env entity.Env
	d   entity.Decision
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t}
	b.q = entity.New(entity.Config{LockDuration: time.Minute, DefaultTimeToLive: description.Forever, MaxDeliveryCount: 10,
		MaxBytes: 100, MaxMessageBytes: 100}, entity.State{})
	n := byte(0)
	b.env = entity.Env{Now: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.env.Token = func() entity.LockToken { n++; return entity.LockToken{n} }
	return b
}

// do applies an operation that needs nothing but the supply.
func (b *bench) do(supply *entity.Supply, op entity.Op) {
	b.t.Helper()
	env := b.env
	env.Supply = supply
	if need, err := b.q.Check(env, op); err != nil || need != nil {
		b.t.Fatalf("%T: error %v, need %+v", op, err, need)
	}
	b.d.Reset()
	b.q.Apply(env, &b.d, op)
}

// locked sends messages and locks them for a link; their tokens are 1 and so on.
func (b *bench) locked(n int) {
	b.t.Helper()
	for range n {
		b.do(nil, entity.Send{Messages: []*entity.Message{{}}, Keep: true})
	}
	b.do(nil, entity.AddCredit{Consumer: &entity.Consumer{}, N: n})
}

func settle(token byte, kind entity.OutcomeKind) *entity.Settle {
	return &entity.Settle{Tokens: []entity.LockToken{{token}}, Outcome: entity.Outcome{Kind: kind}}
}

// TestStaleSupply: what changes while it is read is asked for once more.
func TestStaleSupply(t *testing.T) {
	b := newBench(t)
	b.locked(2)
	b.do(nil, settle(1, entity.Defer))
	b.do(nil, settle(2, entity.Defer))
	stored := func(seq int64, count uint32) *entity.Message {
		status := entity.Status{State: entity.Deferred, DeliveryCount: count}
		return &entity.Message{SequenceNumber: seq, Status: status}
	}
	first, second := entity.MessageKey{SequenceNumber: 1}, entity.MessageKey{SequenceNumber: 2}
	slow := &entity.ReceiveDeferred{SequenceNumbers: []int64{1, 2}}
	need, err := b.q.Check(b.env, slow)
	if err != nil || !reflect.DeepEqual(need, &entity.Need{Stored: []entity.MessageKey{first, second}}) {
		t.Fatalf("need %+v, error %v", need, err)
	}
	supply := &entity.Supply{}
	b.q.Watch(supply, need)
	supply.PutStored(first, stored(1, 1))
	supply.PutStored(second, stored(2, 1))
	// Meanwhile somebody else receives the first and abandons it.
	quick := &entity.Supply{}
	quick.PutStored(first, stored(1, 1))
	b.do(quick, &entity.ReceiveDeferred{SequenceNumbers: []int64{1}})
	b.do(nil, settle(3, entity.Abandon))

	b.q.Unwatch(supply)
	env := b.env
	env.Supply = supply
	need, err = b.q.Check(env, slow)
	if err != nil || !reflect.DeepEqual(need, &entity.Need{Stored: []entity.MessageKey{first}}) {
		t.Fatalf("need %+v, error %v; want the message that has changed", need, err)
	}
	// While that is read again, what was read before is watched as well.
	b.q.Watch(supply, need)
	supply.PutStored(first, stored(1, 2))
	quick.PutStored(second, stored(2, 1))
	b.do(quick, &entity.ReceiveDeferred{SequenceNumbers: []int64{2}, Mode: entity.ReceiveAndDelete})
	b.q.Unwatch(supply)
	need, err = b.q.Check(env, slow)
	if err != nil || !reflect.DeepEqual(need, &entity.Need{Stored: []entity.MessageKey{second}}) {
		t.Fatalf("need %+v, error %v; want the message that is gone", need, err)
	}
	supply.PutStored(second, nil)
	if _, err = b.q.Check(env, slow); !errors.Is(err, entity.ErrMessageNotFound) {
		t.Errorf("got error %v, want ErrMessageNotFound", err)
	}
}

// TestLostContent: content that the store has lost is refused, not waited for, and
// keeps no other message from where it belongs.
func TestLostContent(t *testing.T) {
	b := newBench(t)
	b.q.SetConfig(entity.Config{LockDuration: time.Minute, DefaultTimeToLive: description.Forever, MaxDeliveryCount: 1,
		MaxBytes: 100, MaxMessageBytes: 100})
	b.locked(2)
	first, second := entity.MessageKey{SequenceNumber: 1}, entity.MessageKey{SequenceNumber: 2}
	env := b.env
	env.Supply = &entity.Supply{}
	op := settle(1, entity.DeadLetter)
	if need, err := b.q.Check(env, op); err != nil || !reflect.DeepEqual(need, &entity.Need{Contents: []entity.MessageKey{first}}) {
		t.Fatalf("dead-letter needs %+v, error %v", need, err)
	}
	env.Supply.PutContent(first, nil)
	if need, err := b.q.Check(env, op); err != nil || need != nil || op.Errs[0] == nil {
		t.Errorf("dead-letter what is lost: need %+v, error %v, errors %v; want one for the token", need, err, op.Errs)
	}

	env.Now = env.Now.Add(time.Hour) // both locks have ended for the last time
	need, err := b.q.Check(env, entity.Tick{})
	if err != nil || !reflect.DeepEqual(need, &entity.Need{Contents: []entity.MessageKey{second}}) {
		t.Fatalf("tick needs %+v, error %v; want the content that is not lost", need, err)
	}
	env.Supply.PutContent(second, &entity.Content{})
	b.env = env
	b.do(env.Supply, entity.Tick{})
	if got := b.q.Counters(entity.DeadLetterQueue).Messages; got != 1 {
		t.Errorf("%d dead letters, want 1", got)
	}
	if d := b.q.Deadline(); !d.After(env.Now) {
		t.Errorf("deadline = %v, now %v: the lost one is due all the time, and nothing else is served", d, env.Now)
	}
}
