package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Pebble's logs, the manifest and the write-ahead log, are records in chunks, in
// blocks of 32 KiB:
//
//	crc:u32 length:u16 type:u8 [log:u32 [synced:u64]] payload     (little-endian)
//
// crc covers what stands after length. Types 1 to 4 (full, first, middle, last)
// have neither log nor synced, 5 to 8 have log, 9 to 12 have both: log is the
// number of the file, so that what an earlier use of the file left is told
// apart; synced is an offset up to which the file was synced when the chunk was
// written. The end of a block that is too short for a header is zero.
//
// Pebble takes the first bad chunk of the manifest for its end, and that of a
// write-ahead log too if no later block promises more. Both hide damage, so the
// files are checked here before they are opened.
const chunkBlock = 32 << 10

// chunkHeader is the length of the header by type/4.
var chunkHeader = [...]int{7, 11, 19}

type chunk struct {
	size   int    // with the header
	header int    // of it
	synced uint64 // 0 if the type has none
}

// parseChunk reads the chunk of log number log, 0 for the manifest, at the start
// of b, which ends with its block. The checksum comes last: looking for a chunk
// at every offset must not compute it at each.
func parseChunk(b []byte, log uint32) (c chunk, ok bool) {
	if len(b) < chunkHeader[0] {
		return c, false
	}
	kind := int(b[6]) - 1
	if kind < 0 || kind/4 >= len(chunkHeader) {
		return c, false
	}
	header := chunkHeader[kind/4]
	c.header = header
	c.size = header + int(binary.LittleEndian.Uint16(b[4:]))
	if c.size > len(b) {
		return c, false
	}
	var got uint32
	if header >= 11 {
		got = binary.LittleEndian.Uint32(b[7:])
	}
	if got != log {
		return c, false
	}
	if header >= 19 {
		c.synced = binary.LittleEndian.Uint64(b[11:])
	}
	sum := crc32.Checksum(b[6:c.size], castagnoli)
	return c, binary.LittleEndian.Uint32(b) == (sum>>15|sum<<17)+0xa282ead8
}

// rest returns what follows in the block at off.
func rest(file []byte, off int) []byte {
	return file[off:min(off-off%chunkBlock+chunkBlock, len(file))]
}

// goodChunks walks the chunks that log number has in file, 0 for the manifest.
// It returns their number and where the first is that is not one of them.
func goodChunks(file []byte, log uint32) (n, end int) {
	for end < len(file) {
		b := rest(file, end)
		if left := chunkBlock - end%chunkBlock; left < chunkHeader[2] && left == len(b) && isZero(b) {
			end += left
			continue
		}
		c, ok := parseChunk(b, log)
		if !ok {
			break
		}
		n++
		end += c.size
	}
	return n, end
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// laterChunk looks behind a bad chunk for a good one that f accepts.
func laterChunk(file []byte, bad int, log uint32, f func(chunk) bool) (off int, found bool) {
	for off := bad + 1; off < len(file); off++ {
		if c, ok := parseChunk(rest(file, off), log); ok && f(c) {
			return off, true
		}
	}
	return 0, false
}

// checkManifestChunks tells a manifest that ends, perhaps in a write cut short,
// from one with a bad record before a good one, and from one with no record. Each
// record is synced before the next one is written.
func checkManifestChunks(file []byte) error {
	n, end := goodChunks(file, 0)
	if n == 0 {
		return errors.New("it holds no record")
	}
	if off, found := laterChunk(file, end, 0, func(chunk) bool { return true }); found {
		return fmt.Errorf("bad record at %d before a good one at %d", end, off)
	}
	return nil
}

// checkWALChunks tells a write-ahead log that ends, perhaps in writes that were
// not synced, from one with a bad record that a later one says was synced.
func checkWALChunks(file []byte, log uint32) error {
	_, end := goodChunks(file, log)
	promises := func(c chunk) bool { return c.synced > uint64(end) }
	if off, found := laterChunk(file, end, log, promises); found {
		return fmt.Errorf("bad record at %d, which was synced before the one at %d", end, off)
	}
	return nil
}
