package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// A Store is an open data directory. Its methods may be called from any
// goroutine. After Close, reads and Admit fail with [ErrClosed], Submit does
// nothing and Sync ends its goroutine.
type Store struct {
	dir    string
	opts   Options
	files  directory
	lock   *lock
	db     *pebble.DB
	sealer *sealer
	log    log
	values *valueLog // nil: a store in memory
	spares spares
	full   full

	damages damageMet

	mu         sync.Mutex
	idle       sync.Cond // signalled when no view is open
	views      [2]int    // how many are open, by generation
	generation int       // of the views that are opened now
	closed     bool
}

var (
	_ commit.Log     = (*Store)(nil)
	_ broker.Store   = (*Store)(nil)
	_ engine.History = (*Store)(nil)
)

// Open opens the data directory dir, or makes it if it is absent or empty. The
// errors are [ErrForeign], [ErrLocked], [ErrNewerVersion], [ErrCorrupt], [ErrKey] or
// that of the file system; each names the directory or the file.
func Open(dir string, o Options) (*Store, error) { return open(dir, o, currentFormat) }

func open(dir string, o Options, f format) (_ *Store, err error) {
	s := &Store{dir: dir, opts: o.withDefaults()}
	s.idle.L = &s.mu
	s.full.init(s)
	s.log.init(s)
	s.files = directory{s.opts.FS, dir}
	if err := s.files.refuseForeign(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := s.files.make(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if s.lock, err = s.files.lock(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	initialised, err := s.check(f)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := s.openDatabase(initialised); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := s.prepare(f, initialised); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := s.loadMark(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	s.full.start()
	return s, nil
}

// check looks at the files before the database does. It reports whether the
// directory was initialised before.
func (s *Store) check(f format) (initialised bool, err error) {
	version, err := s.files.format()
	if err != nil {
		return false, err
	}
	if version > f.version {
		return false, newerVersion(version, f.version)
	}
	if err := s.spares.init(s.files.values(), s.opts.minFree); err != nil {
		return false, err
	}
	clean, err := s.files.takeClean()
	if err != nil {
		return false, err
	}
	manifest, err := s.files.manifest()
	if err != nil {
		return false, err
	}
	if manifest == "" {
		data, err := s.files.hasData()
		if err != nil {
			return false, err
		}
		if version > 0 || data {
			return false, &CorruptError{Where: s.files.database().path,
				Err: errors.New("the manifest of the database is lost")}
		}
	}
	if manifest != "" && !clean {
		if err := s.files.checkManifest(manifest); err != nil {
			return false, err
		}
		if err := s.checkWALs(); err != nil {
			return false, err
		}
	}
	return version > 0, nil
}

func newerVersion(got, known int) error {
	return fmt.Errorf("%w of this program: format %d, this one knows %d", ErrNewerVersion, got, known)
}

// openDatabase opens Pebble. Of an initialised directory every failure that is
// not the file system's is damage, and so is a panic.
func (s *Store) openDatabase(initialised bool) (err error) {
	o := s.opts.pebble(&s.full, s.lock.database, s.log.fatal)
	o.ErrorIfNotExists = initialised
	damage := func(err error) error {
		return &CorruptError{Where: s.files.database().path, Err: err}
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- damage(fmt.Errorf("%v", p))
			}
		}()
		db, err := pebble.Open(s.files.database().path, o)
		s.db = db
		done <- err
	}()
	select {
	case err = <-done:
	case <-s.full.noRoom:
		return syscall.ENOSPC
	}
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCorrupt), vfs.IsNoSpaceError(err):
		return err
	case strings.Contains(err.Error(), "replaying WAL"):
		return damage(fmt.Errorf("%s; acknowledged writes may be lost; %s", firstLine(err), wayOut))
	case pebble.IsCorruptionError(err), isNotExist(err):
		return damage(err)
	case errors.As(err, &errno), !initialised:
		return err
	}
	return damage(err)
}

