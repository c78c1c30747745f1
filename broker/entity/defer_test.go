package entity_test

import (
	"testing"

	"switchyard/broker/entity"
)

// TestDeferDuringRefill: a message whose lock is not recorded is deferred while headers
// are read behind the cursor. It stays deferred.
func TestDeferDuringRefill(t *testing.T) {
	b := newBench(t)
	b.q.SetWindow(4)
	for range 8 {
		b.do(nil, entity.Send{Messages: []*entity.Message{{}}, Keep: true})
	}
	row := func(seq int64) entity.Scanned {
		return entity.Scanned{Message: &entity.Message{SequenceNumber: seq}, Size: 0}
	}
	a, c := &entity.Consumer{}, &entity.Consumer{}
	b.do(nil, entity.AddCredit{Consumer: a, N: 4}) // 1 to 4, tokens 1 to 4
	w := b.q.Work(b.env.Now)
	rows := []entity.Scanned{}
	for s := int64(5); s <= 8; s++ {
		r := row(s)
		r.Sections = []byte{}
		rows = append(rows, r)
	}
	b.do(nil, entity.Refill{Sub: w.Sub, Rows: rows})
	b.do(nil, entity.AddCredit{Consumer: c, N: 2}) // 5 and 6, tokens 5 and 6
	for i := byte(1); i <= 5; i++ {
		b.do(nil, settle(i, entity.Release))
	}
	x := &entity.Consumer{Mode: entity.ReceiveAndDelete}
	for b.q.HasWork(b.env.Now) {
		t.Fatalf("work %+v", b.q.Work(b.env.Now))
	}
	b.do(nil, entity.AddCredit{Consumer: x, N: 3})
	w = b.q.Work(b.env.Now)
	if w.Kind == entity.LoadWork {
		var l []entity.Scanned
		for s := w.From; s < w.From+int64(w.Limit); s++ {
			l = append(l, row(s))
		}
		b.do(nil, entity.Load{Sub: w.Sub, From: w.From, Rows: l})
		w = b.q.Work(b.env.Now)
	}
	if w.Kind != entity.RefillWork {
		t.Fatal("no refill")
	}
	read := []entity.Scanned{row(5), row(6), row(7), row(8)} // as the store has them: no lock is recorded
	b.do(nil, settle(6, entity.Defer))
	b.do(nil, entity.Refill{Sub: w.Sub, Rows: read, More: false})
	b.do(nil, entity.AddCredit{Consumer: x, N: 9})
	for b.q.HasWork(b.env.Now) {
		w = b.q.Work(b.env.Now)
		if w.Kind != entity.LoadWork {
			break
		}
		var l []entity.Scanned
		for s := w.From; s < w.From+int64(w.Limit); s++ {
			l = append(l, row(s))
		}
		b.do(nil, entity.Load{Sub: w.Sub, From: w.From, Rows: l})
		for _, r := range b.d.Records {
			if r.SequenceNumber == 6 {
				t.Errorf("the deferred message is handed out and deleted, Bare %t; deferred count %d", r.Bare, b.q.Counters(0).Deferred)
			}
		}
	}
}

// TestDeferInSession: as before with a session, whose locks are never recorded.
func TestDeferInSession(t *testing.T) {
	b := newSessionBench(t)
	b.q.SetWindow(4)
	msg := func(seq int64) *entity.Message {
		return &entity.Message{SequenceNumber: seq, Content: entity.Content{HasSession: true, SessionID: "a"}}
	}
	rows := func(from, to int64) (list []entity.Scanned) {
		for ; from <= to; from++ {
			r := entity.Scanned{Message: msg(from)}
			r.Sections = []byte{}
			list = append(list, r)
		}
		return list
	}
	for range 8 {
		b.do(nil, entity.Send{Messages: []*entity.Message{msg(0)}, Keep: true})
	}
	a := b.accept("a")
	b.do(nil, entity.AddCredit{Consumer: a, N: 4})
	w := b.q.Work(b.env.Now)
	b.do(nil, entity.Refill{Sub: w.Sub, Session: w.Session, Rows: rows(5, 8)})
	b.do(nil, entity.AddCredit{Consumer: a, N: 2})
	tokens := []entity.LockToken{b.d.Batches[0].Deliveries[1].LockToken}
	x := &entity.Consumer{}
	b.do(nil, entity.AcceptSession{Consumer: x, Next: true})
	w = b.q.Work(b.env.Now)
	read := rows(5, 8)
	b.do(nil, &entity.Settle{Tokens: tokens, Outcome: entity.Outcome{Kind: entity.Defer}})
	for i := byte(1); i <= 5; i++ {
		b.do(nil, settle(i, entity.Complete))
	}
	b.do(nil, entity.CloseConsumer{Consumer: a})
	b.do(nil, entity.Refill{Sub: w.Sub, Session: w.Session, Rows: read})
	b.do(nil, entity.AddCredit{Consumer: x, N: 20})
	for range 10 {
		for _, batch := range b.d.Batches {
			for _, m := range batch.Deliveries {
				if m.SequenceNumber == 6 {
					t.Fatal("the deferred message is handed out")
				}
			}
		}
		w = b.q.Work(b.env.Now)
		if w.Kind == entity.LoadWork {
			b.do(nil, entity.Load{Sub: w.Sub, From: w.From, Rows: rows(w.From, w.From+int64(w.Limit)-1)})
		} else if w.Kind == entity.RefillWork {
			b.do(nil, entity.Refill{Sub: w.Sub, Session: w.Session, Rows: nil})
		} else {
			break
		}
	}
}
