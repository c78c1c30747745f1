package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The log numbers its batches. The last operation of each batch sets the record
//
//	00 "batch" = number:u64 synced:u64     (little-endian)
//
// where synced is the number of the last batch that was known to be on the disk when
// this one was written. After each sync the file synced gets the number of the batch:
// two slots that are overwritten in turn,
//
//	number:u64 crc:u32     crc (CRC-32C) covers the number
//
// which are not synced themselves: after a killed process they are there, after a power
// cut perhaps those of a while ago. Neither ever names a batch that was not on the disk,
// so a write-ahead log that ends before it has lost acknowledged writes (walcheck.go).
const (
	batchKeyName = "batch"
	syncedFile   = "synced"

	batchPayloadLen = 8 + 8
	syncedSlot      = 8 + 4
)

var batchKey = systemKey(batchKeyName)

// A batchNumber is a batch's place in the order of all of a directory.
type batchNumber struct{ number, synced uint64 }

func (n batchNumber) record() []byte {
	b := newRecord(batchPayloadLen)
	b = binary.LittleEndian.AppendUint64(b, n.number)
	return finish(batchKey, binary.LittleEndian.AppendUint64(b, n.synced))
}

func decodeBatchNumber(b []byte) (n batchNumber, err error) {
	if len(b) != batchPayloadLen {
		return n, damaged(batchKey, errShort)
	}
	return batchNumber{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// recordedBatch reads the number of the last batch in the database; 0 if there is none.
func recordedBatch(db *pebble.DB) (uint64, error) {
	b, err := systemRecord(db, batchKeyName)
	if b == nil || err != nil {
		return 0, err
	}
	n, err := decodeBatchNumber(b)
	return n.number, err
}

// batches numbers the batches of an open store.
type batches struct {
	file   vfs.File      // nil: a store in memory, which numbers nothing
	last   uint64        // belongs to the log's leader
	synced atomic.Uint64 // the last one that is known to be on the disk
}

// end adds the number as the batch's last operation: the record of a write-ahead log
// then ends with it, where no content of a message can be.
func (c *batches) end(b *pebble.Batch) error {
	if c.file == nil {
		return nil
	}
	c.last++
	return b.Set(batchKey, batchNumber{c.last, c.synced.Load()}.record(), nil)
}

// wasSynced notes that every batch up to that one is on the disk. Failing to write that
// down takes nothing away but the evidence. It is called by who syncs.
func (c *batches) wasSynced(number uint64) {
	if c.file == nil {
		return
	}
	c.synced.Store(number)
	var slot [syncedSlot]byte
	encodeSlot(slot[:], number)
	_, _ = c.file.WriteAt(slot[:], int64(number%2)*syncedSlot)
}

func encodeSlot(b []byte, number uint64) {
	binary.LittleEndian.PutUint64(b, number)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
}

// synced reads from the file the greatest number that is known to have been on the
// disk, 0 if none is.
func (d directory) synced() (uint64, error) {
	b, err := d.read(syncedFile)
	if errors.Is(err, errNoFile) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	known := uint64(0)
	for ; len(b) >= syncedSlot; b = b[syncedSlot:] {
		if binary.LittleEndian.Uint32(b[8:]) == crc32.Checksum(b[:8], castagnoli) {
			known = max(known, binary.LittleEndian.Uint64(b))
		}
	}
	return known, nil
}

// openBatches continues the numbers of the directory. If less is there than the file
// says was on the disk, acknowledged writes are lost.
func (s *Store) openBatches() error {
	if s.opts.InMemory {
		return nil
	}
	known, err := s.files.synced()
	if err != nil {
		return err
	}
	last, err := recordedBatch(s.db)
	if err != nil {
		return s.readError(err)
	}
	if last < known && !s.opts.AcceptDataLoss {
		return lostBatches(s.files.database().path, last, known, errors.New("they are nowhere"))
	}
	s.log.batches.last = last
	s.log.batches.synced.Store(last)
	var slots [2 * syncedSlot]byte
	encodeSlot(slots[last%2*syncedSlot:], last)
	if err := s.files.write(syncedFile, slots[:]); err != nil {
		return err
	}
	s.log.batches.file, err = s.files.fs.OpenReadWrite(s.files.join(syncedFile), vfs.WriteCategoryUnspecified)
	return err
}

// lostBatches says what is lost and what can be done.
func lostBatches(where string, last, known uint64, why error) error {
	return &CorruptError{Where: where, Err: fmt.Errorf("at least %d acknowledged writes (%d to %d) are lost: %w; %s",
		known-last, last+1, known, why, wayOut)}
}

const wayOut = "restore a copy of the directory, or start with --accept-data-loss to go on with what was " +
	"written before them"
