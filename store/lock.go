package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A lock keeps other processes, and other stores of this one, out of a data
// directory. It is two: one on the directory itself, which can't be taken away
// without the data, and the database's on its file LOCK, which is all there is where
// directories can't be locked. A file that somebody unlinks is locked no longer for
// who makes it anew.
type lock struct {
	directory io.Closer // nil: not on a disk, or not lockable
	database  *pebble.Lock
}

// lock locks the data directory, which exists. The error is [ErrLocked] or the file
// system's.
func (d directory) lock() (*lock, error) {
	l := &lock{}
	if vfs.Root(d.fs) == vfs.Default {
		var err error
		if l.directory, err = lockDirectory(d.path); err != nil {
			return nil, err
		}
	}
	err := d.database().make()
	if err == nil {
		if l.database, err = pebble.LockDirectory(d.database().path, d.fs); err != nil {
			err = lockError(err)
		}
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close lets others in.
func (l *lock) Close() (err error) {
	if l.database != nil {
		err = l.database.Close()
	}
	if l.directory != nil {
		err = errors.Join(err, l.directory.Close())
	}
	return err
}

// lockError tells a lock that is held from a directory that can't be written.
func lockError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) || isNotExist(err) || errors.Is(err, syscall.ENOSPC) ||
		errors.Is(err, syscall.EROFS) {
		return err
	}
	return ErrLocked
}

// sameDirectory fails if path has come to be another directory than the one that
// was opened and locked.
func sameDirectory(f *os.File, path string) error {
	locked, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(locked, now) {
		return fmt.Errorf("%w: it was replaced by another directory at this moment", ErrLocked)
	}
	return nil
}
