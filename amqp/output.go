package amqp

import (
	"fmt"
	"time"

	"switchyard/amqp/frames"
)

// Output returns the bytes to write. They are valid until the next call of a
// method of the connection or of anything that belongs to it.
func (c *Conn) Output() []byte {
	c.flush()
	return c.out[c.outAt:]
}

// Take hands all output over to the caller, for a writer that works beside the
// owner; spare, which may be nil, is a buffer that takes its place. It returns
// nil, and keeps nothing, if there is no output. The bytes count as unwritten
// until [Conn.Written] reports them.
func (c *Conn) Take(spare []byte) []byte {
	c.flush()
	if len(c.out) == c.outAt {
		return nil
	}
	out := c.out[c.outAt:]
	c.flying += len(out)
	c.out, c.outAt = spare[:0], 0
	return out
}

// Written reports that the socket has taken n bytes of the output.
func (c *Conn) Written(n int, now time.Time) {
	if n <= 0 {
		return
	}
	c.lastWrite = now
	if c.flying > 0 {
		c.flying = max(c.flying-n, 0)
		return
	}
	if c.outAt = min(c.outAt+n, len(c.out)); c.outAt == len(c.out) {
		c.out, c.outAt = c.out[:0], 0
	}
}

// Backlog returns how many bytes of output are encoded and not yet written.
func (c *Conn) Backlog() int { return len(c.out) - c.outAt + c.flying }

// flush encodes what was held back to be merged.
func (c *Conn) flush() {
	if blocked := c.blocked; len(blocked) > 0 && c.Backlog() < outputGoal {
		c.blocked = nil
		for _, s := range blocked {
			s.blocked = false
		}
		for _, s := range blocked {
			s.pump()
		}
	}
	c.flushAck()
	for _, l := range c.flows {
		if l.flowDue && l.state == attached {
			l.session.sendFlow(l, false)
		}
		l.flowDue = false
	}
	clear(c.flows)
	c.flows = c.flows[:0]
	for _, s := range c.windows {
		if s.flowDue && !s.ended {
			s.sendFlow(nil, false)
		}
	}
	clear(c.windows)
	c.windows = c.windows[:0]
}

// write adds a frame to the output.
func (c *Conn) write(t frames.Type, channel uint16, body frames.Body) {
	if !c.tryWrite(t, channel, body) {
		c.fail(&frames.Error{Condition: frames.ErrFrameSizeTooSmall,
			Description: fmt.Sprintf("a frame does not fit the max-frame-size %d", c.peerMaxFrame)})
	}
}

// tryWrite adds a frame to the output unless it is too large for the peer. A
// body that can't be encoded closes the connection: it is a mistake of the owner,
// and the peer waits for this frame.
func (c *Conn) tryWrite(t frames.Type, channel uint16, body frames.Body) (fits bool) {
	c.flushAck()
	before := len(c.out)
	b, mark := frames.BeginFrame(c.out, t, channel)
	b, err := body.Append(b)
	if err != nil {
		c.out = b[:before]
		c.fail(&frames.Error{Condition: frames.ErrInternalError, Description: err.Error()})
		return true
	}
	if uint64(len(b)-mark) > uint64(c.peerMaxFrame) {
		c.out = b[:before]
		return false
	}
	c.out = frames.EndFrame(b, mark)
	return true
}

// sendClose writes a close; an error that is too long for the peer's frames
// loses its description.
func (c *Conn) sendClose(err *frames.Error) {
	in := &frames.Close{Error: err}
	if _, bad := in.Append(nil); bad != nil {
		in.Error = &frames.Error{Condition: err.Condition, Description: err.Description}
	}
	if c.tryWrite(frames.TypeAMQP, 0, in) {
		return
	}
	if !c.tryWrite(frames.TypeAMQP, 0, &frames.Close{Error: &frames.Error{Condition: err.Condition}}) {
		c.tryWrite(frames.TypeAMQP, 0, &frames.Close{Error: &frames.Error{Condition: frames.ErrInternalError}})
	}
}

// An ack is a settled disposition with outcome accepted that is not encoded yet,
// because the next one may extend its range.
type ack struct {
	session     *Session // nil: none
	role        Role
	first, last uint32
}

// acknowledge sends or extends a settled disposition with outcome accepted.
func (c *Conn) acknowledge(s *Session, role Role, id uint32) {
	if c.ack.session == s && c.ack.role == role && c.ack.last+1 == id {
		c.ack.last = id
		return
	}
	c.flushAck()
	c.ack = ack{session: s, role: role, first: id, last: id}
}

func (c *Conn) flushAck() {
	a := c.ack
	if a.session == nil {
		return
	}
	c.ack.session = nil
	if !a.session.ended {
		c.dispositionSent = frames.Disposition{Role: a.role, First: a.first, Last: a.last, Settled: true,
			State: frames.Accepted{}}
		c.write(frames.TypeAMQP, a.session.channel, &c.dispositionSent)
	}
}
