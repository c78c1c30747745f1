package store

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// slowDisk is a file system whose syncs wait while the gate is there.
type slowDisk struct {
	*syncWatch
	gate    chan struct{} // guarded by the watch's lock, which a sync that waits does not keep
	reached chan struct{}
}

// openSlow opens a store on a disk whose next sync is told of on reached, and waits until
// the gate is closed.
func openSlow(t *testing.T) (s *Store, disk *slowDisk) {
	disk = &slowDisk{reached: make(chan struct{}, 100)}
	disk.syncWatch = &syncWatch{FS: vfs.NewCrashableMem(), onSync: func() {
		gate := disk.gate
		if gate == nil {
			return
		}
		disk.reached <- struct{}{}
		disk.mu.Unlock()
		<-gate
		disk.mu.Lock()
	}}
	return openTest(t, "data", Options{FS: disk}), disk
}

func (d *slowDisk) hold() (release func()) {
	gate := make(chan struct{})
	d.mu.Lock()
	d.gate = gate
	d.mu.Unlock()
	return func() {
		d.mu.Lock()
		d.gate = nil
		d.mu.Unlock()
		close(gate)
	}
}

// A group is written while the one before is on its way to the disk, and neither is
// durable, nor has its callbacks run, before it is there.
func TestGroupsOverlap(t *testing.T) {
	s, disk := openSlow(t)
	defer closeTest(t, s)
	release := disk.hold()
	var order []string
	told := make(chan error, 2)
	send := func(name string) {
		u := new(commit.Unit)
		s.PutMeta(u, name, nil)
		u.Then(func() { order = append(order, name) })
		s.Submit(u)
		s.WaitFunc(u, func(err error) { told <- err })
	}
	send("first")
	<-disk.reached
	send("second")
	for !isWritten(s, "second") {
	}
	select {
	case err := <-told:
		t.Errorf("a unit is durable, %v, before its sync", err)
	default:
	}
	// A third has to wait: one group is written ahead, not all.
	send("third")
	s.log.mu.Lock()
	if open := s.log.open; len(open.units) != 1 || s.log.free() {
		t.Errorf("the open group has %d units, and free is %t, while two are under way", len(open.units), s.log.free())
	}
	s.log.mu.Unlock()
	release()
	for range 3 {
		if err := <-told; err != nil {
			t.Errorf("a unit became durable with %v", err)
		}
	}
	if got := len(order); got != 3 || order[0] != "first" || order[1] != "second" || order[2] != "third" {
		t.Errorf("callbacks ran as %v", order)
	}
}

// isWritten reports whether a record is there to be read, durable or not.
func isWritten(s *Store, name string) bool {
	_, err := s.Meta(name)
	return err == nil
}

// A group that is small beside the one that is synced waits for it: more will join.
func TestSmallGroupWaits(t *testing.T) {
	s, disk := openSlow(t)
	defer closeTest(t, s)
	release := disk.hold()
	large, small := new(commit.Unit), new(commit.Unit)
	s.PutMeta(large, "large", make([]byte, 10_000))
	s.PutMeta(small, "small", nil)
	s.Submit(large)
	told := make(chan error, 2)
	s.WaitFunc(large, func(err error) { told <- err })
	<-disk.reached
	for leads := true; leads; runtime.Gosched() { // who has written gives the lead away
		s.log.mu.Lock()
		leads = s.log.leading
		s.log.mu.Unlock()
	}
	s.Submit(small)
	s.WaitFunc(small, func(err error) { told <- err })
	s.log.mu.Lock()
	if s.log.writing != nil || s.log.leading {
		t.Error("a small group is written ahead")
	}
	s.log.mu.Unlock()
	// What makes it worth its sync has it written, though nobody waits for that.
	more := new(commit.Unit)
	s.PutMeta(more, "more", make([]byte, 10_000))
	s.Submit(more)
	for !isWritten(s, "more") {
	}
	release()
	for range 2 {
		if err := <-told; err != nil {
			t.Error(err)
		}
	}
	s.Sync(more)
}

// A crash while two groups are under way keeps neither, the first or both.
func TestCrashBetweenOverlappingGroups(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var crashes []*vfs.MemFS
	watching := false
	watched := &syncWatch{FS: mem, onSync: func() {
		if watching {
			crashes = append(crashes, mem.CrashClone(vfs.CrashCloneCfg{}))
		}
	}}
	s := openTest(t, "data", Options{FS: watched})
	watched.mu.Lock()
	watching = true
	watched.mu.Unlock()
	const units = 200
	told := make(chan error, units)
	for i := range units {
		u := new(commit.Unit)
		s.PutMeta(u, unitName(i), make([]byte, 100))
		s.Submit(u)
		s.WaitFunc(u, func(err error) { told <- err })
		if i%8 == 7 {
			<-told // or all of them would be one group
		}
	}
	for range units - units/8 {
		<-told
	}
	watched.mu.Lock()
	watching = false
	watched.mu.Unlock()
	closeTest(t, s)
	if len(crashes) < 2 {
		t.Fatalf("%d crashes, want one for each sync", len(crashes))
	}
	before := 0
	for i, fs := range crashes {
		s := openTest(t, "data", Options{FS: fs})
		n := 0
		for n < units && isWritten(s, unitName(n)) {
			n++
		}
		for rest := n; rest < units; rest++ {
			if isWritten(s, unitName(rest)) {
				t.Errorf("crash %d: unit %d is there without unit %d", i, rest, n)
				break
			}
		}
		if n < before {
			t.Errorf("crash %d: %d units, %d were there before", i, n, before)
		}
		before = n
		closeTest(t, s)
	}
}

func unitName(i int) string { return fmt.Sprintf("n/%06d", i) }
