package amqpnet_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
	"switchyard/clock"
	"switchyard/held"
	"switchyard/memory"
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

// A storer is an echo that stores what it gets, in a room.
type storer struct {
	echo
	dropped int
}

func (h *storer) Handle(c *amqpnet.Conn, ev amqp.Event) {
	if d, ok := ev.(amqp.Delivered); ok {
		release, ok := c.Store(int64(len(d.Delivery.Payload)))
		if !ok {
			h.dropped++
			return
		}
		defer release()
	}
	h.echo.Handle(c, ev)
}

// TestStoring: what is whole waits for room. While it does, it counts as begun, so its
// connection may be closed for it; and who has begun something large is not read from.
func TestStoring(t *testing.T) {
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
		room, budget, h := memory.NewRoom(100_000), held.New(4_000_000), &storer{}
		begin := func(count int) *rawClient {
			c := openWith(t, ctx, h, 0, amqpnet.Options{AMQP: amqp.Options{MaxMessageSize: 8 << 20},
				Unproven: budget, Storing: room, Clock: clock.Wall{}, CloseTimeout: 3 * time.Second})
			all = append(all, c)
			go c.frame(&frames.Attach{Name: "s", Role: frames.RoleSender, InitialDeliveryCount: frames.Some(uint32(0)),
				Source: &frames.Source{}, Target: &frames.Target{Address: frames.Some("q")}})
			c.expect("*frames.Attach")
			c.expect("*frames.Flow")
			for range count {
				c.frame(&frames.Transfer{DeliveryID: frames.Some(uint32(0)), DeliveryTag: []byte("t"), More: true}, make([]byte, 60_000)...)
			}
			synctest.Wait()
			return c
		}
		release, _ := room.TryTake(100_000)
		whole, large := begin(1), begin(20)
		whole.frame(&frames.Transfer{}, []byte("end")...)
		synctest.Wait() // it waits for room
		sent := 0
		go func() {
			for range 30 {
				large.frame(&frames.Transfer{More: true}, make([]byte, 60_000)...)
				sent++
			}
			large.frame(&frames.Transfer{}, []byte("end")...)
		}()
		synctest.Wait()
		if sent > 6 { // four in the turn that was under way, and one in each of two buffers
			t.Errorf("%d frames of a large message were read while others wait for the disk", sent)
		}
		release()
		whole.expect("*frames.Disposition")
		large.expect("*frames.Disposition")

		release, _ = room.TryTake(100_000)
		victim := begin(35) // 2.1 MB
		victim.frame(&frames.Transfer{}, []byte("end")...)
		begin(16)
		begin(16) // together more than the budget
		for {
			body, err := victim.read()
			if err != nil {
				t.Fatalf("the one that holds most was not told: %v", err)
			}
			if e, ok := body.(*frames.Close); ok {
				if e.Error == nil || e.Error.Condition != frames.ErrResourceLimitExceeded || h.dropped != 1 {
					t.Errorf("closed with %+v, %d messages were dropped", e.Error, h.dropped)
				}
				break
			}
		}
		release()
	})
}
