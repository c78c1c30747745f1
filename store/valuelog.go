package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// valuesDir holds the segments of the value log, in the data directory.
const (
	valuesDir     = "values"
	segmentSuffix = ".values"
)

const (
	// separateFrom is the length from which on a value is written to the value
	// log, once, instead of into the database, which writes it twice at least: to
	// its write-ahead log and to a table.
	separateFrom = 32 << 10
	// segmentSize is the size at which a segment of the value log is full. The
	// value that fills it is written whole.
	segmentSize = 64 << 20
	// writeBuffer is how much is gathered for one write, and copied for it: more is written
	// from where it is.
	writeBuffer = 32 << 10
)

// A frame of a segment is
//
//	magic:u32 crc:u32 keyLen:u16 valueLen:u32 key value     (little-endian)
//
// where crc (CRC-32C) covers what stands between it and the value. The value is
// a record with a checksum of its own. Behind the last frame that was synced stands
//
//	magic:u32 crc:u32     (little-endian; crc covers the numbers of segment and place, u32 each)
//
// which the next frame is written over, and behind that what the file held when it was
// another segment: see [spares]. In the database stands, in place of the value, a reference:
//
//	ff segment:u32 offset:u32 length:u32 crc:u32     (crc as of every record)
//
// where offset is that of the value in the segment's file.
const (
	frameMagic     = 0x4c565753 // "SWVL"
	frameHeaderLen = 4 + 4 + 2 + 4
	endMagic       = 0x45565753 // "SWVE"
	endLen         = 4 + 4
	referenceMark  = 0xff
	referenceLen   = 1 + 3*4 + crcLen
)

// A reference says where a value is in the value log.
type reference struct{ segment, offset, length uint32 }

func isReference(value []byte) bool { return len(value) > 0 && value[0] == referenceMark }

func (r reference) encode(key []byte) []byte {
	b := append(make([]byte, 0, referenceLen), referenceMark)
	for _, n := range [...]uint32{r.segment, r.offset, r.length} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return finish(key, b)
}

func decodeReference(key, value []byte) (reference, error) {
	if len(value) != referenceLen {
		return reference{}, damaged(key, errShort)
	}
	body := value[:len(value)-crcLen]
	if checksum(key, body) != binary.LittleEndian.Uint32(value[len(body):]) {
		return reference{}, damaged(key, errChecksum)
	}
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(body[at:]) }
	return reference{u32(1), u32(5), u32(9)}, nil
}

// A valueLog keeps large values in files beside the database: each is written
// once and synced before the unit that names it. A value that nobody names any
// more is dropped with its segment, see [valueLog.collect].
type valueLog struct {
	dir         directory
	logger      *slog.Logger
	segmentSize int64

	// The following belong to the leader of the log, and to Open and Close.
	file    vfs.File // the segment that is written; nil: none yet
	number  uint32   // of file
	size    int64    // of the frames in file
	at      int64    // where buf is to be written
	buf     []byte   // gathered, not written
	next    uint32
	began   []uint32 // segments that the database does not name yet
	sealed  []uint32 // full segments, the oldest first, but those that can't be moved
	cursor  uint32   // the sealed segment that was looked at last
	dropped dropped

	maxOpen int // how many segments stay open for reading while nobody reads them

	spares *spares

	mu   sync.Mutex
	open map[uint32]*segmentReader
}

// segmentReader is a file that is open for reading.
type segmentReader struct {
	f     vfs.File
	users int // guarded by valueLog.mu
}

func segmentName(n uint32) string { return fmt.Sprintf("%08d%s", n, segmentSuffix) }

