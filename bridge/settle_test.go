package bridge

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// TestSettleOne: what an activity makes of one message, which it names by number
// or by token.
func TestSettleOne(t *testing.T) {
	for _, byToken := range []bool{false, true} {
		for _, c := range []struct {
			outcome     activity.Outcome
			queue, dead []string
			count       int // deliveries of the message, where it is now
			again       bool
		}{
			{activity.Complete, nil, nil, 0, false},
			{activity.Abandon, []string{"a"}, nil, 1, true},
			{activity.Defer, []string{"a"}, nil, 1, false},
			{activity.DeadLetter, nil, []string{"a"}, 0, false},
		} {
			t.Run(fmt.Sprintf("%s by token %v", c.outcome, byToken), func(t *testing.T) {
				w := newWorld(t)
				w.send("in", "a")
				bound, b := w.lock("in", "run")
				op := activity.Settle{Binding: bound, Outcome: c.outcome, SequenceNumber: 1,
					PropertiesToModify: value.NewObject(value.Member{Name: "seen", Value: true})}
				if c.outcome == activity.DeadLetter {
					op.Reason, op.Description = "Bad", "because"
				}
				if byToken {
					op.SequenceNumber, op.LockToken = 0, b.Messages()[0].LockToken
				}
				e, err := w.Effect("run", op)
				w.must(err)
				w.must(w.do(e))
				w.wantStored("in", c.queue...)
				w.wantStored(deadLetters, c.dead...)
				for _, path := range []string{"in", deadLetters} {
					parts, counts := w.stored(path)
					for i, p := range parts {
						if counts[i] != c.count || len(p.Properties) == 0 {
							t.Errorf("in %s: delivery count %d, properties %v, want %d and that it was seen", path, counts[i], p.Properties, c.count)
						}
					}
				}
				if got := w.take("in") != nil; got != c.again {
					t.Errorf("the message can be taken: %v, want %v", got, c.again)
				}
			})
		}
	}
}

// TestSettleRefused: only the run that holds a message settles it.
func TestSettleRefused(t *testing.T) {
	w := newWorld(t)
	w.send("in", "a")
	bound, _ := w.lock("in", "run")
	for _, c := range []struct {
		name string
		op   activity.Settle
		want string
	}{
		{"foreign token", activity.Settle{Binding: bound, LockToken: "no-such", Outcome: activity.Complete}, "lock token no-such is of no message"},
		{"outcome", activity.Settle{Binding: bound, SequenceNumber: 1, Outcome: "Burn"}, `outcome "Burn"`},
		{"no binding", activity.Settle{SequenceNumber: 1, Outcome: activity.Complete}, "not started by messages"},
		{"damaged binding", activity.Settle{Binding: bindingOf([]byte(`7`)), SequenceNumber: 1, Outcome: activity.Complete}, "binding of the run"},
	} {
		_, err := w.Effect("run", c.op)
		wantError(t, c.name, err, c.want)
	}
	e, err := w.Effect("another", activity.Settle{Binding: bound, SequenceNumber: 1, Outcome: activity.Complete})
	w.must(err)
	if err := w.do(e); !errors.Is(err, broker.ErrMessageLockLost) {
		t.Errorf("settled by another run: error %v, want ErrMessageLockLost", err)
	}
	w.wantStored("in", "a")
}

// TestSettleRest: what becomes of the messages that a run holds at its end.
func TestSettleRest(t *testing.T) {
	failed := trigger.Settlement{Kind: trigger.Abandon, Backoff: trigger.Backoff{First: time.Minute, Max: time.Hour},
		Reason: "Failed", Description: "it failed", Properties: []trigger.Property{{Name: "Run", Value: "r"}}}
	for _, c := range []struct {
		name        string
		settlement  trigger.Settlement
		ends        int // runs that end so
		queue, dead []string
		count       int
		wait        time.Duration // until the messages can be taken again
	}{
		{"complete", trigger.Settlement{Kind: trigger.Complete}, 1, nil, nil, 0, 0},
		{"release", trigger.Settlement{Kind: trigger.Release}, 3, []string{"a", "b"}, nil, 0, 0},
		{"abandon", failed, 1, []string{"a", "b"}, nil, 1, time.Minute},
		{"abandon for the last time", failed, 2, nil, []string{"a", "b"}, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.send("in", "a", "b")
				for i := range c.ends {
					if i > 0 {
						time.Sleep(c.settlement.Backoff.First + time.Second)
					}
					run := fmt.Sprint("run ", i)
					_, b := w.lock("in", run)
					e, err := w.Settle(b.Binding(), run, c.settlement)
					w.must(err)
					w.must(w.do(e))
				}
				w.wantStored("in", c.queue...)
				w.wantStored(deadLetters, c.dead...)
				for _, path := range []string{"in", deadLetters} {
					if _, counts := w.stored(path); len(counts) > 0 && counts[0] != c.count {
						t.Errorf("delivery count in %s: %d, want %d", path, counts[0], c.count)
					}
				}
				if c.queue != nil {
					time.Sleep(max(c.wait-time.Second, 0))
					if early := w.take("in") != nil; early != (c.wait == 0) {
						t.Errorf("taken before %v: %v", c.wait, early)
					}
				}
			})
		})
	}
}

// TestSettleOfDeletedQueue: a run whose queue is gone ends all the same.
func TestSettleOfDeletedQueue(t *testing.T) {
	w := newWorld(t)
	w.send("in", "a")
	_, b := w.lock("in", "run")
	w.must(commit.Do(t.Context(), w.store, 0, w.broker.DeleteQueueEffect("ns-one", "in", true)))
	if e, err := w.Settle(b.Binding(), "run", trigger.Settlement{Kind: trigger.Complete}); e != nil || err != nil {
		t.Errorf("effect %v, error %v, want none of both", e, err)
	}
	_, err := w.Settle(nil, "run", trigger.Settlement{Kind: trigger.Complete})
	wantError(t, "no source", err, "nothing to settle")
}

// TestReleaseOthers: messages of runs that are over are there for others again,
// those of active runs are not.
func TestReleaseOthers(t *testing.T) {
	w := newWorld(t)
	for _, run := range []string{"over", "active", "also over"} {
		w.send("out", run)
		w.lock("out", run)
	}
	if w.take("out") != nil {
		t.Fatal("messages that runs hold were taken")
	}
	w.must(w.ReleaseOthers(t.Context(), w.store, map[broker.RunID]bool{"active": true, "unknown": true}))
	b := w.take("out")
	var got []string
	for _, m := range b.Messages() {
		got = append(got, m.MessageID)
	}
	if !slices.Equal(got, []string{"over", "also over"}) {
		t.Errorf("released: %q, want those of the runs that are over", got)
	}
}
