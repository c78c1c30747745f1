package broker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestResubmitWithoutSession: a copy that was dead-lettered because it is of no session
// does not get into the session without a name. Those behind it are resubmitted.
func TestResubmitWithoutSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, brokertest.NewStore())
		ctx := context.Background()
		if _, err := b.PutTopic(ctx, "ns", "t", broker.TopicOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutSubscription(ctx, "ns", "t", "s", broker.QueueOptions{RequiresSession: true, MaxDeliveryCount: 1}); err != nil {
			t.Fatal(err)
		}
		to, err := b.Sender("ns", "t")
		if err != nil {
			t.Fatal(err)
		}
		msgs := messages(2, 8)
		msgs[1].HasSession, msgs[1].SessionID = true, "a"
		u, err := to.Send(msgs, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(u)
		id := "a"
		q := queue(t, b, "t/Subscriptions/s")
		c, u, err := q.AcceptSession(broker.SessionOptions{ID: &id, Accepted: func(broker.Session) {},
			ConsumerOptions: broker.ConsumerOptions{Deliver: func(ds []broker.Delivery) {
				go func() {
					b.Sync(q.Settle([]broker.LockToken{ds[0].LockToken}, broker.Outcome{Kind: broker.Abandon}, nil))
				}()
			}}})
		if err != nil {
			t.Fatal(err)
		}
		b.Sync(u)
		b.Sync(c.AddCredit(1))
		synctest.Wait()
		dead := queue(t, b, "t/Subscriptions/s/$DeadLetterQueue")
		for what, o := range map[string]broker.TakeOptions{
			"by number": {Back: true, Numbers: []int64{1}}, "all": {Back: true, Max: 1}, "again": {Back: true, Max: 10}} {
			_, u, err := dead.Take(o)
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			b.Sync(u)
		}
		if left, err := dead.Peek(1, 10); len(left) != 1 || left[0].SequenceNumber != 1 || err != nil {
			t.Errorf("dead letters are %v, error %v; want the one without a session", left, err)
		}
		if ids, err := q.Sessions(time.Time{}, 0, 10); len(ids) != 1 || ids[0] != "a" || err != nil {
			t.Errorf("sessions %q, error %v, want a", ids, err)
		}
		b.Close()
	})
}