// openValueLog compares the files with the segments that the database names. A
// file it does not name is of a commit that did not happen, or was dropped; one
// it names and that is not there is damage.
func openValueLog(d directory, named []uint32, spares *spares, logger *slog.Logger, maxOpen int) (*valueLog, error) {
	v := &valueLog{dir: d.values(), logger: logger, segmentSize: segmentSize, next: 1, maxOpen: maxOpen,
		open: map[uint32]*segmentReader{}, spares: spares}
	names, err := v.dir.fs.List(v.dir.path)
	if err != nil && !isNotExist(err) {
		return nil, err
	}
	have := map[uint32]bool{}
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, segmentSuffix)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || name != segmentName(uint32(n)) {
			continue // not ours
		}
		if v.next = max(v.next, uint32(n)+1); slices.Contains(named, uint32(n)) {
			have[uint32(n)] = true
		} else if err := v.dir.remove(name); err != nil {
			return nil, err
		}
	}
	for _, n := range named {
		if v.next = max(v.next, n+1); !have[n] {
			return nil, &CorruptError{Where: v.dir.join(segmentName(n)), Err: errors.New("the file is lost")}
		}
	}
	v.sealed = slices.Sorted(slices.Values(named))
	return v, nil
}

// references stand for the large values of a group, in the order of the operations.
type references [][]byte

// take returns the next reference.
func (rs *references) take() []byte {
	ref := (*rs)[0]
	*rs = (*rs)[1:]
	return ref
}

func isLarge(op *commit.Op) bool { return op.Kind == commit.OpSet && op.Len() >= separateFrom }

// writeLarge makes the large values of the units durable.
func (v *valueLog) writeLarge(units []*commit.Unit) (refs references, err error) {
	for _, u := range units {
		ops := u.Ops()
		for i := range ops {
			op := &ops[i]
			if !isLarge(op) {
				continue
			}
			ref, err := v.put(op.Key, op.Value, op.Body, op.Tail)
			if err != nil {
				return nil, err
			}
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	return refs, v.sync()
}

// begin seals the segment that is written and starts another one.
func (v *valueLog) begin() error {
	if err := v.seal(); err != nil {
		return err
	}
	if err := v.dir.make(); err != nil {
		return err
	}
	file, err := v.make(v.dir.join(segmentName(v.next)))
	if err != nil {
		return err
	}
	v.file, v.number, v.size, v.at = file, v.next, 0, 0
	v.began = append(v.began, v.number)
	v.next++
	return v.dir.sync()
}

// make makes a file to be written, of a spare one if there is one.
func (v *valueLog) make(path string) (vfs.File, error) {
	if spare, ok := v.spares.take(); ok {
		f, err := v.dir.fs.ReuseForWrite(spare, path, vfs.WriteCategoryUnspecified)
		if !isNotExist(err) {
			return f, err
		}
	}
	made, err := v.dir.create(path)
	if err != nil {
		return nil, err
	}
	if err := made.Close(); err != nil {
		return nil, err
	}
	return v.dir.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
}

// seal makes the segment that is written durable and closes it.
func (v *valueLog) seal() error {
	if v.file == nil {
		return nil
	}
	err := errors.Join(v.sync(), v.file.Close())
	v.file = nil
	v.sealed = append(v.sealed, v.number)
	return err
}

// nameBegan adds the names of segments that began since the last call.
func (v *valueLog) nameBegan(b *pebble.Batch) error {
	for _, n := range v.began {
		if err := b.Set(segmentKey(n), nil, nil); err != nil {
			return err
		}
	}
	v.began = v.began[:0]
	return nil
}

// put appends a frame, to a new segment if the one that is written is full, and
// returns the reference to its value. It is durable after sync.
func (v *valueLog) put(key []byte, value ...[]byte) ([]byte, error) {
	if v.file == nil || v.size >= v.segmentSize {
		if err := v.begin(); err != nil {
			return nil, err
		}
	}
	size := 0
	for _, part := range value {
		size += len(part)
	}
	at := v.size + int64(frameHeaderLen+len(key))
	if at > math.MaxUint32 || len(key) > math.MaxUint16 || size > math.MaxUint32 {
		return nil, fmt.Errorf("value log: frame of %d bytes at %d", size, at)
	}
	v.buf = appendFrameHeader(v.buf, key, size)
	for _, part := range value {
		if err := v.append(part); err != nil {
			return nil, err
		}
	}
	v.size = at + int64(size)
	return reference{v.number, uint32(at), uint32(size)}.encode(key), nil
}

// append writes b, or gathers it to be written with what follows.
func (v *valueLog) append(b []byte) error {
	if len(v.buf)+len(b) > writeBuffer {
		if err := v.flush(); err != nil {
			return err
		}
	}
	if len(b) >= writeBuffer {
		return v.write(b)
	}
	v.buf = append(v.buf, b...)
	return nil
}

func appendFrameHeader(b, key []byte, valueLen int) []byte {
	b = binary.LittleEndian.AppendUint32(b, frameMagic)
	b = binary.LittleEndian.AppendUint32(b, 0) // set below
	from := len(b)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(valueLen))
	b = append(b, key...)
	binary.LittleEndian.PutUint32(b[from-4:], crc32.Checksum(b[from:], castagnoli))
	return b
}

func (v *valueLog) flush() error {
	if len(v.buf) == 0 {
		return nil
	}
	err := v.write(v.buf)
	v.buf = v.buf[:0]
	return err
}

func (v *valueLog) write(b []byte) error {
	_, err := v.file.WriteAt(b, v.at)
	v.at += int64(len(b))
	return err
}

// sync makes the frames durable, and that there are no more.
func (v *valueLog) sync() error {
	v.buf = appendEnd(v.buf, v.number, v.size)
	if err := v.flush(); err != nil {
		return err
	}
	v.at = v.size
	return v.file.SyncData()
}

// appendEnd adds what stands behind the last frame of a segment.
func appendEnd(b []byte, segment uint32, size int64) []byte {
	var place [8]byte
	binary.LittleEndian.PutUint32(place[:], segment)
	binary.LittleEndian.PutUint32(place[4:], uint32(size))
	b = binary.LittleEndian.AppendUint32(b, endMagic)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(place[:], castagnoli))
}

