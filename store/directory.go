package store

import (
	"errors"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// databaseDir is where Pebble's files are, in the data directory.
const databaseDir = "db"

var errNoFile = errors.New("no such file")

// A directory is the data directory of a store, on a disk or in memory. Files
// in it are small and written as a whole.
type directory struct {
	fs   vfs.FS
	path string
}

func (d directory) join(name string) string { return d.fs.PathJoin(d.path, name) }

func (d directory) database() directory { return directory{d.fs, d.join(databaseDir)} }

func (d directory) values() directory { return directory{d.fs, d.join(valuesDir)} }

// make creates the directory with its parents, so that they survive a crash.
func (d directory) make() error {
	var missing []string // from the inside out
	for p := d.path; ; p = d.fs.PathDir(p) {
		if _, err := d.fs.Stat(p); err == nil || d.fs.PathDir(p) == p {
			break
		} else if !isNotExist(err) {
			return err
		}
		missing = append(missing, p)
	}
	if err := d.fs.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := (directory{d.fs, d.fs.PathDir(missing[i])}).sync(); err != nil {
			return err
		}
	}
	return nil
}

// sync makes the creation and removal of files durable.
func (d directory) sync() error {
	path := d.path
	if path == "" {
		path = "."
	}
	f, err := d.fs.OpenDir(path)
	if err != nil {
		return err
	}
	return named("sync", path, errors.Join(f.Sync(), f.Close()))
}

// read returns the content of a file; the error is errNoFile if it is absent.
func (d directory) read(name string) ([]byte, error) {
	f, err := d.fs.Open(d.join(name))
	if isNotExist(err) {
		return nil, errNoFile
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// write replaces a file as a whole and durably. The file is for its owner only.
func (d directory) write(name string, b []byte) error {
	temporary := d.join(name + ".new")
	f, err := d.create(temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(temporary, d.join(name)); err != nil {
		return err
	}
	return d.sync()
}

// create makes an empty file. The interface of file systems knows no modes, so
// the disk is asked directly.
func (d directory) create(path string) (interface {
	io.WriteCloser
	Sync() error
}, error) {
	if vfs.Root(d.fs) == vfs.Default {
		if err := os.Remove(path); err != nil && !isNotExist(err) {
			return nil, err
		}
		var f *os.File
		open := func() (err error) {
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			return err
		}
		var err error
		if fs, ok := d.fs.(fullFS); ok {
			err = fs.full.do(false, open)
		} else {
			err = open()
		}
		return f, err
	}
	return d.fs.Create(path, vfs.WriteCategoryUnspecified)
}

// remove deletes a file durably; an absent one is no error.
func (d directory) remove(name string) error {
	if err := d.fs.Remove(d.join(name)); err != nil {
		if isNotExist(err) {
			return nil
		}
		return err
	}
	return d.sync()
}

func isNotExist(err error) bool { return err != nil && errors.Is(err, os.ErrNotExist) }
