package workload

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// A body says which message it is:
//
//	0   8  "sybench1"
//	8   8  which measurement it belongs to
//	16  4  its producer
//	20  4  its number among those of the producer, from 0
//	24  4  CRC-32C of the body without these four bytes
//	28  …  bytes that do not compress
//
// Numbers are little-endian.
const (
	mark     = "sybench1"
	headSize = 28
	sumAt    = 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// filling is what bodies are filled from, each from another place.
var filling = func() []byte {
	b := make([]byte, 128<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}()

// An identity tells a message from every other.
type identity struct {
	run              uint64
	producer, number uint32
}

// write makes body that of a message. It has at least headSize bytes and at most 64 KiB.
func (id identity) write(body []byte) {
	copy(body, mark)
	binary.LittleEndian.PutUint64(body[8:], id.run)
	binary.LittleEndian.PutUint32(body[16:], id.producer)
	binary.LittleEndian.PutUint32(body[20:], id.number)
	from := (id.number*61 + id.producer*7919) % (64 << 10)
	copy(body[headSize:], filling[from:])
	binary.LittleEndian.PutUint32(body[sumAt:], sum(body))
}

// read reads what a body says. It reports false for one that is not whole.
func read(body []byte) (identity, bool) {
	if !ours(body) || binary.LittleEndian.Uint32(body[sumAt:]) != sum(body) {
		return identity{}, false
	}
	return identity{
		run:      binary.LittleEndian.Uint64(body[8:]),
		producer: binary.LittleEndian.Uint32(body[16:]),
		number:   binary.LittleEndian.Uint32(body[20:]),
	}, true
}

// ours reports whether a body was made by this package, in this measurement or another.
func ours(body []byte) bool { return len(body) >= headSize && string(body[:len(mark)]) == mark }

func sum(body []byte) uint32 {
	return crc32.Update(crc32.Checksum(body[:sumAt], castagnoli), castagnoli, body[headSize:])
}
