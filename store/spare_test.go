package store

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// roomyDisk tells that it has much room, which a file system in memory does not.
func roomyDisk() *vfs.MemFS {
	fs := vfs.NewCrashableMem()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40})
	return fs
}

// openSmallSegments opens a store with segments of eight values.
func openSmallSegments(t *testing.T, fs vfs.FS) *Store {
	s := openTest(t, "data", Options{FS: fs})
	s.values.segmentSize = 8 * separateFrom
	return s
}

// spareFiles returns the spare files that are there.
func spareFiles(t *testing.T, fs vfs.FS) []string {
	return slices.DeleteFunc(segments(t, fs), func(name string) bool { return !strings.HasSuffix(name, spareSuffix) })
}

// backlog puts values that stay, so that some segments are full.
func backlog(s *Store) {
	churn(s, 5000, 64, func(i int) string { return fmt.Sprint("stays", i) })
}

// replace puts values that replace each other, so that segments fill up and are dropped.
func replace(s *Store, from, n int) {
	churn(s, from, n, func(int) string { return "replaced" })
}

// Files of dropped segments become segments again, and what they held before does not come
// back: neither while the store is open nor after a crash at any sync.
func TestSpareSegments(t *testing.T) {
	fs := roomyDisk()
	var crashes []*vfs.MemFS
	rng := rand.New(rand.NewPCG(5, 6))
	watching := false
	watched := &syncWatch{FS: fs, onSync: func() {
		if watching {
			crashes = append(crashes, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}))
		}
	}}
	s := openSmallSegments(t, watched)
	backlog(s)
	replace(s, 0, 100)
	if len(spareFiles(t, fs)) == 0 {
		t.Fatalf("files %v, want a spare one", segments(t, fs))
	}
	watched.mu.Lock()
	watching = true
	watched.mu.Unlock()
	made := s.values.spares.made
	for i := 100; i < 140; i++ {
		replace(s, i, 1)
	}
	if s.values.spares.made <= made {
		t.Error("no file became a spare one again")
	}
	watched.mu.Lock()
	watching = false
	watched.mu.Unlock()
	if got, err := s.Meta("replaced"); err != nil || !bytes.Equal(got, large(139, separateFrom)) {
		t.Errorf("the last value reads as %d bytes, %v", len(got), err)
	}
	closeTest(t, s)
	if got := spareFiles(t, fs); len(got) > 0 {
		t.Errorf("files %v after a stop, want no spare one", got)
	}
	for i, fs := range crashes {
		s := openSmallSegments(t, fs)
		got, err := s.Meta("replaced")
		known := func(n int) bool { return bytes.Equal(got, large(uint64(n), separateFrom)) }
		at := 99
		for at < 140 && !known(at) {
			at++
		}
		if err != nil || at == 140 {
			t.Errorf("crash %d: the value reads as %d bytes that were never put, %v", i, len(got), err)
		}
		if got := spareFiles(t, fs); len(got) > 0 {
			t.Errorf("crash %d: files %v after a start, want no spare one", i, got)
		}
		closeTest(t, s)
	}
}

// A segment that was another one before is as whole as a new one: its end is known without
// a look at the whole database, after a stop and after a crash.
func TestSpareSegmentEnds(t *testing.T) {
	fs := roomyDisk()
	s := openSmallSegments(t, fs)
	backlog(s)
	replace(s, 0, 100)
	churn(s, 100, 1, func(int) string { return "kept" })
	number := s.values.number
	if info, err := fs.Stat("data/values/" + segmentName(number)); err != nil || info.Size() < s.values.segmentSize {
		t.Fatalf("segment %d has %v, %v, want one that was full before", number, info, err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	for _, fs := range []*vfs.MemFS{fs, crashed} {
		s := openSmallSegments(t, fs)
		do(s, func(u *commit.Unit) { s.DeleteMeta(u, "replaced") })
		// A look at everything would meet this.
		if err := s.db.Set([]byte{0xf0}, []byte{referenceMark}, pebble.Sync); err != nil {
			t.Fatal(err)
		}
		live, err := s.log.live(number)
		if err != nil || len(live.keys) != 1 || !live.few() {
			t.Errorf("live(%d) = %+v, %v, want one value", number, live, err)
		}
		replace(s, 1000, 40)
		if got := segments(t, fs); slices.Contains(got, segmentName(number)) {
			t.Errorf("files %v, want segment %d moved", got, number)
		}
		if got, err := s.Meta("kept"); err != nil || !bytes.Equal(got, large(100, separateFrom)) {
			t.Errorf("the value that moved reads as %d bytes, %v", len(got), err)
		}
		closeTest(t, s)
	}
}

// Spare files are few, and none stays where there is little room, or when none is needed.
func TestSparesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := roomyDisk()
		if err := fs.MkdirAll("values", 0o700); err != nil {
			t.Fatal(err)
		}
		s := &spares{}
		if err := s.init(directory{fs, "values"}, Options{MinFree: 1 << 20}.minFree); err != nil {
			t.Fatal(err)
		}
		full := 2*maxSpares + 2
		add := func(n uint32) bool {
			path := "values/" + segmentName(n)
			writeFile(t, fs, path, nil)
			return s.add(path, segmentSize, full)
		}
		for n := range uint32(maxSpares) {
			if !add(n) {
				t.Fatalf("file %d was not kept", n)
			}
		}
		if add(maxSpares) {
			t.Errorf("file %d was kept, want %d at most", maxSpares, maxSpares)
		}
		if path, ok := s.take(); !ok || path != "values/00000001.spare" {
			t.Errorf("take() = %q, %t, want the first", path, ok)
		}
		time.Sleep(spareFor - 1)
		synctest.Wait()
		if _, ok := s.take(); !ok {
			t.Error("the spare files went early")
		}
		time.Sleep(spareFor)
		synctest.Wait()
		if path, ok := s.take(); ok {
			t.Errorf("%s is kept for %v though none was needed", path, spareFor)
		}
		if full = 1; add(50) {
			t.Error("a file was kept beside one full segment")
		}
		if full = 2; !add(51) || add(52) {
			t.Error("want one spare file beside two full segments")
		}
		s.drop()
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: s.keepFree(1<<40, segmentSize) - 1, TotalBytes: 1 << 40})
		if add(100) {
			t.Error("a file was kept though there is little room")
		}
	})
}

