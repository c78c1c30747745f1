package broker_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/commit"
)

// records tells the kinds of a unit's records in the queue: m a message, s its status, c the
// counts, each behind + or -.
func records(u *commit.Unit) string {
	var b strings.Builder
	for _, op := range u.Ops() {
		sign := "+"
		if op.Kind == commit.OpDelete {
			sign = "-"
		}
		b.WriteString(sign + string(op.Key[10]))
	}
	return b.String()
}

// TestLocksThatLastAreRecorded: of a message that is settled at once the store never hears
// that it was locked. A lock that lasts is recorded, as is every lock at a stop and before
// somebody looks.
func TestLocksThatLastAreRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := brokertest.NewStore()
		b := newBroker(t, store, "q")
		q := queue(t, b, "q")
		var mu sync.Mutex // guards got
		var got []string
		store.Committed = func(u *commit.Unit) {
			mu.Lock()
			defer mu.Unlock()
			if len(u.Ops()) > 0 {
				got = append(got, records(u))
			}
		}
		var token broker.LockToken
		c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(b []broker.Delivery) { token = b[0].LockToken }})
		if err != nil {
			t.Fatal(err)
		}
		settle := func(k broker.OutcomeKind) func() {
			return func() { b.Sync(q.Settle([]broker.LockToken{token}, broker.Outcome{Kind: k}, nil)) }
		}
		lock := func() { b.Sync(c.AddCredit(1)) }
		peek := func() {
			if msgs, err := q.Peek(1, 1); err != nil || msgs[0].LockedUntil.IsZero() {
				t.Errorf("peek: %+v, error %v, want a lock", msgs, err)
			}
		}
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"send", func() { send(t, b, q, messages(1, 8)...) }, "+m+c"},
			{"lock", lock, ""},
			{"complete", settle(broker.Complete), "-m+c"},
			{"nothing is left to record", func() { time.Sleep(time.Second) }, ""},
			{"send", func() { send(t, b, q, messages(1, 8)...) }, "+m+c"},
			{"lock", lock, ""},
			{"release", settle(broker.Release), ""},
			{"lock again", lock, ""},
			{"after 99 ms", func() { time.Sleep(99 * time.Millisecond) }, ""},
			{"after 100 ms", func() { time.Sleep(time.Millisecond) }, "+s"},
			{"release", settle(broker.Release), "-s"},
			{"lock", lock, ""},
			{"peek", peek, "+s"},
			{"peek again", peek, ""},
			{"complete", settle(broker.Complete), "-m-s+c"},
			{"send", func() { send(t, b, q, messages(1, 8)...) }, "+m+c"},
			{"lock", lock, ""},
			{"abandon", settle(broker.Abandon), "+s"},
			{"lock what was delivered before", lock, "+s"},
			{"release", settle(broker.Release), "+s"},
			{"lock", lock, "+s"},
			{"complete", settle(broker.Complete), "-m-s+c"},
			{"send", func() { send(t, b, q, messages(1, 8)...) }, "+m+c"},
			{"lock", lock, ""},
			{"stop", func() { b.Close(); store.Flush() }, "+s"},
		} {
			step.do()
			synctest.Wait()
			mu.Lock()
			if s := strings.Join(got, " "); s != step.want {
				t.Errorf("%s: records %q, want %q", step.name, s, step.want)
			}
			got = nil
			mu.Unlock()
		}
	})
}
