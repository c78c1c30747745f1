package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// moveBelow is the share of a segment's bytes below which the values that are
// still named move to the newest segment, so that one message which nobody
// receives does not hold 64 MiB.
const moveBelow = 4 // a quarter

// lookAt is how many segments are looked at when one is full. One is added each
// time, so a walk over all of them ends; a look costs a get for each value.
const lookAt = 4

// collect looks at some of the full segments, drops those whose values nobody
// names and moves the values of those with few. The leader calls it when a segment
// is full, or the disk nearly: nobody else writes to the database meanwhile, so a
// value that is named when it looks is named until it has moved.
func (l *log) collect() error {
	v := l.s.values
	l.look = false
	if !v.spares.roomy(v.segmentSize) {
		v.spares.drop()
	}
	waiting, moved := v.dropped.any(), int64(0)
	for _, n := range v.due() {
		live, err := l.live(n)
		if err != nil {
			v.leave(n, err)
			continue
		}
		if !live.few() {
			continue
		}
		if live.bytes > 0 {
			// A copy needs room before it gives some: a long read that keeps dropped
			// segments must not fill the disk with copies. And everybody waits for it.
			if waiting || moved*moveBelow > v.segmentSize || !l.hasRoom(live.bytes) {
				continue
			}
			moved += live.bytes
		}
		if err := l.move(n, live); err != nil {
			return err
		}
	}
	l.removeDropped()
	return nil
}

// hasRoom reports whether the disk has room for a copy of that many bytes and as
// much again: a copy that fails would stop the process.
func (l *log) hasRoom(bytes int64) bool {
	usage, err := l.s.opts.FS.GetDiskUsage(l.s.dir)
	return err != nil || usage.AvailBytes/2 >= uint64(bytes)
}

// leave lets a segment stay as it is until the next Open: it can't be read, and
// what refers to it is damage, which is for the reader to tell.
func (v *valueLog) leave(n uint32, err error) {
	v.logger.Warn("a segment of the value log stays", "segment", n, "err", firstLine(err))
	v.unseal(n)
}

func (v *valueLog) unseal(n uint32) {
	v.sealed = slices.DeleteFunc(v.sealed, func(s uint32) bool { return s == n })
}

// due returns the segments to look at: the oldest one, which in a queue is the
// first to empty, and the next ones of a walk over all.
func (v *valueLog) due() []uint32 {
	if len(v.sealed) == 0 {
		return nil
	}
	due := []uint32{v.sealed[0]} // a copy: what is looked at may leave the list
	for len(due) < min(lookAt, len(v.sealed)) {
		i, found := slices.BinarySearch(v.sealed, v.cursor)
		if found {
			i++
		}
		if i >= len(v.sealed) {
			i = 0
		}
		v.cursor = v.sealed[i]
		if i > 0 {
			due = append(due, v.cursor)
		}
	}
	return due
}

// liveValues are the values of a segment that the database still names.
type liveValues struct {
	keys  [][]byte
	refs  []reference
	bytes int64
	size  int64 // of the segment
}

func (s *liveValues) few() bool { return s.bytes*moveBelow < s.size }

func (s *liveValues) add(key []byte, r reference) {
	s.keys, s.refs = append(s.keys, bytes.Clone(key)), append(s.refs, r)
	s.bytes += int64(r.length)
}

// live reads the frames of a segment and asks the database for each. If the
// frames do not reach the segment's end, as with a damaged one, it asks the database
// for everything.
func (l *log) live(n uint32) (*liveValues, error) {
	v := l.s.values
	r, err := v.acquire(n)
	if err != nil {
		return nil, err
	}
	defer v.release(r)
	info, err := r.f.Stat()
	if err != nil {
		return nil, err
	}
	live := &liveValues{size: info.Size()}
	end, err := eachFrame(r.f, live.size, func(key []byte, offset, length uint32) error {
		ref := reference{n, offset, length}
		named, err := l.names(key, ref)
		if named {
			live.add(key, ref)
		}
		return err
	})
	if err != nil || end == live.size {
		return live, err
	}
	if ended, err := endsAt(r.f, n, end); ended || err != nil {
		live.size = min(live.size, max(end, v.segmentSize)) // behind it stands what was in the file before
		return live, err
	}
	if !live.few() {
		return live, nil
	}
	live, err = l.liveByScan(n, live.size)
	if err == nil && !live.few() {
		err = fmt.Errorf("the frame at %d is damaged", end)
	}
	return live, err
}

