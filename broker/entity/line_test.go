package entity_test

import (
	"testing"

	"switchyard/broker/entity"
)

// TestReadAhead: the window is filled again before consumers stand still for it, also while
// those that were served have no credit left, and not once more if nobody is served.
func TestReadAhead(t *testing.T) {
	for _, sessions := range []bool{false, true} {
		b := newBench(t)
		c, id := &entity.Consumer{}, ""
		if sessions {
			b = newSessionBench(t)
			id = "a"
			c = b.accept(id)
		}
		b.q.SetWindow(4)
		message := func(seq int64) *entity.Message {
			return &entity.Message{SequenceNumber: seq, Content: entity.Content{HasSession: sessions, SessionID: id}}
		}
		for range 9 {
			b.do(nil, entity.Send{Messages: []*entity.Message{message(0)}, Keep: true})
		}
		if w := b.q.Work(b.env.Now); w.Kind != entity.NoWork {
			t.Errorf("sessions %t: while nobody receives there is work: %+v", sessions, w)
		}
		b.do(nil, entity.AddCredit{Consumer: c, N: 3})
		if n := len(b.d.Batches); n != 1 || len(b.d.Batches[0].Deliveries) != 3 {
			t.Fatalf("sessions %t: %d batches were handed out", sessions, n)
		}
		w := b.q.Work(b.env.Now)
		if w.Kind != entity.RefillWork || w.From != 5 || w.Limit != 3 {
			t.Fatalf("sessions %t: the work is %+v, want to read 3 from 5 on", sessions, w)
		}
		refill := entity.Refill{Sub: w.Sub, Session: w.Session, More: true}
		for seq := w.From; seq < w.From+int64(w.Limit); seq++ {
			refill.Rows = append(refill.Rows, entity.Scanned{Message: message(seq), Size: 1})
		}
		b.do(nil, refill)
		if w := b.q.Work(b.env.Now); w.Kind != entity.NoWork {
			t.Errorf("sessions %t: with a full window there is work: %+v", sessions, w)
		}
	}
}
