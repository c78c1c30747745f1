package servicebus

import "switchyard/commit"

// durable is what a connection has handed to the log and what waits for that. The loop
// goes on while a sync is under way: meanwhile it reads and decides what will be synced
// next, so a client with many messages under way waits for few syncs, and the disk never
// for the client.
type durable struct {
	next   pending // since the last sync began
	flying *flight // the sync that is under way; nil: none
}

// A pending is what becomes durable, or has to wait for that, together.
type pending struct {
	unit    *commit.Unit // the last one submitted
	after   []func()     // to run on the loop once it is durable
	storing int64        // bytes of messages that took no room
	rooms   []func()     // gives back the room of the others
}

// A flight is a sync that is under way.
type flight struct{ pending }

// giveBack gives back the room that was taken for what becomes durable.
func (p *pending) giveBack() {
	for _, release := range p.rooms {
		release()
	}
	p.rooms = nil
}

// submitted notes a unit that the broker has submitted, so that the next flush
// waits for it. The log is first in, first out: the last one stands for all.
func (c *conn) submitted(u *commit.Unit) {
	if u != nil {
		c.durable.next.unit = u
	}
}

// whenDurable runs f on the loop, after everything that was submitted before it is
// durable.
func (c *conn) whenDurable(f func()) {
	c.handOver()
	c.durable.next.after = append(c.durable.next.after, f)
}

// store waits for room for a message that goes to the store. It reports false if the
// connection has to end instead. Who waits holds nothing: before, it makes durable what
// came earlier.
func (c *conn) store(bytes int) bool {
	next := &c.durable.next
	if next.storing += int64(bytes); next.storing <= freeStoring {
		return true
	}
	n := storingFactor * next.storing
	next.storing = 0
	release, ok := c.nc.TryStore(n)
	if !ok {
		c.settleDown()
		if release, ok = c.nc.Store(n); !ok {
			return false
		}
	}
	next.rooms = append(next.rooms, release)
	return true
}

// flush begins to sync what was submitted, unless a sync is under way: its end flushes
// again.
func (c *conn) flush() {
	if len(c.held) > 0 && c.nc.AMQP().Unsent() <= maxUnsent {
		for r := range c.held {
			delete(c.held, r)
			r.reconcile()
		}
	}
	if len(c.held) > 0 {
		c.nc.FlushAgain()
	}
	c.depart()
}

// depart begins a sync if there is something to wait for and none is under way.
func (c *conn) depart() {
	c.handOver()
	d := &c.durable
	for d.flying == nil && (d.next.unit != nil || len(d.next.after) > 0) {
		f := &flight{d.next}
		d.next = pending{}
		d.flying = f
		if f.unit == nil {
			c.land(f, nil)
			continue
		}
		c.h.broker.WaitFunc(f.unit, func(err error) { c.post(func() { c.land(f, err) }) })
	}
}

// land does what waited for a sync. The callbacks of its units have been posted before.
func (c *conn) land(f *flight, err error) {
	if c.durable.flying != f {
		return // settleDown has done it
	}
	c.durable.flying = nil
	f.giveBack()
	if err != nil {
		c.stalled(err)
		return
	}
	for _, after := range f.after {
		after()
	}
}

// settleDown waits until everything that was submitted is durable. If the log is closed
// it ends the goroutine, as [commit.Log] Wait does.
func (c *conn) settleDown() {
	for c.depart(); c.durable.flying != nil; c.depart() {
		f := c.durable.flying
		c.land(f, c.awaited(f))
	}
}

// awaited is what a sync that is under way ends with. If the log is closed, only the room
// comes back: nobody knows what is durable.
func (c *conn) awaited(f *flight) error {
	ended := false
	defer func() {
		if !ended {
			f.giveBack()
		}
	}()
	err := c.h.broker.Wait(f.unit)
	ended = true
	return err
}

// stalled detaches every link: what its client waits for can't be told, since nothing
// gets to the disk. A condition that the libraries take as final says so, and what was
// sent or settled happens when there is room, or after a crash does not.
func (c *conn) stalled(err error) {
	for _, p := range c.links {
		p.base().fail(faultOf(err))
	}
}
