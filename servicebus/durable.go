package servicebus

import (
	"runtime"

	"switchyard/commit"
)

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
type flight struct {
	pending
	done   chan struct{} // closed when it has ended
	err    error         // what Wait failed with
	landed bool          // Wait has returned: the log is not closed
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
	c.depart()
}

// depart begins a sync if there is something to wait for and none is under way.
func (c *conn) depart() {
	d := &c.durable
	for d.flying == nil && (d.next.unit != nil || len(d.next.after) > 0) {
		f := &flight{pending: d.next, done: make(chan struct{})}
		d.next = pending{}
		d.flying = f
		if f.unit == nil {
			f.landed = true
			close(f.done)
			c.land(f)
			continue
		}
		go func() {
			defer close(f.done) // also if the log ends this goroutine
			f.err = c.h.broker.Wait(f.unit)
			f.landed = true
			c.post(func() { c.land(f) })
		}()
	}
}

// land does what waited for a sync. The callbacks of its units have been posted before.
func (c *conn) land(f *flight) {
	if c.durable.flying != f {
		return // settleDown has done it
	}
	c.durable.flying = nil
	for _, release := range f.rooms {
		release()
	}
	if !f.landed {
		return // the log is closed: nobody knows whether it is durable
	}
	if f.err != nil {
		c.stalled(f.err)
		return
	}
	for _, after := range f.after {
		after()
	}
}

// settleDown waits until everything that was submitted is durable.
func (c *conn) settleDown() {
	for c.depart(); c.durable.flying != nil; c.depart() {
		f := c.durable.flying
		<-f.done
		c.land(f)
		if !f.landed {
			runtime.Goexit() // as who waits for a closed log does
		}
	}
}

// stalled detaches every link: what its client waits for can't be told, since nothing
// gets to the disk. A condition that the libraries take as final says so, and what was
// sent or settled happens when there is room, or after a crash does not.
func (c *conn) stalled(err error) {
	for _, p := range c.links {
		p.base().fail(faultOf(err))
	}
}
