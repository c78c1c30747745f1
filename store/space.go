package store

import (
	"fmt"
	"sync"
	"time"

	"switchyard/commit"
)

// spaceCheck is how many bytes or calls are admitted between two looks at the disk's
// free space.
const spaceCheckBytes, spaceCheckCalls = 1 << 20, 256

// The free space that is kept if none is asked for: a share of the disk, within bounds.
// What it is kept for does not grow with the disk: logs, tables that are merged, the ends
// of runs.
const (
	minFreeShare  = 20 // 5 %
	leastMinFree  = 512 << 20
	mostMinFree   = 4 << 30
	continueShare = 2 // of it, what [Store.Continue] leaves
)

// minFree is how many bytes must be free on a disk of that many; 0: none.
func (o Options) minFree(total uint64) uint64 {
	if o.MinFree != 0 {
		return uint64(max(o.MinFree, 0))
	}
	return min(max(total/minFreeShare, leastMinFree), mostMinFree)
}

// space is what is known of the room on the disk.
type space struct {
	s *Store

	mu      sync.Mutex
	bytes   int       // admitted since the last look
	calls   int       // calls since the last look
	found   shortage  // what the last look found
	free    uint64    // what the last look found, in bytes
	minFree uint64    // what it should have found
	told    shortage  // what the log was told
	toldAt  time.Time // when it was told of one
}

// A shortage says how little room a disk has.
type shortage int

const (
	roomy  shortage = iota
	low             // nothing new is taken
	lowest          // and what is under way waits
)

func (sp *space) init(s *Store) {
	sp.s = s
	sp.calls = spaceCheckCalls
}

// admit refuses what does not free space while the disk is as full as that, or fuller. It
// looks at the disk now and then, and each time while it is nearly full.
func (sp *space) admit(bytes int, refused shortage) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.bytes += bytes
	sp.calls++
	if sp.found > roomy || sp.bytes >= spaceCheckBytes || sp.calls >= spaceCheckCalls {
		sp.look()
	}
	if sp.found < refused {
		return nil
	}
	return sp.err()
}

// look asks the file system. One that does not tell is not limited here. The caller
// holds mu.
func (sp *space) look() {
	sp.bytes, sp.calls = 0, 0
	usage, err := sp.s.opts.FS.GetDiskUsage(sp.s.dir)
	sp.free, sp.minFree = usage.AvailBytes, sp.s.opts.minFree(usage.TotalBytes)
	switch {
	case err != nil || sp.free >= sp.minFree:
		sp.found = roomy
	case sp.free >= sp.minFree/continueShare:
		sp.found = low
	default:
		sp.found = lowest
	}
	sp.tell()
}

// tell tells the log, once, that there is less room than it knows, and that there is some
// again. The caller holds mu.
func (sp *space) tell() {
	logger, now := sp.s.opts.Logger.With("dir", sp.s.dir), wall.Now()
	switch {
	case sp.found > sp.told && (sp.told > roomy || now.Sub(sp.toldAt) >= fullTold):
		what := "the disk is nearly full: nothing new is stored; what is stored is received and settled, and runs go on"
		if sp.found == lowest {
			what = "the disk is nearly full: nothing new is stored, and runs wait; what is stored is received and settled"
		}
		logger.Warn(what, "freeMiB", sp.free>>20, "minFreeMiB", sp.minFree>>20)
		sp.told, sp.toldAt = sp.found, now
	case sp.found == roomy && sp.told > roomy:
		logger.Info("the disk has room again", "freeMiB", sp.free>>20)
		sp.told = roomy
	}
}

// roomy reports whether a commit can be expected to find room.
func (sp *space) roomy() bool {
	o := sp.s.opts
	usage, err := o.FS.GetDiskUsage(sp.s.dir)
	return err != nil || usage.AvailBytes >= max(o.minFree(usage.TotalBytes), 64<<20)
}

// err says what the last look found, for who is refused. The caller holds mu.
func (sp *space) err() error {
	return fmt.Errorf("data directory %s: %w: %d MiB are free, and nothing is stored that leaves less than %d MiB "+
		"(setting min-free); receive, purge or delete what is not needed, or make room on the disk",
		sp.s.dir, commit.ErrFull, sp.free>>20, sp.minFree>>20)
}
