package frames

import (
	"encoding/binary"
	"errors"
	"fmt"

	"switchyard/amqp/encoding"
)

// Type is the type byte of a frame.
type Type uint8

// The frame types.
const (
	TypeAMQP Type = 0
	TypeSASL Type = 1
)

// HeaderSize is the size of a frame header without extension: also the size of
// an empty frame.
const HeaderSize = 8

// MinMaxFrameSize is the smallest max-frame-size that a peer may announce.
const MinMaxFrameSize = 512

// FrameHeader stands before every frame (2.3.1):
//
//	uint32 size | uint8 doff | uint8 type | uint16 channel | (doff*4-8 bytes ignored)
type FrameHeader struct {
	Size    uint32 // of the whole frame
	Body    uint32 // where the body starts: doff*4
	Type    Type
	Channel uint16 // AMQP only
}

// ErrFrame says that a frame header makes no sense, so that the start of the
// next frame is unknown.
var ErrFrame = errors.New("amqp frames: bad frame header")

// ParseFrameHeader reads the first [HeaderSize] bytes of b.
func ParseFrameHeader(b []byte) (FrameHeader, error) {
	if len(b) < HeaderSize {
		return FrameHeader{}, encoding.ErrTruncated
	}
	h := FrameHeader{
		Size:    binary.BigEndian.Uint32(b),
		Body:    uint32(b[4]) * 4,
		Type:    Type(b[5]),
		Channel: binary.BigEndian.Uint16(b[6:]),
	}
	if h.Body < HeaderSize || h.Size < h.Body {
		return h, fmt.Errorf("%w: size %d, data offset %d", ErrFrame, h.Size, h.Body)
	}
	return h, nil
}

// BeginFrame adds a frame header; mark goes to [EndFrame]. Without a body the
// frame is an empty one, a heartbeat.
func BeginFrame(dst []byte, t Type, channel uint16) (out []byte, mark int) {
	return append(dst, 0, 0, 0, 0, 2, byte(t), byte(channel>>8), byte(channel)), len(dst)
}

// EndFrame fills in the size of the frame that starts at mark.
func EndFrame(dst []byte, mark int) []byte {
	binary.BigEndian.PutUint32(dst[mark:], uint32(len(dst)-mark))
	return dst
}
