package entity_test

import (
	"slices"
	"testing"

	"switchyard/broker/entity"
)

// unrecorded are messages as the store has them while no lock of theirs is recorded.
func unrecorded(session string, from, to int64) (rows []entity.Scanned) {
	for ; from <= to; from++ {
		m := &entity.Message{SequenceNumber: from}
		m.SessionID, m.HasSession, m.Sections = session, session != "", []byte{}
		rows = append(rows, entity.Scanned{Message: m})
	}
	return rows
}

// loaded does the work that is wanted if it is to load contents, and returns what is wanted then.
func (b *bench) loaded(session string) entity.Work {
	b.t.Helper()
	w := b.q.Work(b.env.Now)
	if w.Kind != entity.LoadWork {
		return w
	}
	b.do(nil, entity.Load{Sub: w.Sub, From: w.From, Rows: unrecorded(session, w.From, w.From+int64(w.Limit)-1)})
	return b.q.Work(b.env.Now)
}

// wantDeferred gives a consumer credit for all there is. It must get the last two messages,
// and not number 6, which is the one that is deferred.
func (b *bench) wantDeferred(session string, c *entity.Consumer) {
	b.t.Helper()
	var got []int64
	note := func() {
		for _, batch := range b.d.Batches {
			for _, m := range batch.Deliveries {
				got = append(got, m.SequenceNumber)
			}
		}
	}
	b.do(nil, entity.AddCredit{Consumer: c, N: 20})
	note()
	for range 10 {
		w := b.loaded(session)
		note()
		if w.Kind != entity.RefillWork {
			break
		}
		b.do(nil, entity.Refill{Sub: w.Sub, Session: w.Session})
		note()
	}
	if slices.Contains(got, 6) || !slices.Contains(got, 7) || !slices.Contains(got, 8) {
		b.t.Errorf("delivered: %v, want 7 and 8, and not 6, which is deferred", got)
	}
	if n := b.q.Counters(entity.MainQueue).Deferred; n != 1 {
		b.t.Errorf("%d messages are counted as deferred, want 1", n)
	}
}

// TestDeferDuringRefill: a message whose lock is not recorded is deferred while headers
// are read from before it on. It stays deferred.
func TestDeferDuringRefill(t *testing.T) {
	b := newBench(t)
	b.q.SetWindow(4)
	for range 8 {
		b.do(nil, entity.Send{Messages: []*entity.Message{{}}, Keep: true})
	}
	b.do(nil, entity.AddCredit{Consumer: &entity.Consumer{}, N: 4}) // the first four, their tokens are 1 to 4
	w := b.q.Work(b.env.Now)
	b.do(nil, entity.Refill{Sub: w.Sub, Rows: unrecorded("", 5, 8)})
	b.do(nil, entity.AddCredit{Consumer: &entity.Consumer{}, N: 2})
	for token := byte(1); token <= 5; token++ { // more than the window holds: what is behind is read again
		b.do(nil, settle(token, entity.Release))
	}
	x := &entity.Consumer{Mode: entity.ReceiveAndDelete}
	b.do(nil, entity.AddCredit{Consumer: x, N: 3})
	if w = b.loaded(""); w.Kind != entity.RefillWork || w.From > 6 {
		t.Fatalf("the work is %+v, want a refill from before 6 on", w)
	}
	read := unrecorded("", w.From, 8)
	b.do(nil, settle(6, entity.Defer))
	b.do(nil, entity.Refill{Sub: w.Sub, Rows: read})
	b.wantDeferred("", x)
}

// TestDeferInSession is the same in a session, whose locks have no records: it is given up
// while another consumer's wish for the next session has headers read.
func TestDeferInSession(t *testing.T) {
	b := newSessionBench(t)
	b.q.SetWindow(4)
	for range 8 {
		b.do(nil, entity.Send{Messages: []*entity.Message{unrecorded("a", 0, 0)[0].Message}, Keep: true})
	}
	holder := b.accept("a")
	b.do(nil, entity.AddCredit{Consumer: holder, N: 4}) // tokens 1 to 4
	w := b.q.Work(b.env.Now)
	b.do(nil, entity.Refill{Sub: w.Sub, Session: w.Session, Rows: unrecorded("a", 5, 8)})
	b.do(nil, entity.AddCredit{Consumer: holder, N: 2})
	sixth := b.d.Batches[0].Deliveries[1].LockToken
	x := &entity.Consumer{}
	b.do(nil, entity.AcceptSession{Consumer: x, Next: true})
	if w = b.q.Work(b.env.Now); w.Kind != entity.RefillWork || w.From > 6 {
		t.Fatalf("the work is %+v, want a refill from before 6 on", w)
	}
	read := unrecorded("a", w.From, 8)
	b.do(nil, &entity.Settle{Tokens: []entity.LockToken{sixth}, Outcome: entity.Outcome{Kind: entity.Defer}})
	for token := byte(1); token <= 5; token++ {
		b.do(nil, settle(token, entity.Complete))
	}
	b.do(nil, entity.CloseConsumer{Consumer: holder})
	b.do(nil, entity.Refill{Sub: w.Sub, Session: w.Session, Rows: read})
	b.wantDeferred("a", x)
}
