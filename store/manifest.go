package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The manifest is a log of records in chunks, in blocks of 32 KiB:
//
//	crc:u32 length:u16 type:u8 payload        (little-endian)
//
// crc covers type and payload. Types are 1 full, 2 first, 3 middle, 4 last. A
// block ends in zeros if fewer than 7 bytes are left.
const (
	chunkBlock  = 32 << 10
	chunkHeader = 7
)

// checkChunks tells a log that ends, perhaps in a write cut short, from one with
// a bad chunk before a good one, and from one with no good record at all.
func checkChunks(log []byte) error {
	good, bad := 0, -1
	for off := 0; off < len(log); {
		block := log[off-off%chunkBlock : min(off-off%chunkBlock+chunkBlock, len(log))]
		at := off % chunkBlock
		if chunkBlock-at < chunkHeader {
			off += chunkBlock - at
			continue
		}
		n, ok := chunk(block[at:])
		if !ok {
			bad = off
			break
		}
		good++
		off += n
	}
	if bad < 0 && good > 0 {
		return nil
	}
	if good == 0 {
		return errors.New("it holds no record")
	}
	for off := bad + 1; off+chunkHeader < len(log); off++ {
		rest := log[off:min(off-off%chunkBlock+chunkBlock, len(log))]
		if _, ok := chunk(rest); ok {
			return fmt.Errorf("bad record at %d before a good one at %d", bad, off)
		}
	}
	return nil
}

// chunk reports whether b starts with a whole chunk, and its length.
func chunk(b []byte) (n int, ok bool) {
	if len(b) < chunkHeader {
		return 0, false
	}
	n = chunkHeader + int(binary.LittleEndian.Uint16(b[4:]))
	if kind := b[6]; kind < 1 || kind > 4 || n > len(b) {
		return 0, false
	}
	c := crc32.Checksum(b[6:n], castagnoli)
	return n, binary.LittleEndian.Uint32(b) == (c>>15|c<<17)+0xa282ead8
}