// endsAt reports whether the last frame of a segment ends at a place.
func endsAt(f io.ReaderAt, segment uint32, place int64) (bool, error) {
	var b [endLen]byte
	if _, err := f.ReadAt(b[:], place); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(b[:], appendEnd(nil, segment, place)), nil
}

// read returns the value that a reference under key names.
func (v *valueLog) read(key []byte, r reference) ([]byte, error) {
	f, err := v.acquire(r.segment)
	if isNotExist(err) {
		return nil, damaged(key, fmt.Errorf("segment %d of the value log is lost", r.segment))
	}
	if err != nil {
		return nil, err
	}
	defer v.release(f)
	b := make([]byte, r.length)
	switch _, err := f.f.ReadAt(b, int64(r.offset)); {
	case errors.Is(err, io.EOF):
		return nil, damaged(key, fmt.Errorf("segment %d of the value log ends early", r.segment))
	case err != nil:
		return nil, err
	}
	return b, nil
}

func (v *valueLog) acquire(n uint32) (*segmentReader, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.open[n]
	if r == nil {
		f, err := v.dir.fs.Open(v.dir.join(segmentName(n)))
		if err != nil {
			return nil, err
		}
		v.trim()
		r = &segmentReader{f: f}
		v.open[n] = r
	}
	r.users++
	return r, nil
}

// trim closes files that nobody reads once there are many. It is called with mu
// held.
func (v *valueLog) trim() {
	for n, r := range v.open {
		if len(v.open) < v.maxOpen {
			return
		}
		if r.users == 0 {
			r.f.Close()
			delete(v.open, n)
		}
	}
}

func (v *valueLog) release(r *segmentReader) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r.users--
}

// close ends reading and writing.
func (v *valueLog) close() error {
	err := v.seal()
	v.spares.drop()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.open {
		err = errors.Join(err, r.f.Close())
	}
	clear(v.open)
	return err
}

// namedSegments reads which segments the database names.
func namedSegments(db *pebble.DB) (named []uint32, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableSegment},
		UpperBound: []byte{tableSegment + 1}})
	if err != nil {
		return nil, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Key()) != 5 {
			err = damaged(it.Key(), errShort)
			break
		}
		named = append(named, binary.BigEndian.Uint32(it.Key()[1:]))
	}
	return named, errors.Join(err, it.Close())
}
