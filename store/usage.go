package store

import (
	"io/fs"
	"path/filepath"
)

// Usage returns how many bytes the files of the data directory take and how many are
// free on its disk, -1 if the file system does not tell. ok is false for a store in
// memory.
func (s *Store) Usage() (used, free int64, ok bool) {
	if s.opts.InMemory {
		return 0, 0, false
	}
	_ = filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // deleted meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			used += info.Size()
		}
		return nil
	})
	usage, err := s.opts.FS.GetDiskUsage(s.dir)
	if err != nil {
		return used, -1, true
	}
	return used, int64(usage.AvailBytes), true
}
