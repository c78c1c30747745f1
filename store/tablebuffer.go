package store

import (
	"bufio"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableBuffer is how much of a table is written at a time. The database writes its blocks of
// 4 KiB one by one, which takes the processor as long as to make them.
const tableBuffer = 128 << 10

// A tableFile gathers what is written to a table. Nobody reads a table before it is synced.
type tableFile struct {
	vfs.File
	w *bufio.Writer // keeps the first error: what could not be written is not tried again
}

func newTableFile(f vfs.File) tableFile {
	return tableFile{f, bufio.NewWriterSize(f, tableBuffer)}
}

// Write implements [io.Writer].
func (f tableFile) Write(p []byte) (int, error) { return f.w.Write(p) }

// Sync implements [vfs.File].
func (f tableFile) Sync() error {
	if err := f.w.Flush(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData implements [vfs.File].
func (f tableFile) SyncData() error {
	if err := f.w.Flush(); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo implements [vfs.File].
func (f tableFile) SyncTo(length int64) (full bool, err error) {
	if err := f.w.Flush(); err != nil {
		return false, err
	}
	return f.File.SyncTo(length)
}

// Close implements [io.Closer].
func (f tableFile) Close() error {
	err := f.w.Flush()
	if e := f.File.Close(); err == nil {
		err = e
	}
	return err
}
