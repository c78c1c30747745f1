package expr

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"switchyard/value"
)

// draw returns the next block of the sequence that the seed determines: the
// hash of the seed and a counter, so that the same activity run gives the same
// values again and two calls give different ones.
func (c *Context) draw() [sha256.Size]byte {
	var in [16]byte
	binary.BigEndian.PutUint64(in[:8], c.Seed)
	binary.BigEndian.PutUint64(in[8:], c.draws)
	c.draws++
	return sha256.Sum256(in[:])
}

// fnGUID returns a version 4 UUID in one of .NET's formats.
func fnGUID(c *call) (value.Value, error) {
	format := "D"
	if len(c.args) == 1 {
		var err error
		if format, err = c.text(0); err != nil {
			return nil, err
		}
	}
	b := c.ev.ctx.draw()
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	d := fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
	switch strings.ToUpper(format) {
	case "D":
		return d, nil
	case "N":
		return strings.ReplaceAll(d, "-", ""), nil
	case "B":
		return "{" + d + "}", nil
	case "P":
		return "(" + d + ")", nil
	case "X":
		return fmt.Sprintf("{0x%x,0x%x,0x%x,{0x%02x,0x%02x,0x%02x,0x%02x,0x%02x,0x%02x,0x%02x,0x%02x}}",
			b[0:4], b[4:6], b[6:8], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]), nil
	}
	return nil, errorf(
		"The function 'guid' expects its parameter to be one of the formats 'D', 'N', 'B', 'P' and 'X'. The "+
			"provided value is '%s'.",
		format)
}

func fnRand(c *call) (value.Value, error) {
	low, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	high, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	if low > high {
		return nil, errorf(
			"The function 'rand' expects its first parameter not to be greater than its second. The provided "+
				"values are '%d' and '%d'.",
			low, high)
	}
	// The high half of the product with a 64-bit number is below the span; the
	// bias is less than span/2^64.
	b := c.ev.ctx.draw()
	offset, _ := bits.Mul64(binary.BigEndian.Uint64(b[:8]), uint64(high)-uint64(low))
	return int64(uint64(low) + offset), nil
}
