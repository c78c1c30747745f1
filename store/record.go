package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// recordVersion is the first byte of every value. A record whose payload changes
// gets a greater one and a decoder that still reads the smaller.
const recordVersion = 1

const (
	crcLen         = 4
	recordOverhead = 1 + crcLen
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errChecksum   = errors.New("checksum does not match")
	errShort      = errors.New("record ends early")
	errTrailing   = errors.New("record has bytes after its end")
	errNumber     = errors.New("number out of range")
	errFlags      = errors.New("unknown flag")
	errTagUnknown = errors.New("unknown tag")
)

// newRecord starts a value with room for n bytes of payload.
func newRecord(n int) []byte {
	return append(make([]byte, 0, n+recordOverhead), recordVersion)
}

// finish ends a value that newRecord started.
func finish(key, b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, checksum(key, b))
}

func checksum(key, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, b)
}

// record returns a value that holds just these bytes.
func record(key, payload []byte) []byte {
	return finish(key, append(newRecord(len(payload)), payload...))
}

// finishAround ends a value that newRecord started and that goes on with rest, without a copy
// of that: the value in three parts, for [commit.Unit] SetJoined.
func finishAround(key, b, rest []byte) (_, head, _, tail []byte) {
	n := len(b)
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(checksum(key, b), castagnoli, rest))
	return key, b[:n:n], rest, b[n:]
}

// payload checks a value and returns what is in it. The error is a
// [CorruptError] that names the key.
func payload(key, value []byte) ([]byte, error) {
	if len(value) < recordOverhead {
		return nil, damaged(key, errShort)
	}
	body := value[:len(value)-crcLen]
	if checksum(key, body) != binary.LittleEndian.Uint32(value[len(body):]) {
		return nil, damaged(key, errChecksum)
	}
	if body[0] != recordVersion {
		return nil, damaged(key, fmt.Errorf("record version %d", body[0]))
	}
	return body[1:], nil
}

func damaged(key []byte, err error) error {
	return &CorruptError{Where: describe(key), Err: err, key: bytes.Clone(key)}
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// timeSize is the most that appendTime appends.
const timeSize = binary.MaxVarintLen64 + binary.MaxVarintLen32

// A decoder reads a payload field by field. The first error sticks; fields read
// after it are zero.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// flags reads the flags of a record that knows all bits of known.
func (d *decoder) flags(known uint64) uint64 {
	f := d.uvarint()
	if f&^known != 0 {
		d.fail(errFlags)
		return 0
	}
	return f
}

func (d *decoder) byte() byte { return d.take(1)[0] }

// take returns the next n bytes, which belong to the input; zeros after an error.
func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.fail(errShort)
		return make([]byte, min(n, 16))
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

// bytes returns a length and its bytes, which belong to the input.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) string() string { return string(d.bytes()) }

// clone returns bytes that don't belong to the input; nil if there are none.
func (d *decoder) clone() []byte { return append([]byte(nil), d.bytes()...) }

func (d *decoder) time() time.Time {
	sec, nsec := d.varint(), d.uvarint()
	if nsec >= 1e9 {
		d.fail(errNumber)
	}
	if d.err != nil {
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

// size reads a number that is no less than 0.
func (d *decoder) size() int64 {
	n := d.uvarint()
	if n > math.MaxInt64 {
		d.fail(errNumber)
		return 0
	}
	return int64(n)
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > math.MaxUint32 {
		d.fail(errNumber)
	}
	return uint32(v)
}

// done returns the first error, or that something is left.
func (d *decoder) done() error {
	if d.err == nil && len(d.b) > 0 {
		d.err = errTrailing
	}
	return d.err
}
