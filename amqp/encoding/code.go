package encoding

import "errors"

// Limits on what a peer may send.
const (
	// MaxDepth is how deep values may nest: a value inside MaxDepth lists, maps,
	// arrays or descriptors is refused.
	MaxDepth = 32
	// spareEmpty is how many array elements that take no bytes (null, true, 0,
	// the empty list) a value may hold beyond the number of its bytes, so that a
	// count of a few bytes can't demand gigabytes.
	spareEmpty = 1024
)

// Errors of reading; errors that are returned wrap one of them.
var (
	// ErrTruncated says that a value ends after its input.
	ErrTruncated = errors.New("amqp encoding: value is cut off")
	// ErrMalformed says that the bytes are not an encoding of AMQP 1.0, or not
	// of the type that must stand there.
	ErrMalformed = errors.New("amqp encoding: malformed value")
	// ErrLimit says that a value nests too deep or holds too many elements.
	ErrLimit = errors.New("amqp encoding: value exceeds a limit")
	// ErrUnsupported says that a Go value has no encoding.
	ErrUnsupported = errors.New("amqp encoding: Go value has no AMQP type")
)

// Constructor bytes (1.6). The high digit says how wide the data is: 4 none,
// 5 one byte, 6 two, 7 four, 8 eight, 9 sixteen, A and B a length of one or four
// bytes, C and D a compound, E and F an array.
const (
	codeDescribed  = 0x00
	codeNull       = 0x40
	codeTrue       = 0x41
	codeFalse      = 0x42
	codeUint0      = 0x43
	codeUlong0     = 0x44
	codeList0      = 0x45
	codeUbyte      = 0x50
	codeByte       = 0x51
	codeSmallUint  = 0x52
	codeSmallUlong = 0x53
	codeSmallInt   = 0x54
	codeSmallLong  = 0x55
	codeBool       = 0x56
	codeUshort     = 0x60
	codeShort      = 0x61
	codeUint       = 0x70
	codeInt        = 0x71
	codeFloat      = 0x72
	codeChar       = 0x73
	codeDecimal32  = 0x74
	codeUlong      = 0x80
	codeLong       = 0x81
	codeDouble     = 0x82
	codeTimestamp  = 0x83
	codeDecimal64  = 0x84
	codeDecimal128 = 0x94
	codeUUID       = 0x98
	codeBinary8    = 0xA0
	codeString8    = 0xA1
	codeSymbol8    = 0xA3
	codeBinary32   = 0xB0
	codeString32   = 0xB1
	codeSymbol32   = 0xB3
	codeList8      = 0xC0
	codeMap8       = 0xC1
	codeList32     = 0xD0
	codeMap32      = 0xD1
	codeArray8     = 0xE0
	codeArray32    = 0xF0
)

// fixedWidth returns how many bytes of data follow a constructor, or -1 if the
// data has a size of its own, or -2 if there is no such constructor.
func fixedWidth(code byte) int {
	switch code {
	case codeNull, codeTrue, codeFalse, codeUint0, codeUlong0, codeList0:
		return 0
	case codeUbyte, codeByte, codeSmallUint, codeSmallUlong, codeSmallInt, codeSmallLong, codeBool:
		return 1
	case codeUshort, codeShort:
		return 2
	case codeUint, codeInt, codeFloat, codeChar, codeDecimal32:
		return 4
	case codeUlong, codeLong, codeDouble, codeTimestamp, codeDecimal64:
		return 8
	case codeDecimal128, codeUUID:
		return 16
	case codeBinary8, codeString8, codeSymbol8, codeBinary32, codeString32, codeSymbol32,
		codeList8, codeMap8, codeList32, codeMap32, codeArray8, codeArray32:
		return -1
	}
	return -2
}
