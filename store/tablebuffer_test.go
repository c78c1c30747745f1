package store

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A talliedFile counts its writes and syncs, and fails while full.
type talliedFile struct {
	vfs.File
	writes, syncs int
	full          bool
}

func (f *talliedFile) Write(p []byte) (int, error) {
	f.writes++
	if f.full {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

func (f *talliedFile) Sync() error                  { f.syncs++; return f.File.Sync() }
func (f *talliedFile) SyncData() error              { f.syncs++; return f.File.SyncData() }
func (f *talliedFile) SyncTo(n int64) (bool, error) { f.syncs++; return f.File.SyncTo(n) }

func tableOn(t *testing.T, fs vfs.FS) (*talliedFile, tableFile) {
	t.Helper()
	f, err := fs.Create("t.sst", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	c := &talliedFile{File: f}
	return c, newTableFile(c)
}

// TestTableFile: whatever syncs or closes a table has all of it written before.
func TestTableFile(t *testing.T) {
	for name, end := range map[string]func(tableFile) error{
		"sync": tableFile.Sync, "data": tableFile.SyncData, "close": tableFile.Close,
		"part": func(f tableFile) error { _, err := f.SyncTo(1000); return err },
	} {
		fs, want := vfs.NewMem(), bytes.Repeat([]byte("0123456789abcdef"), 3*tableBuffer/16/2)
		c, f := tableOn(t, fs)
		for rest := want; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
			if n, err := f.Write(rest[:min(len(rest), 1000)]); err != nil || n != min(len(rest), 1000) {
				t.Fatalf("%s: wrote %d: %v", name, n, err)
			}
		}
		if err := end(f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if synced := c.syncs == 1; synced != (name != "close") {
			t.Errorf("%s: %d syncs", name, c.syncs)
		}
		r, err := fs.Open("t.sst")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) || c.writes != 2 {
			t.Errorf("%s: %d of %d bytes in %d writes: %v", name, len(got), len(want), c.writes, err)
		}
	}
}

// TestTableFileWithoutRoom: what found no room is told by each sync and by the close, also when
// there is room again: a part is missing.
func TestTableFileWithoutRoom(t *testing.T) {
	c, f := tableOn(t, vfs.NewMem())
	if _, err := f.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	c.full = true
	if err := f.Sync(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a sync without room: %v", err)
	}
	c.full = false
	_, err := f.Write(make([]byte, 2*tableBuffer))
	if _, to := f.SyncTo(1); !errors.Is(err, syscall.ENOSPC) || !errors.Is(to, syscall.ENOSPC) ||
		!errors.Is(f.Sync(), syscall.ENOSPC) || !errors.Is(f.SyncData(), syscall.ENOSPC) || !errors.Is(f.Close(), syscall.ENOSPC) {
		t.Errorf("after it: %v, %v", err, to)
	}
	if c.syncs != 0 {
		t.Errorf("%d syncs of a table that is not whole", c.syncs)
	}
}
