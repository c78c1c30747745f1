package amqpnet

import "switchyard/held"

// A share is what one connection keeps of the budget of all. The loop owns it.
type share struct {
	budget *held.Budget // nil: none
	holder *held.Holder
	told   int
}

// coarse is how much a connection may keep more, or less, than the budget knows of:
// most turns of most connections change less.
const coarse = 16 << 10

// keep tells the budget what the connection keeps after a turn.
func (c *Conn) keep() {
	budget := c.o.Unproven
	if c.proven {
		budget = c.o.Held
	}
	s := &c.share
	if budget != s.budget {
		s.close()
		*s = share{budget: budget}
	}
	if budget == nil {
		return
	}
	n := c.amqp.Held()
	if n-s.told < coarse && s.told-n < coarse && (n > 0) == (s.told > 0) {
		return
	}
	if s.holder == nil {
		limit := budget.Limit()
		s.holder = budget.Open(func() {
			c.Post(func() { c.amqp.Shed(limit) })
			c.shed()
		})
	}
	s.told = n
	s.holder.Set(int64(n))
}

// largeBegun is from when on a message that has begun lets those go first that are whole.
const largeBegun = 1 << 20

// Store waits for bytes of Options.Storing. The handler calls it before it sends what
// has come to the store, and releases them when that is durable; it holds none while it
// waits. Until then the message counts as one that the client has begun, so that the
// connection may be closed for it: ok is false, and the message is dropped.
func (c *Conn) Store(bytes int64) (release func(), ok bool) {
	if c.o.Storing == nil {
		return func() {}, true
	}
	release, err := c.o.Storing.Take(c.waits, bytes)
	c.keep()
	return release, err == nil
}

// TryStore is Store for who holds some: ok is false if it would wait.
func (c *Conn) TryStore(bytes int64) (release func(), ok bool) {
	if c.o.Storing == nil {
		return func() {}, true
	}
	return c.o.Storing.TryTake(bytes)
}

// letOthersStore waits as long as those wait who came before for room to store what is
// whole, if the connection has begun something large.
func (c *Conn) letOthersStore() {
	if c.o.Storing == nil || c.amqp.Begun() < largeBegun {
		return
	}
	if release, err := c.o.Storing.Take(c.waits, 0); err == nil {
		release()
	}
}

func (s *share) close() {
	if s.holder != nil {
		s.holder.Close()
	}
}
