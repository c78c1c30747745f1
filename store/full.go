package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/clock"
	"switchyard/commit"
)

const (
	// fullRetry is the pause before a write that found no room is tried again.
	fullRetry = 250 * time.Millisecond
	// fullPause is the pause between two attempts to write a table.
	fullPause = time.Second
	// fullFor is how long the disk counts as full after a write that found no room.
	fullFor = 3 * time.Second
	// fullPatience is how long a commit may take on a full disk before those who wait
	// for it are told that it may take for ever.
	fullPatience = 3 * time.Second
	// fullTold is the pause between two lines in the log.
	fullTold = time.Minute
)

// wall measures how long writes wait; the time of the process is not for that.
var wall clock.Wall

// full is what is known of writes that find no room, and the ballast: a file that is
// removed when the first of them does, so that there is room to delete by.
type full struct {
	s  *Store
	fs vfs.FS // below: what is asked of it does not wait

	mu                 sync.Mutex
	opened             bool          // the store was opened: from then on writes may wait
	waits              bool          // the store is open and not closing
	noRoom             chan struct{} // closed when a table finds no room while the store opens
	last               time.Time     // when a write last found no room
	told               time.Time     // when that was last logged
	failed, toldFailed time.Time     // when work in the background last failed, and that was logged
	watch              bool          // a goroutine watches
	closed             chan struct{} // closed when the store closes
	wg                 sync.WaitGroup
}

func (f *full) init(s *Store) {
	f.s, f.fs, f.closed, f.noRoom = s, s.opts.FS, make(chan struct{}), make(chan struct{})
	if !s.opts.InMemory {
		s.opts.FS = fullFS{s.opts.FS, f}
	}
}

// do writes, as often as it takes if the file must be written. A table is given up,
// and so is everything while the store opens or closes: that fails by name.
func (f *full) do(table bool, write func() error) error {
	for {
		err := write()
		if !vfs.IsNoSpaceError(err) {
			return err
		}
		if f.s.spares.giveRoom() || f.fs.Remove(f.ballast()) == nil {
			continue
		}
		if !f.found(table) || table {
			return err
		}
		time.Sleep(fullRetry)
	}
}

func (f *full) ballast() string { return f.fs.PathJoin(f.s.dir, ballastFile) }

// refuse ends the opening of the database, which would write the table again and again:
// the goroutine that writes it stays for ever, and the store is not opened. The caller
// holds mu.
func (f *full) refuse() {
	select {
	case <-f.noRoom:
	default:
		close(f.noRoom)
	}
	f.mu.Unlock()
	select {}
}

// found notes that a write found no room and reports whether it may wait.
func (f *full) found(table bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = wall.Now()
	if !f.waits {
		if table && !f.opened {
			f.refuse()
		}
		return false
	}
	if !f.watch {
		f.watch = true
		f.wg.Go(f.watchFull)
	}
	return true
}

// backgroundError notes that a flush or a compaction failed, which the database tries
// again at once. It is logged once a minute, or by [full.watchFull].
func (f *full) backgroundError(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := wall.Now()
	f.failed = now
	if vfs.IsNoSpaceError(err) || now.Sub(f.toldFailed) < fullTold {
		return
	}
	f.toldFailed = now
	f.s.opts.Logger.Warn("database background work failed", "err", firstLine(err))
}

// pause lets the log have what room there is before the next table is begun, and some
// time go by after a failure.
func (f *full) pause() {
	f.mu.Lock()
	wait := f.opened && (wall.Now().Sub(f.last) < fullPause || wall.Now().Sub(f.failed) < fullPause)
	f.mu.Unlock()
	if wait {
		time.Sleep(fullPause)
	}
}

func (f *full) is() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return wall.Now().Sub(f.last) < fullFor
}

// lost ends the process if a part of the write-ahead log could not be written: what was
// decided is in memory and never gets to the disk. If Options.Fatal returns, which only a
// test's does, the database goes on without the error, and nothing is answered any more.
// While the store opens or closes it returns the error to those who do that.
func (f *full) lost(err error) error {
	f.mu.Lock()
	runs := f.waits
	f.mu.Unlock()
	if err == nil || !runs {
		return err
	}
	f.s.log.fail(fmt.Errorf("write-ahead log: %w", err))
	return nil
}

// start lets writes wait and makes the ballast.
func (f *full) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened, f.waits = true, !f.s.opts.InMemory
	if f.waits && f.s.opts.Ballast > 0 {
		f.wg.Go(f.fill)
	}
}

// stop lets no write wait any more and ends the goroutines.
func (f *full) stop() {
	f.mu.Lock()
	f.waits = false
	f.mu.Unlock()
	close(f.closed)
	f.wg.Wait()
}

// fill makes the ballast, if that leaves what is to stay free.
func (f *full) fill() {
	o := f.s.opts
	random := rand.NewChaCha8([32]byte{})
	err := makeBallast(f.fs, f.s.dir, o.Ballast, o.minFree, func(b []byte) { _, _ = random.Read(b) })
	if err != nil && !vfs.IsNoSpaceError(err) {
		o.Logger.Warn("the ballast file can't be made", "file", f.ballast(), "err", err)
	}
}

// watchFull runs while the disk is full. It tells those who wait, and the log, which
// hears of it once a minute.
func (f *full) watchFull() {
	o := f.s.opts
	t := time.NewTicker(fullRetry)
	defer t.Stop()
	for {
		f.mu.Lock()
		if wall.Now().Sub(f.last) >= fullFor {
			f.watch = false
			f.mu.Unlock()
			break
		}
		if wall.Now().Sub(f.told) >= fullTold {
			f.told = wall.Now()
			o.Logger.Error("the disk is full; what was asked for waits until there is room: make some on the disk",
				"dir", f.s.dir)
		}
		f.mu.Unlock()
		f.s.log.stall()
		select {
		case <-t.C:
		case <-f.closed:
			return
		}
	}
	o.Logger.Info("the disk has room again", "dir", f.s.dir)
	if o.Ballast > 0 {
		f.fill()
	}
}

// errStalled is what those who wait for a commit on a full disk are told.
func (s *Store) errStalled() error {
	return fmt.Errorf("data directory %s: %w: nothing can be written, and what was asked for may or may not happen "+
		"once there is room; make some on the disk", s.dir, commit.ErrFull)
}

// Trouble says what keeps the store from its work at the moment: a disk that is full,
// or nearly.
func (s *Store) Trouble() []string {
	if s.opts.InMemory {
		return nil
	}
	if err := s.Full(); err != nil {
		return []string{err.Error()}
	}
	sp := &s.log.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.look()
	if sp.found == roomy {
		return nil
	}
	return []string{sp.err().Error()}
}

// Full fails with [commit.ErrFull] while writes find no room, whether anybody waits for
// them or not.
func (s *Store) Full() error {
	if s.full.is() {
		return s.errFull()
	}
	return nil
}

func (s *Store) errFull() error {
	return fmt.Errorf("data directory %s: %w: nothing can be written; make room on the disk", s.dir, commit.ErrFull)
}
