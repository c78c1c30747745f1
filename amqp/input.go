package amqp

import (
	"encoding/binary"
	"fmt"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/amqp/sasl"
)

// The protocol headers [SB-AMQP 1.2].
const (
	headerAMQP = "AMQP\x00\x01\x00\x00"
	headerSASL = "AMQP\x03\x01\x00\x00"
)

// smallInput is the largest buffer that a connection keeps for the next incomplete
// frame.
const smallInput = 8 << 10

// Input takes bytes from the socket, in any portions. It keeps no reference to
// p. What it makes of them shows as events and output.
func (c *Conn) Input(p []byte, now time.Time) {
	if c.phase == over {
		return
	}
	if len(p) > 0 {
		c.lastRead = now
	}
	for len(p) > 0 && c.phase != over {
		if len(c.in) > 0 {
			p = c.complete(p)
			continue
		}
		n := c.consume(p)
		if n == 0 {
			c.in = append(c.in, p...)
			return
		}
		p = p[n:]
	}
	if len(c.in) == 0 && cap(c.in) > smallInput {
		c.in = nil
	}
}

// complete adds to the start of a frame that waits what it lacks, handles it if it is whole,
// and returns the rest of p. Whole frames behind it are not copied.
func (c *Conn) complete(p []byte) (rest []byte) {
	size := frames.HeaderSize
	if len(c.in) >= size {
		size = int(binary.BigEndian.Uint32(c.in)) // more than there is, or consume would not wait
	}
	n := min(size-len(c.in), len(p))
	c.in = append(c.in, p[:n]...)
	if c.consume(c.in) > 0 && c.phase != over {
		c.in = c.in[:0]
	}
	return p[n:]
}

// consume handles one header or frame at the start of p and returns its length,
// 0 if it is not complete.
func (c *Conn) consume(p []byte) int {
	if len(p) < frames.HeaderSize {
		return 0
	}
	if c.phase == expectHeader || c.phase == expectAMQPHeader {
		c.protocolHeader(string(p[:8]))
		return 8
	}
	h, err := frames.ParseFrameHeader(p)
	if err != nil {
		c.failFraming("%v", err)
		return len(p)
	}
	if h.Size > c.o.MaxFrameSize {
		c.failFraming("frame of %d bytes exceeds the max-frame-size %d", h.Size, c.o.MaxFrameSize)
		return len(p)
	}
	if uint32(len(p)) < h.Size {
		return 0
	}
	c.frameIn(h, p[h.Body:h.Size])
	return int(h.Size)
}

// protocolHeader answers the client's protocol header.
func (c *Conn) protocolHeader(header string) {
	switch {
	case header == headerAMQP:
		c.out = append(c.out, headerAMQP...)
		c.phase = expectOpen
	case header == headerSASL && c.phase == expectHeader:
		c.out = append(c.out, headerSASL...)
		c.sasl = sasl.NewServer(c.o.Authenticate)
		c.write(frames.TypeSASL, 0, c.sasl.Start())
		c.phase = expectSASL
	default:
		c.out = append(c.out, headerSASL...)
		c.finish(&frames.Error{Condition: frames.ErrFramingError,
			Description: fmt.Sprintf("unknown protocol header %q", header)})
	}
}

func (c *Conn) frameIn(h frames.FrameHeader, body []byte) {
	if c.phase == expectSASL {
		c.saslIn(h, body)
		return
	}
	if h.Type != frames.TypeAMQP {
		c.failFraming("frame of type %d", h.Type)
		return
	}
	if len(body) == 0 {
		return // a heartbeat
	}
	c.frameSize = h.Size
	code, f, payload, err := frames.ReadList(body)
	if err == nil {
		err = c.performative(h.Channel, code, &f, payload)
	}
	if err != nil && c.phase != closing {
		c.fail(&frames.Error{Condition: frames.ErrDecodeError, Description: err.Error()})
	}
}

func (c *Conn) saslIn(h frames.FrameHeader, body []byte) {
	var answer frames.Body
	in, _, err := frames.ParseBody(body)
	switch {
	case h.Type != frames.TypeSASL:
		err = fmt.Errorf("frame of type %d before the SASL outcome", h.Type)
	case err == nil:
		answer, err = c.sasl.Handle(in)
	}
	if err != nil {
		c.finish(&frames.Error{Condition: frames.ErrDecodeError, Description: err.Error()})
		return
	}
	c.write(frames.TypeSASL, 0, answer)
	if done, ok := c.sasl.Outcome(); ok {
		c.phase = expectAMQPHeader
	} else if done {
		c.finish(&frames.Error{Condition: frames.ErrUnauthorizedAccess, Description: "SASL negotiation failed"})
	}
}

