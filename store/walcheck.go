package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// damagedDir is where the parts of write-ahead logs are kept that a start with
// Options.AcceptDataLoss has gone on without.
const damagedDir = "damaged"

// batchEnd is how a batch begins to end: kind, key and length of the record.
var batchEnd = func() []byte {
	b := append([]byte{byte(pebble.InternalKeyKindSet), byte(len(batchKey))}, batchKey...)
	return append(b, batchPayloadLen+recordOverhead)
}()

// A numberedBatch is one that a write-ahead log holds whole.
type numberedBatch struct {
	batchNumber
	end int // behind its last chunk
}

// A walScan is what one write-ahead log holds.
type walScan struct {
	path  string
	name  string
	size  int
	good  []numberedBatch // up to the first bad chunk: what the database will read
	end   int             // of the good chunks
	later []numberedBatch // behind it: not read, but evidence
	err   error           // a later chunk says that the bad one was synced; nil: none does
}

// scanWAL reads the log of that number.
func scanWAL(file []byte, log uint32) (w walScan) {
	tail := make([]byte, 0, 2*chunkBlock)
	off, whole := 0, true
	for off < len(file) {
		b := rest(file, off)
		if left := chunkBlock - off%chunkBlock; left < chunkHeader[2] && left == len(b) && isZero(b) {
			off += left
			continue
		}
		c, ok := parseChunk(b, log)
		if !ok {
			if whole {
				w.end, whole = off, false
			}
			next, found := laterChunk(file, off, log, func(chunk) bool { return true })
			if !found {
				break
			}
			off, tail = next, tail[:0]
			continue
		}
		kind := (int(b[6]) - 1) % 4 // full, first, middle, last
		if kind < 2 {
			tail = tail[:0]
		}
		data := b[c.header:c.size]
		tail = append(tail, data[max(0, len(data)-64):]...)
		off += c.size
		if kind == 0 || kind == 3 {
			if n, ok := numberAtEnd(tail); ok && whole {
				w.good = append(w.good, numberedBatch{n, off})
			} else if ok {
				w.later = append(w.later, numberedBatch{n, off})
			}
			tail = tail[:0]
		}
	}
	if whole {
		w.end = off
	}
	return w
}

// numberAtEnd reads the number with which a batch ends.
func numberAtEnd(b []byte) (n batchNumber, ok bool) {
	const recordLen = batchPayloadLen + recordOverhead
	at := len(b) - recordLen
	if at < len(batchEnd) || !bytes.Equal(b[at-len(batchEnd):at], batchEnd) {
		return n, false
	}
	p, err := payload(batchKey, b[at:])
	if err != nil {
		return n, false
	}
	n, err = decodeBatchNumber(p)
	return n, err == nil
}

// A walName is a write-ahead log's file and number.
type walName struct {
	name   string
	number uint32
}

// wals names all write-ahead logs, in the order in which they were written.
func (d directory) wals() (all []walName, err error) {
	names, err := d.fs.List(d.path)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		digits, isWAL := strings.CutSuffix(name, ".log")
		if n, err := strconv.ParseUint(digits, 10, 32); isWAL && err == nil { // else not the database's
			all = append(all, walName{name, uint32(n)})
		}
	}
	slices.SortFunc(all, func(a, b walName) int { return cmp.Compare(a.number, b.number) })
	return all, nil
}

// removeDeadWALs removes the write-ahead logs of a closed database but the last ones,
// which are live. The database keeps up to five dead ones, as large as a memtable, to
// write over them, and the next start would read them whole: the list of a clean stop has
// their checksums.
func (d directory) removeDeadWALs(live int) error {
	db := d.database()
	all, err := db.wals()
	if err != nil {
		return err
	}
	for _, w := range all[:max(len(all)-live, 0)] {
		if err := db.fs.Remove(db.join(w.name)); err != nil {
			return err
		}
	}
	return nil
}

// scanWALs reads all write-ahead logs, in the order in which they were written.
func (d directory) scanWALs() (all []walScan, err error) {
	db := d.database()
	files, err := db.wals()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := db.read(f.name)
		if err != nil {
			return nil, err
		}
		w := scanWAL(b, f.number)
		w.path, w.name, w.size = db.join(f.name), f.name, len(b)
		w.err = checkWALChunks(b, f.number)
		all = append(all, w)
	}
	return all, nil
}

// A walLoss is what the write-ahead logs should hold and don't.
type walLoss struct {
	last, known uint64 // the batches between them are lost
	log         int    // the last log of which something can be read; -1: none
	end         int    // of that in this log
	at          int    // the log in which the loss begins
	why         error
}

