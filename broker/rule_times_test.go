package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
)

// TestActionSchedulesByTheWallClock: the time at which an action has a copy enqueued where it
// is forwarded to is of the wall clock, however far that is from the time of the process.
func TestActionSchedulesByTheWallClock(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 0, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			p, now := clock.NewProcess(clock.Wall{}), time.Now()
			p.Resume(clock.Mark{Time: now.Add(-ahead), Wall: now, Sets: []clock.Set{{From: now.Add(-ahead - time.Minute), Ahead: ahead}}})
			store, ctx := brokertest.NewStore(), context.Background()
			b, err := broker.New(broker.Options{Store: store, Log: store, Clock: p, Rand: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			b.Start(ctx)
			defer b.Close()
			if err := b.PutNamespace(ctx, "ns", broker.NamespaceOptions{}); err != nil {
				t.Fatal(err)
			}
			putQueue(t, b, "q", broker.QueueOptions{})
			if _, err := b.PutTopic(ctx, "ns", "t", broker.TopicOptions{}); err != nil {
				t.Fatal(err)
			}
			at := now.Add(10 * time.Minute).UTC().Format(time.RFC3339)
			rule := broker.DefaultRule{Name: "r"}
			rule.Action.Expression = fmt.Sprintf("SET sys.ScheduledEnqueueTimeUtc = '%s'", at)
			if _, err := b.PutSubscription(ctx, "ns", "t", "s", broker.QueueOptions{ForwardTo: "q"}, rule); err != nil {
				t.Fatal(err)
			}
			to, err := b.Sender("ns", "t")
			if err != nil {
				t.Fatal(err)
			}
			u, err := to.Send([]*broker.Message{brokertest.Compose("m", nil, "")}, nil)
			if err != nil {
				t.Fatal(err)
			}
			b.Sync(u)
			time.Sleep(9 * time.Minute)
			if c := counts(t, b, "q"); c.Scheduled != 1 || c.Active != 0 {
				t.Errorf("with a wall clock that is ahead by %v, a minute before: %+v", ahead, c)
			}
			time.Sleep(2 * time.Minute)
			if c := counts(t, b, "q"); c.Scheduled != 0 || c.Active != 1 {
				t.Errorf("with a wall clock that is ahead by %v, a minute after: %+v", ahead, c)
			}
			b.Close()
		})
	}
}
