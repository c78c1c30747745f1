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
		s.holder = budget.Open(func() { c.Post(func() { c.amqp.Shed(limit) }) })
	}
	s.told = n
	s.holder.Set(int64(n))
}

func (s *share) close() {
	if s.holder != nil {
		s.holder.Close()
	}
}
