package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A fullFS is a file system on which a write that finds no room waits until there is
// some, instead of failing: the database and the value log take a failed write for the
// end, and a log that has lost one write can't go on. So a commit on a full disk is
// late, never failed and never half there, and memory stays ahead of the disk by what
// is still to be written, as it always is.
//
// Tables are the exception. What flushes and compactions write can be written again,
// and what they have written so far takes room that the write-ahead log needs more: they
// fail, and the next one begins a second later.
//
// A sync that finds no room fails as ever: the system may have dropped what was written
// before it, so trying again would tell something durable that isn't.
type fullFS struct {
	vfs.FS
	full *full
}

// Unwrap implements [vfs.FS].
func (f fullFS) Unwrap() vfs.FS { return f.FS }

// isTable reports whether a file can be written again from the start.
func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

// named adds what was done to which file to an error that does not say it: those of the
// operating system for a sync have the number only.
func named(op, file string, err error) error {
	if err == nil || strings.Contains(err.Error(), file) {
		return err
	}
	return fmt.Errorf("%s %s: %w", op, file, err)
}

// open makes a file, as often as it takes.
func (f fullFS) open(name string, open func() (vfs.File, error)) (vfs.File, error) {
	table := isTable(name)
	if table {
		f.full.pause()
	}
	var file vfs.File
	err := f.full.do(table, func() (err error) {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, named("open", name, err)
	}
	file = fullFile{file, f.full, name, table}
	switch {
	case table:
		return newTableFile(file), nil
	case strings.HasSuffix(name, ".log"):
		return logFile{file, f.full}, nil
	}
	return file, nil
}

// Create implements [vfs.FS].
func (f fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite implements [vfs.FS].
func (f fullFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

// ReuseForWrite implements [vfs.FS].
func (f fullFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

// Link implements [vfs.FS].
func (f fullFS) Link(old, name string) error {
	return named("link", name, f.full.do(false, func() error { return f.FS.Link(old, name) }))
}

// Rename implements [vfs.FS].
func (f fullFS) Rename(old, name string) error {
	return named("rename", name, f.full.do(false, func() error { return f.FS.Rename(old, name) }))
}

// MkdirAll implements [vfs.FS].
func (f fullFS) MkdirAll(dir string, perm os.FileMode) error {
	return named("make directory", dir, f.full.do(false, func() error { return f.FS.MkdirAll(dir, perm) }))
}

// A fullFile is a file of a fullFS that is written. Each of its errors says which file it is.
type fullFile struct {
	vfs.File
	full  *full
	name  string
	table bool
}

// Write implements [io.Writer]. What a write that found no room has written stays
// written; the next one goes on behind it.
func (f fullFile) Write(p []byte) (n int, err error) {
	err = f.full.do(f.table, func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	return n, named("write", f.name, err)
}

// WriteAt implements [io.WriterAt].
func (f fullFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.full.do(f.table, func() error {
		m, err := f.File.WriteAt(p[n:], at+int64(n))
		n += m
		return err
	})
	return n, named("write", f.name, err)
}

// Sync implements [vfs.File].
func (f fullFile) Sync() error { return named("sync", f.name, f.File.Sync()) }

// SyncData implements [vfs.File].
func (f fullFile) SyncData() error { return named("sync", f.name, f.File.SyncData()) }

// SyncTo implements [vfs.File].
func (f fullFile) SyncTo(length int64) (full bool, err error) {
	full, err = f.File.SyncTo(length)
	return full, named("sync", f.name, err)
}

// Close implements [io.Closer].
func (f fullFile) Close() error { return named("close", f.name, f.File.Close()) }

// A logFile is a file of the write-ahead log. What of it can't be written ends the process here, with
// one line: if the database is about to leave the log for the next one, it would end it with a
// panic that can't be caught.
type logFile struct {
	vfs.File
	full *full
}

// Write implements [io.Writer].
func (f logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil && f.full.lost(err) == nil {
		return len(p), nil
	}
	return n, err
}

// Sync implements [vfs.File].
func (f logFile) Sync() error { return f.full.lost(f.File.Sync()) }

// SyncData implements [vfs.File].
func (f logFile) SyncData() error { return f.full.lost(f.File.SyncData()) }

// SyncTo implements [vfs.File].
func (f logFile) SyncTo(length int64) (full bool, err error) {
	full, err = f.File.SyncTo(length)
	return full, f.full.lost(err)
}

// Close implements [io.Closer].
func (f logFile) Close() error { return f.full.lost(f.File.Close()) }

// ballastFile holds room for the time when there is none: see [full].
const ballastFile = "ballast"

// ballastChunk is how much of a ballast is written at a time.
const ballastChunk = 1 << 20

// makeBallast fills the ballast file if there is none of that size and the disk has
// plenty. It takes random bytes, which no file system stores in less room.
func makeBallast(fs vfs.FS, dir string, size int64, keep func(total uint64) uint64, random func([]byte)) error {
	name := filepath.Join(dir, ballastFile)
	if info, err := fs.Stat(name); err == nil && info.Size() == size {
		return nil
	}
	usage, err := fs.GetDiskUsage(dir)
	if err != nil || usage.AvailBytes < uint64(size)+keep(usage.TotalBytes) {
		return err
	}
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	chunk := make([]byte, ballastChunk)
	for left := size; left > 0 && err == nil; left -= int64(len(chunk)) {
		chunk = chunk[:min(left, ballastChunk)]
		random(chunk)
		_, err = f.Write(chunk)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = fs.Remove(name)
	}
	return err
}