// performative handles one frame with a body. An error is one of decoding.
func (c *Conn) performative(channel uint16, code frames.Code, f *encoding.Fields, payload []byte) error {
	if c.phase == closing {
		if code == frames.CodeClose {
			c.finish(nil)
		}
		return nil
	}
	if (c.phase == expectOpen) != (code == frames.CodeOpen) && code != frames.CodeClose {
		c.fail(&frames.Error{Condition: frames.ErrIllegalState,
			Description: fmt.Sprintf("performative %#x at this point", uint64(code))})
		return nil
	}
	switch code {
	case frames.CodeOpen:
		return c.openIn(f)
	case frames.CodeClose:
		return c.closeIn(f)
	case frames.CodeBegin:
		return c.beginIn(channel, f)
	}
	s := c.sessions[channel]
	if s == nil || s.ended {
		return c.stray(channel, s, code)
	}
	switch code {
	case frames.CodeAttach:
		return s.attachIn(f)
	case frames.CodeFlow:
		return s.flowIn(f)
	case frames.CodeTransfer:
		return s.transferIn(f, payload)
	case frames.CodeDisposition:
		return s.dispositionIn(f)
	case frames.CodeDetach:
		return s.detachIn(f)
	case frames.CodeEnd:
		return s.endIn(f)
	}
	return fmt.Errorf("%w: descriptor %#x in a frame", encoding.ErrMalformed, uint64(code))
}

// stray handles a frame on a channel without a session, or with one that we have
// ended and the peer has not yet.
func (c *Conn) stray(channel uint16, s *Session, code frames.Code) error {
	if s != nil {
		if code == frames.CodeEnd {
			s.forget()
		}
		return nil
	}
	switch code {
	case frames.CodeFlow, frames.CodeDisposition, frames.CodeDetach, frames.CodeEnd:
		// Python sends a detach after its end when it shuts down.
		return nil
	}
	c.fail(&frames.Error{Condition: frames.ErrNotFound,
		Description: fmt.Sprintf("there is no session on channel %d", channel)})
	return nil
}

func (c *Conn) openIn(f *encoding.Fields) error {
	open := &frames.Open{}
	if err := open.Read(f); err != nil {
		return err
	}
	if open.MaxFrameSize < frames.MinMaxFrameSize {
		c.fail(&frames.Error{Condition: frames.ErrFrameSizeTooSmall,
			Description: fmt.Sprintf("max-frame-size %d is below %d", open.MaxFrameSize, frames.MinMaxFrameSize)})
		return nil
	}
	c.peerMaxFrame = open.MaxFrameSize
	if open.IdleTimeout > 0 {
		c.heartbeat = max(time.Duration(open.IdleTimeout)*time.Millisecond/2, minHeartbeat)
	}
	c.sendOpen()
	c.phase = running
	c.emit(Opened{Open: open})
	return nil
}

func (c *Conn) sendOpen() {
	c.write(frames.TypeAMQP, 0, &frames.Open{
		ContainerID:  c.o.ContainerID,
		MaxFrameSize: c.o.MaxFrameSize,
		ChannelMax:   c.o.ChannelMax,
		IdleTimeout:  uint32(c.o.IdleTimeout / time.Millisecond),
	})
}

func (c *Conn) closeIn(f *encoding.Fields) error {
	var in frames.Close
	if err := in.Read(f); err != nil {
		return err
	}
	if c.phase == expectOpen {
		c.sendOpen()
	}
	c.sendClose(nil)
	c.finish(in.Error)
	return nil
}

func (c *Conn) beginIn(channel uint16, f *encoding.Fields) error {
	var begin frames.Begin
	if err := begin.Read(f); err != nil {
		return err
	}
	switch {
	case channel > c.o.ChannelMax:
		c.fail(&frames.Error{Condition: frames.ErrFramingError,
			Description: fmt.Sprintf("channel %d is above the channel-max %d", channel, c.o.ChannelMax)})
	case c.sessions[channel] != nil:
		c.fail(&frames.Error{Condition: frames.ErrNotAllowed,
			Description: fmt.Sprintf("channel %d has a session already", channel)})
	case begin.RemoteChannel.Set:
		c.fail(&frames.Error{Condition: frames.ErrNotFound,
			Description: fmt.Sprintf("we began no session on channel %d", begin.RemoteChannel.Value)})
	case !c.proven && len(c.sessions) >= c.o.Unproven.MaxSessions:
		c.fail(&frames.Error{Condition: frames.ErrResourceLimitExceeded,
			Description: fmt.Sprintf("a connection without a token may have %d sessions", c.o.Unproven.MaxSessions)})
	case !c.keep(sessionCost):
		c.buffered -= sessionCost
	default:
		c.sessions[channel] = newSession(c, channel, &begin)
	}
	return nil
}
