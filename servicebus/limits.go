package servicebus

import (
	"cmp"

	"switchyard/held"
)

// Limits bound what clients have at the same time. Zero values mean the defaults.
type Limits struct {
	// Connections is how many a namespace may have, of clients that have shown a token or
	// a key. Default 5,000, the service's quota. Beyond: amqp:resource-limit-exceeded,
	// ConnectionsQuotaExceeded.
	Connections int
	// Links is how many a connection may have. Default 5,000. Beyond:
	// amqp:resource-limit-exceeded in the answer to the attach.
	Links int
	// Unsettled is how many deliveries a connection may have received on all its links and
	// not settled. Default 100,000. Beyond, the receiver is detached with
	// amqp:resource-limit-exceeded.
	Unsettled int
	// Memory is how many bytes all connections together may make the process keep.
	// Default: 1/8 of the memory limit or, if that is less, one largest message of
	// Premium, unless that is more than a third. Beyond, the connection that keeps most is
	// closed with amqp:resource-limit-exceeded.
	Memory int64
}

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, 5000)
	l.Links = cmp.Or(l.Links, 5000)
	l.Unsettled = cmp.Or(l.Unsettled, 100_000)
	if l.Memory == 0 {
		l.Memory = max(held.OfMemory(provenPart).Limit(), min(largestMessage, held.OfMemory(3).Limit()))
	}
	return l
}

// Usage is how much there is now of what [Limits] bound, of all connections, and how often
// a limit was met since the start.
type Usage struct {
	Connections, Links, Unsettled, Memory int64
	Refused                               Refusals
}

// Refusals count what was refused, or closed, because of a limit.
type Refusals struct {
	Connections, Links, Unsettled, Memory uint64
}

// Usage returns what there is. Deliveries and links of the turn that a connection is in
// may be missing.
func (s *Shared) Usage() Usage {
	proven, shedProven := s.proven.Usage()
	unproven, shedUnproven := s.unproven.Usage()
	u := Usage{Links: s.links.Load(), Unsettled: s.unsettled.Load(), Memory: proven + unproven,
		Refused: Refusals{Links: s.refusedLinks.Load(), Unsettled: s.refusedUnsettled.Load(), Memory: shedProven + shedUnproven}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.conns {
		u.Connections += int64(n)
	}
	u.Refused.Connections = s.refusedConns
	return u
}

// A tally is what one connection has told of itself to [Shared]. Its loop owns it.
type tally struct{ unsettled, crowded int }

// tell counts what has changed on the connection since it told last.
func (c *conn) tell() {
	a, s := c.nc.AMQP(), c.h.shared
	if n := a.Unsettled(); n != c.tally.unsettled {
		s.unsettled.Add(int64(n - c.tally.unsettled))
		c.tally.unsettled = n
	}
	if n := a.Crowded(); n != c.tally.crowded {
		s.refusedLinks.Add(uint64(n - c.tally.crowded))
		c.tally.crowded = n
	}
}
