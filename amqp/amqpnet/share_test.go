package amqpnet_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
	"switchyard/clock"
	"switchyard/held"
)

// TestSharedBudget: of the connections that hold unfinished messages the one that
// holds most is closed, with words, and the others go on.
func TestSharedBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var all []*rawClient
		defer func() {
			for _, c := range all {
				c.Close()
			}
			cancel()
			time.Sleep(10 * time.Second)
		}()
		budget := held.New(200_000)
		h := &echo{}
		connect := func(n int) *rawClient {
			c := openWith(t, ctx, h, 0, amqpnet.Options{Unproven: budget, Clock: clock.Wall{}, CloseTimeout: 3 * time.Second})
			all = append(all, c)
			go c.frame(&frames.Attach{Name: "s", Role: frames.RoleSender, InitialDeliveryCount: frames.Some(uint32(0)),
				Source: &frames.Source{}, Target: &frames.Target{Address: frames.Some("q")}})
			c.expect("*frames.Attach")
			c.expect("*frames.Flow")
			for range n {
				c.frame(&frames.Transfer{DeliveryID: frames.Some(uint32(0)), DeliveryTag: []byte("t"), More: true}, make([]byte, 50_000)...)
			}
			synctest.Wait()
			return c
		}
		large := connect(3)
		small := connect(1)
		last := connect(1) // together more than the budget
		for {
			body, err := large.read()
			if err != nil {
				t.Fatalf("the largest was not told: %v", err)
			}
			if e, ok := body.(*frames.Close); ok {
				if e.Error == nil || e.Error.Condition != frames.ErrResourceLimitExceeded || !strings.Contains(e.Error.Description, `link "s"`) {
					t.Errorf("closed with %+v", e.Error)
				}
				break
			}
		}
		for _, c := range []*rawClient{small, last} {
			go c.frame(&frames.Transfer{}, []byte("end")...)
			c.expect("*frames.Disposition")
		}
	})
}