// findLoss compares the write-ahead logs with what is known to have been on the disk:
// the batches behind those in the tables must all be there, without a gap.
func findLoss(all []walScan, flushed, known uint64) (loss walLoss, found bool) {
	loss = walLoss{last: flushed, known: known, log: -1, why: fmt.Errorf("the write-ahead logs end before them")}
	gap := false
	for i, w := range all {
		for _, n := range slices.Concat(w.good, w.later) {
			loss.known = max(loss.known, n.synced)
		}
		for _, n := range w.good {
			if gap || n.number > loss.last+1 {
				gap = true
				break
			}
			if n.number >= loss.last {
				loss.last, loss.log, loss.end = n.number, i, n.end
			}
		}
		if w.err != nil && loss.last+1 > loss.known && i == len(all)-1 {
			loss.known = loss.last + 1 // of a directory that had no numbers yet
		}
	}
	if loss.last >= loss.known {
		return loss, false
	}
	loss.at = max(loss.log, 0)
	for i, w := range all[loss.at:] {
		if len(w.later) > 0 || w.err != nil {
			loss.at += i
			loss.why = fmt.Errorf("bad record in %s at %d of %d", w.name, w.end, w.size)
			break
		}
	}
	return loss, true
}

// checkWALs looks at the write-ahead logs before the database reads them, after a stop
// that was not clean: it takes the first bad record for the end. It changes nothing
// unless the loss is accepted.
func (s *Store) checkWALs() error {
	all, err := s.files.scanWALs()
	if err != nil {
		return err
	}
	known, err := s.files.synced()
	if err != nil {
		return err
	}
	flushed, err := s.flushedBatch()
	if err != nil {
		return err
	}
	loss, found := findLoss(all, flushed, known)
	if !found && s.opts.AcceptDataLoss {
		return s.files.cutTails(all)
	}
	if !found {
		return nil
	}
	where := s.files.database().path
	if len(all) > 0 {
		where = all[loss.at].path
	}
	lost := lostBatches(where, loss.last, loss.known, loss.why)
	if !s.opts.AcceptDataLoss {
		return lost
	}
	s.opts.Logger.Error("going on without acknowledged writes, as asked; what is left of them is kept",
		"in", s.files.join(damagedDir), "from", loss.last+1, "to", loss.known, "err", lost)
	return s.files.setAside(all, loss)
}

// setAside copies the logs that hold something behind the loss into a directory of their
// own, and cuts off what the database must not read: units behind lost ones.
func (d directory) setAside(all []walScan, loss walLoss) error {
	aside := directory{d.fs, d.join(damagedDir)}
	if err := aside.make(); err != nil {
		return err
	}
	for i, w := range all {
		if i < loss.log {
			continue
		}
		b, err := d.database().read(w.name)
		if err == nil {
			err = aside.write(w.name, b)
		}
		if err == nil && i == loss.log {
			err = d.database().write(w.name, b[:loss.end])
		} else if err == nil {
			err = d.database().remove(w.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cutTails cuts off what is behind the last good record of every log but the last,
// which the database does not forgive there although no batch is missing.
func (d directory) cutTails(all []walScan) error {
	for i, w := range all {
		if i == len(all)-1 || w.end == w.size {
			continue
		}
		b, err := d.database().read(w.name)
		if err == nil {
			err = d.database().write(w.name, b[:w.end])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flushedBatch is the number of the last batch in the tables, without the write-ahead
// logs.
func (s *Store) flushedBatch() (n uint64, err error) {
	o := s.opts.pebble(&s.full, s.lock.database, func(error) {})
	o.ReadOnly, o.ErrorIfNotExists = true, true
	o.FS = withoutLogs{s.opts.FS}
	damage := func(err error) error { return &CorruptError{Where: s.files.database().path, Err: err} }
	defer func() {
		if p := recover(); p != nil {
			err = damage(fmt.Errorf("%v", p))
		}
	}()
	db, err := pebble.Open(s.files.database().path, o)
	if err != nil {
		return 0, damage(err)
	}
	n, err = recordedBatch(db)
	if closed := db.Close(); err == nil {
		err = closed
	}
	return n, s.readError(err)
}

// withoutLogs is a file system on which a database has no write-ahead logs.
type withoutLogs struct{ vfs.FS }

func (f withoutLogs) List(dir string) ([]string, error) {
	names, err := f.FS.List(dir)
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".log") }), err
}
