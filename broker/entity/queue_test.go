package entity_test

import (
	"fmt"
	"testing"
	"time"

	"switchyard/broker/entity"
)

// TestBackoff: First after the first failed delivery, doubling, at most Max.
func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		first, max time.Duration
		want       string // delays after failures 1 to 5
	}{
		{0, 0, "[0s 0s 0s 0s 0s]"},
		{time.Second, 10 * time.Second, "[1s 2s 4s 8s 10s]"},
		{5 * time.Second, 3 * time.Second, "[3s 3s 3s 3s 3s]"},
		{time.Second, 0, "[1s 1s 1s 1s 1s]"},
		{time.Hour, 1<<63 - 1, "[1h0m0s 2h0m0s 4h0m0s 8h0m0s 16h0m0s]"},
	} {
		var got []time.Duration
		now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
		q := entity.New(entity.Config{LockDuration: time.Minute, DefaultTimeToLive: entity.Forever, MaxDeliveryCount: 100, MaxBytes: 100, MaxMessageBytes: 100}, entity.State{})
		n := byte(0)
		env := func() entity.Env {
			return entity.Env{Now: now, Token: func() entity.LockToken { n++; return entity.LockToken{n} }}
		}
		consumer := &entity.Consumer{}
		var d entity.Decision
		apply := func(op entity.Op) {
			t.Helper()
			if _, err := q.Check(env(), op); err != nil {
				t.Fatalf("%T: %v", op, err)
			}
			d.Reset()
			q.Apply(env(), &d, op)
		}
		content := &entity.Content{}
		apply(entity.Send{Messages: []*entity.Message{{}}, Keep: true})
		for range 5 {
			apply(entity.AddCredit{Consumer: consumer, N: 1})
			for q.HasWork(now) {
				w := q.Work(now)
				if w.Kind != entity.LoadWork {
					t.Fatalf("work %+v, want a load", w)
				}
				apply(entity.Load{From: w.From, Rows: []entity.Scanned{{Message: &entity.Message{SequenceNumber: 1, Content: *content}}}})
			}
			apply(&entity.Settle{Tokens: []entity.LockToken{{n}}, Outcome: entity.Outcome{Kind: entity.Abandon, Backoff: entity.Backoff{First: c.first, Max: c.max}}})
			delay := time.Duration(0)
			if next := q.Deadline(); !next.IsZero() {
				delay = next.Sub(now)
				now = next
				apply(entity.Tick{})
			}
			got = append(got, delay)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("backoff %v to %v: got %v, want %s", c.first, c.max, got, c.want)
		}
	}
}
