package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// spareSuffix is that of a file that will be a segment of the value log again.
const spareSuffix = ".spare"

const (
	// maxSpares is how many spare files there are at most.
	maxSpares = 8
	// perSpare is how many full segments there are for each: what is used again has its whole
	// size at once, which must not count beside what is stored.
	perSpare = 2
	// spareRoom is how many segments must find room beyond what is to stay free.
	spareRoom = 16
	// spareFor is how long spare files stay that nobody takes.
	spareFor = time.Minute
)

// spares are files of segments that were dropped, kept for those to come while large values
// come and go. To sync what is written over takes the disk once; a file that grows takes it
// twice more, for the journal of the file system.
type spares struct {
	dir  directory                 // whose writes do not wait for room
	keep func(total uint64) uint64 // bytes that are to stay free on a disk of that many

	mu    sync.Mutex
	names []string
	made  int         // how many there ever were
	timer *time.Timer // drops them; nil: there was none yet
}

// add keeps the file of a segment, unless there are enough beside those that are full, or
// there is little room. It reports whether it did.
func (s *spares) add(path string, size int64, full int) bool {
	if !s.roomy(size) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("%08d%s", s.made+1, spareSuffix)
	if len(s.names) >= min(maxSpares, full/perSpare) || s.dir.fs.Rename(path, s.dir.join(name)) != nil {
		return false
	}
	s.made++
	s.names = append(s.names, name)
	s.used()
	return true
}

// take returns the path of a spare file, which the caller gives another name.
func (s *spares) take() (path string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) == 0 {
		return "", false
	}
	path = s.dir.join(s.names[0])
	s.names = slices.Delete(s.names, 0, 1)
	s.used()
	return path, true
}

// used notes that spare files come and go. The caller holds mu.
func (s *spares) used() {
	if s.timer == nil {
		s.timer = time.AfterFunc(spareFor, s.drop)
		return
	}
	s.timer.Reset(spareFor)
}

// roomy reports whether there is much room on the disk.
func (s *spares) roomy(size int64) bool {
	usage, err := s.dir.fs.GetDiskUsage(s.dir.path)
	return err == nil && usage.AvailBytes >= s.keepFree(usage.TotalBytes, size)
}

// keepFree is how many bytes of a disk must be free for files of that size to be kept.
func (s *spares) keepFree(total uint64, size int64) uint64 {
	return s.keep(total) + uint64(spareRoom*size)
}

// giveRoom is drop for a write that found none, perhaps while a file is kept. It reports
// whether there was one.
func (s *spares) giveRoom() bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	had := len(s.names) > 0
	s.remove()
	return had
}

// drop removes all.
func (s *spares) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove()
}

// remove is drop. The caller holds mu.
func (s *spares) remove() {
	if s.timer != nil {
		s.timer.Stop()
	}
	for _, name := range s.names {
		_ = s.dir.fs.Remove(s.dir.join(name)) // the next Open removes it
	}
	s.names = nil
}

// init sets the directory of the segments, and removes what a process that was killed has
// left: before the database opens, which may need the room.
func (s *spares) init(d directory, keep func(total uint64) uint64) error {
	if fs, ok := d.fs.(fullFS); ok {
		d.fs = fs.FS
	}
	s.dir, s.keep = d, keep
	names, err := d.fs.List(d.path)
	if err != nil && !isNotExist(err) {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, spareSuffix) {
			if err := d.fs.Remove(d.join(name)); err != nil && !isNotExist(err) {
				return err
			}
		}
	}
	return nil
}
