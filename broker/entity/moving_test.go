package entity_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"switchyard/broker/entity"
)

// most is how many bytes of content one operation may need for what it moves.
const most = 4 << 20

// large locks messages of 1 MiB, each in its last delivery, with nothing of their content
// in memory; of one session, if the entity requires sessions, which the consumer holds.
func large(t *testing.T, n int, session bool) (*bench, *entity.Consumer) {
	b := newBench(t)
	c := b.q.Config()
	c.MaxBytes, c.MaxMessageBytes, c.MaxDeliveryCount, c.RequiresSession = 1<<40, 1<<30, 1, session
	b.q.SetConfig(c)
	for range n {
		m := &entity.Message{Content: entity.Content{HasSession: true, SessionID: "a", Sections: make([]byte, 1<<20)}}
		b.do(nil, entity.Send{Messages: []*entity.Message{m}, Keep: true})
	}
	consumer := &entity.Consumer{}
	if session {
		consumer = b.accept("a")
	}
	b.do(nil, entity.AddCredit{Consumer: consumer, N: n})
	return b, consumer
}

// step applies an operation, supplies what it needs, and fails if that is more than one
// operation may need. damaged can't be read.
func (b *bench) step(op entity.Op, damaged int64) {
	b.t.Helper()
	supply := &entity.Supply{}
	b.env.Supply = supply
	defer func() { b.env.Supply = nil }()
	bytes := 0
	for {
		need, err := b.q.Check(b.env, op)
		if err != nil {
			b.t.Fatal(err)
		}
		if need == nil {
			break
		}
		for _, k := range need.Contents {
			bytes += 1 << 20
			if k.SequenceNumber == damaged {
				supply.PutFailed(k, errors.New("damaged"))
				continue
			}
			supply.PutContent(k, &entity.Content{HasSession: true, SessionID: "a", Sections: make([]byte, 1<<20)})
		}
	}
	if bytes > most {
		b.t.Fatalf("%T needs %d MiB of content at once", op, bytes>>20)
	}
	b.d.Reset()
	b.q.Apply(b.env, &b.d, op)
}

// put names the messages that the decision puts into the dead-letter queue.
func (b *bench) put() (seqs []int64) {
	for _, r := range b.d.Records {
		if r.Kind == entity.PutMessage && r.Sub == entity.DeadLetterQueue {
			seqs = append(seqs, r.SequenceNumber)
		}
	}
	return seqs
}

// TestLapseOfLargeMessages: however large the messages are whose last delivery ends with
// the lock of their session, one operation needs little of them. They are moved in order,
// the consumer is told once, and until they all are nobody gets the session.
func TestLapseOfLargeMessages(t *testing.T) {
	for _, c := range []struct {
		name    string
		damaged int64
		closes  bool
		want    []int64
	}{
		{"all", 0, false, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"one can't be read", 2, false, []int64{1, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"the consumer closes meanwhile", 0, true, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, consumer := large(t, 10, true)
			next := &entity.Consumer{}
			b.do(nil, entity.AcceptSession{Consumer: next, Next: true})
			b.env.Now = b.env.Now.Add(time.Hour)
			var moved []int64
			lost, ticks := 0, 0
			for b.q.Work(b.env.Now).Kind == entity.TickWork {
				if ticks++; ticks > 20 {
					t.Fatal("it does not end")
				}
				b.step(entity.Tick{}, c.damaged)
				moved = append(moved, b.put()...)
				if lost += len(b.d.Lost); lost > 0 {
					break
				}
				if _, err := b.q.Check(b.env, entity.AcceptSession{Consumer: &entity.Consumer{}, ID: "a"}); !errors.Is(err, entity.ErrSessionHeld) {
					t.Errorf("accept the session meanwhile: %v, want that it is held", err)
				}
				b.do(nil, entity.AddCredit{Consumer: consumer, N: 5})
				if len(b.d.Batches) > 0 {
					t.Error("the consumer got something from the session that it has lost")
				}
				if c.closes {
					b.do(nil, entity.CloseConsumer{Consumer: consumer})
				}
			}
			if lost != 1 || consumer.Session() != nil || !slices.Equal(moved, c.want) {
				t.Errorf("lost %d times, moved %v, want once and %v", lost, moved, c.want)
			}
			left := b.q.Counters(entity.MainQueue).Messages
			if int(left)+len(moved) != 10 || (next.Session() != nil) != (left > 0) {
				t.Errorf("%d messages are left, and the next consumer holds %v", left, next.Session())
			}
		})
	}
}

// TestLockEndsOfLargeMessages is the same of locks of messages.
func TestLockEndsOfLargeMessages(t *testing.T) {
	b, _ := large(t, 10, false)
	b.env.Now = b.env.Now.Add(time.Hour)
	moved := 0
	for range 10 {
		b.step(entity.Tick{}, 0)
		moved += len(b.put())
	}
	if moved != 10 {
		t.Errorf("%d of 10 messages were moved", moved)
	}
}

// TestSettleLargeMessages: one settlement of many messages that are moved does as many as
// one operation moves, and says how many.
func TestSettleLargeMessages(t *testing.T) {
	for _, kind := range []entity.OutcomeKind{entity.DeadLetter, entity.Abandon, entity.Defer} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			b, _ := large(t, 10, false)
			tokens := []entity.LockToken{{100}} // of none
			for i := range byte(10) {
				tokens = append(tokens, entity.LockToken{i + 1})
			}
			ops, settled := 0, 0
			for len(tokens) > 0 {
				op := &entity.Settle{Tokens: tokens, Outcome: entity.Outcome{Kind: kind}}
				b.step(op, 0)
				for _, err := range op.Errs {
					if err == nil {
						settled++
					}
				}
				tokens = tokens[len(op.Errs):]
				if ops++; ops > 10 {
					t.Fatal("it does not end")
				}
			}
			if settled != 10 || ops != 3 {
				t.Errorf("%d were settled by %d operations, want 10 by 3", settled, ops)
			}
		})
	}
}