// prepare reads the version and the key check, and makes or upgrades what is
// not there yet.
func (s *Store) prepare(f format, initialised bool) error {
	version, err := recordedVersion(s.db)
	if err != nil {
		return s.readError(err)
	}
	check, err := systemRecord(s.db, keyCheckKeyName)
	if err != nil {
		return s.readError(err)
	}
	switch {
	case version > f.version:
		return newerVersion(version, f.version)
	case version > 0 && check == nil:
		return damaged(systemKey(keyCheckKeyName), errors.New("record is missing"))
	case version == 0 && (initialised || check != nil):
		return damaged(systemKey(formatKeyName), errors.New("record is missing"))
	case version > 0 && !initialised:
		// The code that makes a directory writes this file last.
		if used, err := s.used(); err != nil {
			return err
		} else if used {
			return &CorruptError{Where: s.files.join(formatFile),
				Err: errors.New("the file is lost, and the database has data")}
		}
	}
	if s.sealer, err = loadSealer(s.files, s.opts.Key, check); err != nil {
		return err
	}
	if err := s.openBatches(); err != nil {
		return err
	}
	if err := s.openValues(); err != nil { // removes segments that the database does not name
		return err
	}
	sync := pebble.Sync
	if s.opts.InMemory {
		sync = pebble.NoSync // there is no write-ahead log to sync
	}
	if version == 0 {
		err = f.initialise(s.db, s.sealer, sync)
	} else if version < f.version {
		s.opts.Logger.Info("upgrading data directory", "dir", s.dir, "from", version, "to", f.version)
		err = f.upgrade(s, version, sync)
	}
	if err != nil {
		return err
	}
	if written, err := s.files.format(); err != nil || written != f.version {
		if err := s.files.writeFormat(f.version); err != nil {
			return err
		}
	}
	return s.forgetRetired()
}

// openValues opens the value log.
func (s *Store) openValues() error {
	if s.opts.InMemory {
		return nil
	}
	named, err := namedSegments(s.db)
	if err != nil {
		return s.readError(err)
	}
	s.values, err = openValueLog(s.files, named, &s.spares, s.opts.Logger, s.opts.segmentReaders())
	return err
}

// used reports whether there is anything beside what the making of a directory
// writes.
func (s *Store) used() (bool, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableSystem + 1}})
	if err != nil {
		return false, s.readError(err)
	}
	used := it.First()
	if err := it.Close(); err != nil {
		return false, s.readError(err)
	}
	return used, nil
}

// forgetRetired removes the numbers of deleted entities and namespaces that a
// greater one covers.
func (s *Store) forgetRetired() error {
	b := s.db.NewBatch()
	defer b.Close()
	for _, table := range []byte{tableRetiredNamespace, tableRetiredEntity} {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{table}, UpperBound: []byte{table + 1}})
		if err != nil {
			return s.readError(err)
		}
		first := it.First()
		from := append([]byte{}, it.Key()...)
		if first && it.Last() && string(it.Key()) != string(from) {
			b.DeleteRange(from, it.Key(), nil)
		}
		if err := it.Close(); err != nil {
			return s.readError(err)
		}
	}
	if b.Empty() {
		return nil
	}
	return b.Commit(pebble.NoSync)
}

// enter counts a view, so that Close waits for it, and returns its generation.
func (s *Store) enter() (generation int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	s.views[s.generation]++
	return s.generation, nil
}

func (s *Store) leave(generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.views[generation]--; s.views == [2]int{} {
		s.idle.Broadcast()
	}
}

// nextGeneration begins a generation of views if all of the one before the present
// are closed: all views, then, that were open when the present one began. There are
// two, so views that overlap without end do not keep dropped segments.
func (s *Store) nextGeneration() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := 1 - s.generation
	if s.views[before] > 0 {
		return false
	}
	s.generation = before
	return true
}

// flushAtClose is the size of the write-ahead log from which on Close writes
// tables instead of leaving the log for the next Open to read.
const flushAtClose = 1 << 20

// Close commits what was submitted, waits for readers and closes the database.
// It must not be called from a callback. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	inOrder, err := s.log.close()
	if err != nil {
		// What is being written can't be called back: the lock stays until the process
		// ends. The directory is as after a crash.
		return fmt.Errorf("close %s: %w", s.dir, err)
	}
	s.full.stop()
	if !inOrder {
		// Pebble's state is unknown after a failed commit; only the process's end
		// is safe. The directory is as after a crash.
		s.lock.Close()
		return ErrClosed
	}
	s.mu.Lock()
	for s.views != [2]int{} {
		s.idle.Wait()
	}
	s.mu.Unlock()
	return s.release()
}

// release closes the database and the lock.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		if s.closed && !s.opts.InMemory && s.log.space.roomy() && s.db.Metrics().WAL.Size > flushAtClose {
			err = s.db.Flush()
		}
		wal := s.db.Metrics().WAL
		live := int(wal.Files)
		if wal.Size == 0 {
			live = 0 // the last one is as large as what it was written over, and has nothing
		}
		if f := s.log.batches.file; f != nil {
			err = errors.Join(err, f.Close())
		}
		if s.values != nil {
			s.log.removeDropped()
			err = errors.Join(err, s.values.close())
		}
		err = errors.Join(err, s.db.Close())
		if err == nil && s.closed && !s.opts.InMemory {
			err = errors.Join(s.files.removeDeadWALs(live), s.files.writeClean())
			if vfs.IsNoSpaceError(err) {
				err = nil // without the list the next Open looks closer
			}
		}
	}
	err = errors.Join(err, s.lock.Close())
	if err != nil {
		return fmt.Errorf("close %s: %w", s.dir, err)
	}
	return nil
}
