package broker_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestSettleManyDeadLetters: a settlement that moves more messages than one unit does is
// answered once, when all are moved, each token with what became of it.
func TestSettleManyDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore(), "q")
		q := queue(t, b, "q")
		const n = 200
		send(t, b, q, messages(n, 8)...)
		var tokens []broker.LockToken
		c, err := q.NewConsumer(broker.ConsumerOptions{Deliver: func(ms []broker.Delivery) {
			for _, m := range ms {
				tokens = append(tokens, m.LockToken)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(c.AddCredit(n))
		synctest.Wait()
		tokens[150] = broker.LockToken{}
		answers := 0
		b.Sync(q.Settle(tokens, broker.Outcome{Kind: broker.DeadLetter, Reason: "r"}, func(errs []error) {
			answers++
			for i, err := range errs {
				if (i == 150) != errors.Is(err, broker.ErrMessageLockLost) || i != 150 && err != nil {
					t.Errorf("token %d: %v", i, err)
				}
			}
			if len(errs) != n {
				t.Errorf("%d answers for %d tokens", len(errs), n)
			}
		}))
		info, err := q.Info()
		if err != nil || answers != 1 || info.Counts.DeadLetter != n-1 {
			t.Errorf("%d answers, counts %+v, %v; want 1 and %d dead letters", answers, info.Counts, err, n-1)
		}
		b.Close()
	})
}
