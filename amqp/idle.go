package amqp

import (
	"fmt"
	"time"

	"switchyard/amqp/frames"
)

// minHeartbeat bounds how often a peer can make us send empty frames.
const minHeartbeat = 50 * time.Millisecond

// Tick does what is due at now: an empty frame if nothing was written for half
// of the peer's idle-time-out, and the end of a connection that never opened or
// that was silent for twice our own. It returns when it must be called again;
// zero means never.
func (c *Conn) Tick(now time.Time) (next time.Time) {
	if c.phase == over {
		return time.Time{}
	}
	if c.phase < running {
		next = c.started.Add(c.o.OpenTimeout)
		if !now.Before(next) {
			c.finish(&frames.Error{Condition: frames.ErrResourceLimitExceeded,
				Description: fmt.Sprintf("no open within %v", c.o.OpenTimeout)})
			return time.Time{}
		}
		return next
	}
	next = c.lastRead.Add(2 * c.o.IdleTimeout)
	if !now.Before(next) {
		c.Close(&frames.Error{Condition: frames.ErrResourceLimitExceeded,
			Description: fmt.Sprintf("nothing was received for %v", now.Sub(c.lastRead))})
		c.finish(nil)
		return time.Time{}
	}
	if c.heartbeat == 0 || c.phase != running {
		return next
	}
	beat := c.lastWrite.Add(c.heartbeat)
	if !now.Before(beat) {
		c.spare = partial{}
		if c.Backlog() == 0 {
			c.out, c.outAt = nil, 0 // a quiet connection keeps no large buffer
			b, mark := frames.BeginFrame(c.out, frames.TypeAMQP, 0)
			c.out = frames.EndFrame(b, mark)
		}
		// Counted from now until Written says when it left: a peer that takes
		// nothing needs no second one.
		c.lastWrite = now
		beat = now.Add(c.heartbeat)
	}
	if beat.Before(next) {
		next = beat
	}
	return next
}