// Where room has become little, spare files go with the next look at the segments.
func TestSparesGoWhenRoomDoes(t *testing.T) {
	fs := roomyDisk()
	s := openSmallSegments(t, fs)
	defer closeTest(t, s)
	backlog(s)
	replace(s, 0, 100)
	if len(spareFiles(t, fs)) == 0 {
		t.Fatalf("files %v, want a spare one", segments(t, fs))
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 20, TotalBytes: 1 << 40})
	if err := s.log.collect(); err != nil || len(spareFiles(t, fs)) > 0 {
		t.Errorf("collect() = %v, files %v, want no spare one", err, segments(t, fs))
	}
}

// The bytes of a segment: format 5.
func TestGoldenSegment(t *testing.T) {
	b := append(appendFrameHeader(nil, []byte("key"), 5), "value"...)
	b = appendEnd(b, 7, int64(len(b)))
	const want = "5357564c" + "845b694f" + "0300" + "05000000" + "6b6579" + "76616c7565" + "53575645" + "c114505b"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("a segment is\n%s, want\n%s", got, want)
	}
	f := bytes.NewReader(b)
	for segment, whole := range map[uint32]bool{7: true, 8: false} {
		if ended, err := endsAt(f, segment, int64(len(b)-endLen)); err != nil || ended != whole {
			t.Errorf("endsAt of segment %d = %t, %v, want %t", segment, ended, err, whole)
		}
	}
	if ended, err := endsAt(f, 7, int64(len(b))); err != nil || ended {
		t.Errorf("endsAt behind the end = %t, %v, want false", ended, err)
	}
}

// spareDisk is a disk on which a spare file takes the room that is missing.
type spareDisk struct{ *smallDisk }

func (d spareDisk) Remove(name string) error {
	err := d.smallDisk.Remove(name)
	if err == nil && strings.HasSuffix(name, spareSuffix) {
		d.full.Store(false)
	}
	return err
}

// A full disk has the room of the spare files, while the store is open and when it opens.
func TestSparesGiveRoom(t *testing.T) {
	d := spareDisk{&smallDisk{MemFS: vfs.NewCrashableMem()}}
	s := openSmallSegments(t, d)
	backlog(s)
	replace(s, 0, 100)
	crashed := spareDisk{&smallDisk{MemFS: d.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100,
		RNG: rand.New(rand.NewPCG(1, 2))})}}
	if len(spareFiles(t, d)) == 0 || len(spareFiles(t, crashed)) == 0 {
		t.Fatal("there are no spare files")
	}
	d.full.Store(true)
	if err := s.Wait(put(s, "small", 10)); err != nil {
		t.Errorf("Wait = %v, with %v there", err, spareFiles(t, d))
	}
	closeTest(t, s)
	crashed.full.Store(true)
	s, err := Open("data", testOptions(t, Options{FS: crashed}))
	if err != nil {
		t.Fatalf("Open = %v, with %v there", err, spareFiles(t, crashed))
	}
	closeTest(t, s)
}

// A spare file that somebody has removed is no loss.
func TestSpareIsGone(t *testing.T) {
	fs := roomyDisk()
	s := openSmallSegments(t, fs)
	defer closeTest(t, s)
	backlog(s)
	replace(s, 0, 100)
	for _, name := range spareFiles(t, fs) {
		if err := fs.Remove("data/values/" + name); err != nil {
			t.Fatal(err)
		}
	}
	replace(s, 100, 100)
	if got, err := s.Meta("replaced"); err != nil || !bytes.Equal(got, large(199, separateFrom)) {
		t.Errorf("the last value reads as %d bytes, %v", len(got), err)
	}
}

// What a file held before does not make its segment look emptier than it is.
func TestSpareOfLargeSegment(t *testing.T) {
	fs := roomyDisk()
	s := openSmallSegments(t, fs)
	defer closeTest(t, s)
	backlog(s)
	do(s, func(u *commit.Unit) { s.PutMeta(u, "replaced", make([]byte, 20*s.values.segmentSize)) })
	replace(s, 0, 10)
	number := uint32(0)
	for name := range 100 {
		churn(s, name, 1, func(i int) string { return fmt.Sprint("kept", i) })
		info, err := fs.Stat("data/values/" + segmentName(s.values.number))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 10*s.values.segmentSize {
			number = s.values.number
		} else if number != 0 {
			break
		}
	}
	if number == 0 {
		t.Fatal("no segment was made of the large file")
	}
	if live, err := s.log.live(number); err != nil || live.few() {
		t.Errorf("live = %d of %d bytes, %v: a full segment would be moved", live.bytes, live.size, err)
	}
}
