package store

import (
	"fmt"
	"sync"

	"switchyard/commit"
)

// spaceCheck is how many bytes or calls are admitted between two looks at the disk's
// free space.
const spaceCheckBytes, spaceCheckCalls = 1 << 20, 256

// space is what is known of the room on the disk.
type space struct {
	s *Store

	mu    sync.Mutex
	bytes int    // admitted since the last look
	calls int    // calls since the last look
	low   bool   // what the last look found
	free  uint64 // what the last look found, in bytes
}

func (sp *space) init(s *Store) {
	sp.s = s
	sp.calls = spaceCheckCalls
}

// admit refuses what does not free space while the disk is nearly full. It looks at
// the disk now and then, and each time while it is nearly full.
func (sp *space) admit(bytes int) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.bytes += bytes
	sp.calls++
	if sp.low || sp.bytes >= spaceCheckBytes || sp.calls >= spaceCheckCalls {
		sp.look()
	}
	return sp.err()
}

// look asks the file system. One that does not tell is not limited here. The caller
// holds mu.
func (sp *space) look() {
	o := sp.s.opts
	sp.bytes, sp.calls = 0, 0
	if o.MinFree < 0 {
		return
	}
	usage, err := o.FS.GetDiskUsage(sp.s.dir)
	sp.low, sp.free = err == nil && usage.AvailBytes < uint64(o.MinFree), usage.AvailBytes
}

// roomy reports whether a commit can be expected to find room.
func (sp *space) roomy() bool {
	o := sp.s.opts
	usage, err := o.FS.GetDiskUsage(sp.s.dir)
	return err != nil || usage.AvailBytes >= uint64(max(o.MinFree, 64<<20))
}

// err says what the last look found, for who is refused. The caller holds mu.
func (sp *space) err() error {
	if !sp.low {
		return nil
	}
	return fmt.Errorf("data directory %s: %w: %d MiB are free, and nothing is stored that leaves less than %d MiB "+
		"(setting min-free); receive, purge or delete what is not needed, or make room on the disk",
		sp.s.dir, commit.ErrFull, sp.free>>20, sp.s.opts.MinFree>>20)
}
