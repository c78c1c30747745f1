package servicebus_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"switchyard/amqp/frames"
	"switchyard/broker"
)

// A crediting client keeps account of the credit of one receiving link, frame by frame.
type crediting struct {
	*wire
	t      *testing.T
	frames chan frames.Body

	count     uint32 // the link's delivery-count: transfers, and what a drain has skipped
	limit     uint32 // it may not become more than this
	echoed    *frames.Flow
	drained   *frames.Flow
	unsettled map[uint32]bool
	awaited   map[uint32]frames.State // settlements that are not answered yet
	bodies    map[uint32]string
	accepted  map[string]int
}

func newCrediting(t *testing.T, s *server) *crediting {
	c := &crediting{wire: s.wire(5000), t: t, frames: make(chan frames.Body, 10000), unsettled: map[uint32]bool{},
		awaited: map[uint32]frames.State{}, bodies: map[uint32]string{}, accepted: map[string]int{}}
	c.attach(frames.RoleReceiver, "q")
	c.nc.SetReadDeadline(time.Time{})
	go func() {
		defer close(c.frames)
		for {
			body, payload, err := c.wire.frame()
			if err != nil {
				return
			}
			if x, ok := body.(*frames.Transfer); ok {
				m, err := frames.ParseMessage(payload)
				if err != nil {
					panic(err)
				}
				x.DeliveryTag = m.Data()[0] // what the test goes by
			}
			c.frames <- body
		}
	}()
	return c
}

// read takes what has come, and waits for a moment for more; until, if it is not nil, ends the
// wait, which must be short.
func (c *crediting) read(until func() bool) {
	c.t.Helper()
	limit := time.Now().Add(20 * time.Second)
	for {
		wait := 2 * time.Millisecond
		if until != nil {
			if until() {
				return
			}
			wait = time.Until(limit)
		}
		select {
		case body, ok := <-c.frames:
			if !ok {
				c.t.Fatal("the connection was closed")
			}
			c.frame(body)
		case <-time.After(wait):
			if until != nil {
				c.t.Fatalf("nothing comes any more: count %d, limit %d, %d unsettled, %d answers awaited, %d accepted",
					c.count, c.limit, len(c.unsettled), len(c.awaited), len(c.accepted))
			}
			return
		}
	}
}

func (c *crediting) frame(body frames.Body) {
	c.t.Helper()
	switch f := body.(type) {
	case *frames.Transfer:
		if c.count++; int32(c.limit-c.count) < 0 {
			c.t.Fatalf("delivery %d is number %d of the link, whose credit went up to %d", f.DeliveryID.Value, c.count, c.limit)
		}
		c.unsettled[f.DeliveryID.Value] = true
		c.bodies[f.DeliveryID.Value] = string(f.DeliveryTag)
	case *frames.Flow:
		if !f.Handle.Set {
			return
		}
		if f.DeliveryCount.Value < c.count || f.DeliveryCount.Value+f.LinkCredit.Value > c.limit {
			c.t.Fatalf("a flow with count %d and credit %d, after %d of at most %d", f.DeliveryCount.Value, f.LinkCredit.Value, c.count, c.limit)
		}
		c.echoed = f
		if f.Drain {
			c.drained = f
		}
	case *frames.Disposition:
		for id := f.First; id <= f.Last; id++ {
			want, ok := c.awaited[id]
			if !ok || fmt.Sprintf("%T", f.State) != fmt.Sprintf("%T", want) || !f.Settled {
				c.t.Fatalf("delivery %d: answered with %T %+v, settled %t, want %T", id, f.State, f.State, f.Settled, want)
			}
			delete(c.awaited, id)
			if _, accepted := want.(frames.Accepted); accepted {
				c.accepted[c.bodies[id]]++
			}
		}
	default:
		c.t.Fatalf("read %T %+v", body, body)
	}
}

// give sets the link's credit.
func (c *crediting) give(credit uint32, drain, echo bool) {
	c.t.Helper()
	c.limit = max(c.limit, c.count+credit) // more may be on its way if it is less than before
	c.echoed, c.drained = nil, nil
	c.wire.send(frames.TypeAMQP, &frames.Flow{
		NextIncomingID: frames.Some(uint32(1 + len(c.bodies))), IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 100,
		Handle: frames.Some(uint32(1)), DeliveryCount: frames.Some(c.count), LinkCredit: frames.Some(credit), Drain: drain, Echo: echo,
	}, nil)
}

func (c *crediting) settle(id uint32, state frames.State) {
	c.t.Helper()
	delete(c.unsettled, id)
	c.awaited[id] = state
	c.wire.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: id, Last: id, State: state}, nil)
}

// TestCreditIsAccounted: whatever a client does with its credit, it gets no more than that; a
// drain uses it up, an echo tells it, and in the end every message was accepted once.
func TestCreditIsAccounted(t *testing.T) {
	seeds := 25
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			s := newServer(t)
			s.queue("q", broker.QueueOptions{MaxDeliveryCount: 1 << 30})
			out := s.wire(5000)
			out.attach(frames.RoleSender, "q")
			clients := []*crediting{newCrediting(t, s), newCrediting(t, s)}
			sent := uint32(0)
			for range 60 {
				c := clients[r.IntN(len(clients))]
				switch r.IntN(7) {
				case 0, 1:
					for range r.IntN(8) {
						out.transfer(sent, frames.AppendData(nil, fmt.Append(nil, sent)))
						sent++
						wantFrame[*frames.Disposition](out)
					}
				case 2:
					c.give(uint32(r.IntN(20)), false, false)
				case 3:
					c.give(uint32(r.IntN(20)), false, true)
					c.read(func() bool { return c.echoed != nil })
					c.limit = c.echoed.DeliveryCount.Value + c.echoed.LinkCredit.Value
				case 4:
					c.give(uint32(r.IntN(20)), true, r.IntN(2) == 0)
					limit := c.limit
					c.read(func() bool { return c.drained != nil })
					if d := c.drained; d.LinkCredit.Value != 0 || d.DeliveryCount.Value > limit {
						t.Fatalf("drained to count %d, credit %d, want at most %d and 0", d.DeliveryCount.Value, d.LinkCredit.Value, limit)
					}
					c.count, c.limit = c.drained.DeliveryCount.Value, c.drained.DeliveryCount.Value
				case 5:
					c.read(nil)
					for _, id := range slices.Sorted(maps.Keys(c.unsettled)) {
						if r.IntN(2) == 0 {
							c.settle(id, []frames.State{frames.Accepted{}, frames.Released{}, frames.Modified{DeliveryFailed: true}}[r.IntN(3)])
						}
					}
				case 6:
					c.read(nil)
				}
			}
			accepted := map[string]int{}
			done := func() bool {
				clear(accepted)
				for _, c := range clients {
					for body, n := range c.accepted {
						accepted[body] += n
					}
				}
				return len(accepted) == int(sent)
			}
			for limit := time.Now().Add(20 * time.Second); !done(); {
				if time.Now().After(limit) {
					t.Fatalf("%d of %d messages were accepted", len(accepted), sent)
				}
				for _, c := range clients {
					c.read(nil)
					for _, id := range slices.Sorted(maps.Keys(c.unsettled)) {
						c.settle(id, frames.Accepted{})
					}
					c.give(50, false, false)
				}
			}
			for body, n := range accepted {
				if n != 1 {
					t.Errorf("message %s was accepted %d times", body, n)
				}
			}
			s.counts("q", 0, 0)
		})
	}
}