// names reports whether the database has the reference under the key.
func (l *log) names(key []byte, ref reference) (bool, error) {
	value, closer, err := l.s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer closer.Close()
	return bytes.Equal(value, ref.encode(key)), nil
}

// liveByScan finds the references to a segment by reading the whole database.
func (l *log) liveByScan(n uint32, size int64) (*liveValues, error) {
	live := &liveValues{size: size}
	it, err := l.s.db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var value []byte
		if value, err = it.ValueAndErr(); err == nil && isReference(value) {
			var ref reference
			if ref, err = decodeReference(it.Key(), value); ref.segment == n {
				live.add(it.Key(), ref)
			}
		}
	}
	return live, errors.Join(err, it.Close())
}

// eachFrame calls f for the frames of a segment up to the first that is not
// whole, and returns where that is.
func eachFrame(f vfs.File, size int64, each func(key []byte, offset, length uint32) error) (
	end int64, err error) {
	head := make([]byte, 256)
	for end < size {
		n, err := f.ReadAt(head, end)
		if err != nil && !errors.Is(err, io.EOF) {
			return end, err
		}
		b := head[:n]
		if len(b) < frameHeaderLen || binary.LittleEndian.Uint32(b) != frameMagic {
			return end, nil
		}
		keyEnd := frameHeaderLen + int(binary.LittleEndian.Uint16(b[8:]))
		if keyEnd > cap(head) {
			head = make([]byte, keyEnd)
			continue
		}
		length := binary.LittleEndian.Uint32(b[10:])
		next := end + int64(keyEnd) + int64(length)
		if keyEnd > len(b) ||
			binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:keyEnd], castagnoli) || next > size {
			return end, nil
		}
		if err := each(b[frameHeaderLen:keyEnd], uint32(end)+uint32(keyEnd), length); err != nil {
			return end, err
		}
		end = next
	}
	return end, nil
}

// move writes the values that are still named anew and drops the segment.
func (l *log) move(n uint32, live *liveValues) error {
	v := l.s.values
	b := l.s.db.NewBatch()
	for i, key := range live.keys {
		value, err := v.read(key, live.refs[i])
		if err == nil {
			_, err = payload(key, value)
		}
		if err != nil {
			v.leave(n, err)
			return b.Close()
		}
		ref, err := v.put(key, value)
		if err == nil {
			err = b.Set(key, ref, nil)
		}
		if err != nil {
			return err
		}
	}
	if len(live.keys) > 0 {
		if err := v.sync(); err != nil {
			return err
		}
	}
	if err := errors.Join(v.nameBegan(b), b.Delete(segmentKey(n), nil)); err != nil {
		return err
	}
	if err := errors.Join(l.batches.end(b), closeBatch(b, b.Commit(pebble.Sync))); err != nil {
		return fmt.Errorf("value log: %w", err)
	}
	l.wasSynced(l.batches.last)
	v.unseal(n)
	v.dropped.now = append(v.dropped.now, n)
	return nil
}

// dropped are segments that nothing names any more, but a view may that was opened
// before they were dropped.
type dropped struct {
	now    []uint32 // in the present generation of views
	before []uint32 // in the generation before
}

func (d *dropped) any() bool { return len(d.now)+len(d.before) > 0 }

// removeDropped removes the files of dropped segments that no view can name.
func (l *log) removeDropped() {
	v := l.s.values
	for v.dropped.any() && l.s.nextGeneration() {
		v.remove()
	}
}

// remove deletes what was dropped before the generation of views that has just
// ended began.
func (v *valueLog) remove() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.dropped.before {
		if r := v.open[n]; r != nil {
			r.f.Close()
			delete(v.open, n)
		}
		if v.spares.add(v.dir.join(segmentName(n)), v.segmentSize, len(v.sealed)) {
			continue
		}
		if err := v.dir.fs.Remove(v.dir.join(segmentName(n))); err != nil && !isNotExist(err) {
			// The next Open removes it: the database does not name it.
			v.logger.Warn("a segment of the value log can't be removed yet", "segment", n, "err", err)
		}
	}
	v.dropped = dropped{before: v.dropped.now}
}
