package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"switchyard/clock"
	"switchyard/commit"
)

// deleteMetas deletes values in one unit.
func deleteMetas(s *Store, names ...string) {
	do(s, func(u *commit.Unit) {
		for _, name := range names {
			s.DeleteMeta(u, name)
		}
	})
}

// numbered returns prefix0, prefix1 and so on.
func numbered(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint(prefix, i))
	}
	return names
}

// A segment that was removed before a clean stop does not come back by a power
// cut after it, as a file that nobody knows.
func TestPowerCutAfterCleanStop(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	s.values.segmentSize = 2 * separateFrom
	churn(s, 0, 12, func(int) string { return "replaced" })
	closeTest(t, s)
	cut := fs.CrashClone(vfs.CrashCloneCfg{})
	s = openTest(t, "data", Options{FS: cut})
	defer closeTest(t, s)
	if got, err := s.Meta("replaced"); err != nil || !bytes.Equal(got, large(11, separateFrom)) {
		t.Errorf("the value reads as %d bytes, %v", len(got), err)
	}
}

// What a segment has beside what is named is as durable as the list of a clean
// stop, which has its length.
func TestPowerCutAfterMoveWasGivenUp(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	churn(s, 0, 16, func(i int) string { return fmt.Sprint("v", i) })
	deleteMetas(s, numbered("v", 14)...)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	path := "data/values/" + segmentName(1)
	b := readFile(t, crashed, path)
	b[len(b)-10] ^= 1 // of v15, which comes after v14 was copied
	writeFile(t, crashed, path, b)
	s = openTest(t, "data", Options{FS: crashed})
	churn(s, 20, 1, func(int) string { return "new" })
	closeTest(t, s)
	cut := crashed.CrashClone(vfs.CrashCloneCfg{})
	s = openTest(t, "data", Options{FS: cut})
	defer closeTest(t, s)
	if got, err := s.Meta("v14"); err != nil || !bytes.Equal(got, large(14, separateFrom)) {
		t.Errorf("v14 reads as %d bytes, %v", len(got), err)
	}
	if _, err := s.Meta("v15"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Meta(v15) = %v, want ErrCorrupt", err)
	}
}

// A nearly full disk refuses what is large, so no segment begins. Deletions must
// free space all the same: without a restart, and after one.
func TestFullDiskIsFreed(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			fs := vfs.NewMem()
			const minFree = 1 << 20
			s := openTest(t, "data", Options{FS: fs, MinFree: minFree})
			s.values.segmentSize = 4 * separateFrom
			churn(s, 0, 40, func(i int) string { return fmt.Sprint("v", i) })
			fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: minFree - 1, TotalBytes: 1 << 30})
			if err := s.Admit(t.Context(), spaceCheckBytes); !errors.Is(err, commit.ErrFull) {
				t.Fatalf("Admit on a full disk = %v, want commit.ErrFull", err)
			}
			deleteMetas(s, numbered("v", 36)...)
			if restart {
				closeTest(t, s)
				s = openTest(t, "data", Options{FS: fs, MinFree: minFree})
			}
			defer func() { closeTest(t, s) }()
			for range 10 {
				if err := s.Admit(t.Context(), spaceCheckBytes); !errors.Is(err, commit.ErrFull) {
					t.Fatalf("Admit on a full disk = %v, want commit.ErrFull", err)
				}
			}
			if got := segments(t, fs); len(got) != 1 {
				t.Errorf("segments %v hold 4 values of 4 each, want one", got)
			}
			for i := 36; i < 40; i++ {
				if got, err := s.Meta(fmt.Sprint("v", i)); err != nil || !bytes.Equal(got, large(uint64(i), separateFrom)) {
					t.Errorf("value %d reads as %d bytes, %v", i, len(got), err)
				}
			}
		})
	}
}

// Refusals that follow each other at once look at the value log once.
func TestFullDiskLooksNowAndThen(t *testing.T) {
	wall := &setClock{now: epoch}
	fs, looks := vfs.NewMem(), 0
	s := openTest(t, "data", Options{FS: fs, Clock: clock.NewProcess(wall), AfterCommit: func(uint64) { looks++ }})
	defer closeTest(t, s)
	fs.TestingSetDiskUsage(vfs.DiskUsage{TotalBytes: 1 << 30})
	for range 3 {
		for range 10 {
			if err := s.Admit(t.Context(), spaceCheckBytes); !errors.Is(err, commit.ErrFull) {
				t.Fatalf("Admit on a full disk = %v, want commit.ErrFull", err)
			}
		}
		wall.now = wall.now.Add(reclaimEvery)
	}
	if looks != 3 {
		t.Errorf("%d looks in 30 refusals at 3 times, want 3", looks)
	}
}

// A full disk has no room to move values: their segment stays, and the store goes on.
func TestFullDiskMovesNothing(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	s.values.segmentSize = 8 * separateFrom
	churn(s, 0, 8, func(i int) string { return fmt.Sprint("v", i) })
	deleteMetas(s, numbered("v", 7)...)
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: separateFrom, TotalBytes: 1 << 30})
	if err := s.Admit(t.Context(), spaceCheckBytes); !errors.Is(err, commit.ErrFull) {
		t.Fatalf("Admit on a full disk = %v, want commit.ErrFull", err)
	}
	churn(s, 8, 1, func(int) string { return "new" })
	if got := segments(t, fs); len(got) != 2 {
		t.Errorf("segments %v, want the one with few values and the new one", got)
	}
	if got, err := s.Meta("v7"); err != nil || !bytes.Equal(got, large(7, separateFrom)) {
		t.Errorf("v7 reads as %d bytes, %v", len(got), err)
	}
}

// Readers that follow each other without a gap do not keep what none of them can
// read.
func TestRemovalWithOverlappingViews(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	s.values.segmentSize = 2 * separateFrom
	var before *view
	for i := range 40 {
		v, err := s.view()
		if err != nil {
			t.Fatal(err)
		}
		if before != nil {
			before.close()
		}
		before = v
		churn(s, i, 1, func(int) string { return "replaced" })
		if i == 0 {
			continue
		}
		if got, err := v.get(metaKey("replaced")); err != nil || !bytes.Equal(got, large(uint64(i-1), separateFrom)) {
			t.Fatalf("the view reads %d bytes, %v, want the value it saw", len(got), err)
		}
	}
	before.close()
	if got := segments(t, fs); len(got) > 8 {
		t.Errorf("%d segments hold one value, want a few: %v", len(got), got)
	}
}

// Without format file and manifest, segments say that there was data: nothing is
// made anew, and nothing removed.
func TestDatabaseLostBesideSegments(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	churn(s, 0, 1, func(int) string { return "v" })
	closeTest(t, s)
	for _, name := range []string{"data/format", "data/clean"} {
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := fs.RemoveAll("data/db"); err != nil {
		t.Fatal(err)
	}
	if s, err := Open("data", testOptions(t, Options{FS: fs})); !errors.Is(err, ErrCorrupt) {
		if err == nil {
			s.Close()
		}
		t.Errorf("Open = %v, want ErrCorrupt", err)
	}
	if got := segments(t, fs); len(got) != 1 {
		t.Errorf("segments %v, want the one that was there", got)
	}
}

// A group that is larger than a segment goes on in further ones, so that no offset
// is too great for a reference, and is whole after a crash.
func TestGroupOfSeveralSegments(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	s.values.segmentSize = 4 * separateFrom
	do(s, func(u *commit.Unit) {
		for i := range 30 {
			s.PutMeta(u, fmt.Sprint("v", i), large(uint64(i), separateFrom))
		}
	})
	if got := segments(t, fs); len(got) != 8 {
		t.Errorf("%d segments hold 30 values of 4 each, want 8", len(got))
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	s = openTest(t, "data", Options{FS: crashed})
	defer closeTest(t, s)
	for i := range 30 {
		if got, err := s.Meta(fmt.Sprint("v", i)); err != nil || !bytes.Equal(got, large(uint64(i), separateFrom)) {
			t.Errorf("value %d reads as %d bytes, %v", i, len(got), err)
		}
	}
}

// Segments that only relaxed units begin are collected too.
func TestCollectAfterRelaxedUnits(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	s.values.segmentSize = 2 * separateFrom
	for i := range 40 {
		do(s, func(u *commit.Unit) {
			s.PutMeta(u, "replaced", large(uint64(i), separateFrom))
			u.Relax()
		})
	}
	putMeta(s, "small", "x")
	putMeta(s, "small", "y")
	if got := segments(t, fs); len(got) > 17 {
		t.Errorf("%d of 20 segments are left, which hold one value", len(got))
	}
}

// A segment that can't be moved is looked at once: copying what is whole in it
// again and again would fill the disk.
func TestDamagedSegmentIsLeftAlone(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	churn(s, 0, 16, func(i int) string { return fmt.Sprint("v", i) })
	deleteMetas(s, numbered("v", 14)...)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	path := "data/values/" + segmentName(1)
	b := readFile(t, crashed, path)
	b[len(b)-10] ^= 1
	writeFile(t, crashed, path, b)
	var lines bytes.Buffer
	s = openTest(t, "data", Options{FS: crashed, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	defer closeTest(t, s)
	s.values.segmentSize = 2 * separateFrom
	churn(s, 20, 20, func(i int) string { return fmt.Sprint("new", i) })
	if n := strings.Count(lines.String(), "segment=1 "); n != 1 {
		t.Errorf("%d lines about the damaged segment, want one:\n%s", n, lines.String())
	}
	if got := segments(t, crashed); !slices.Contains(got, segmentName(1)) || len(got) > 12 {
		t.Errorf("segments %v, want the damaged one, and one for each two values", got)
	}
}

// A change of any byte, a lost or a longer end of a segment: what is whole reads
// as it was, what is not is told, before and after the segment is collected.
func TestDamageInEveryRegion(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	const n = 9
	live := []int{0, 4} // of the frames; too few to stay
	churn(s, 0, n, func(i int) string { return fmt.Sprint("v", i) })
	for i := range n {
		if !slices.Contains(live, i) {
			deleteMetas(s, fmt.Sprint("v", i))
		}
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	path := "data/values/" + segmentName(1)
	whole := readFile(t, crashed, path)
	frame := len(whole) / n
	changes := map[string][]byte{
		"garbage at the end": append(bytes.Clone(whole), bytes.Repeat([]byte{0x5a}, 3000)...),
		"zeros at the end":   append(bytes.Clone(whole), make([]byte, 1<<20)...),
		"a frame twice":      append(bytes.Clone(whole), whole[:frame]...),
		"torn last value":    whole[:len(whole)-1],
		"torn last header":   whole[:frame*(n-1)+5],
		"zero last frame":    append(bytes.Clone(whole[:frame*(n-1)]), make([]byte, frame)...),
		"zero from the middle": append(bytes.Clone(whole[:frame*4+100]),
			make([]byte, len(whole)-frame*4-100)...),
	}
	for _, i := range []int{0, 3, 4, n - 1} {
		for name, at := range map[string]int{"magic": 0, "crc": 5, "key length": 8, "value length": 10, "key": 15,
			"first byte of the value": frame - separateFrom - recordOverhead, "value": frame / 2, "checksum": frame - 1} {
			b := bytes.Clone(whole)
			b[i*frame+at] ^= 4
			changes[fmt.Sprintf("%s of frame %d", name, i)] = b
		}
	}
	for name, b := range changes {
		fs := copyFS(t, crashed)
		writeFile(t, fs, path, b)
		s := openTest(t, "data", Options{FS: fs})
		s.values.segmentSize = 2 * separateFrom
		var before [2]bool
		check := func(when string) {
			for j, i := range live {
				got, err := s.Meta(fmt.Sprint("v", i))
				readable := err == nil
				switch {
				case readable && !bytes.Equal(got, large(uint64(i), separateFrom)):
					t.Errorf("%s: v%d reads differently %s", name, i, when)
				case !readable && !errors.Is(err, ErrCorrupt):
					t.Errorf("%s: v%d = %v %s, want ErrCorrupt", name, i, err, when)
				case when == "before":
					before[j] = readable
				case readable != before[j]:
					t.Errorf("%s: v%d: readable %v before, %v after the collection", name, i, before[j], readable)
				}
			}
		}
		check("before")
		churn(s, 100, 8, func(int) string { return "replaced" })
		check("after")
		if stays := slices.Contains(segments(t, fs), segmentName(1)); stays == (before[0] && before[1]) {
			t.Errorf("%s: segment is there %v, both values were whole %v", name, stays, before)
		}
		closeTest(t, s)
	}
}

// Every failure in the value log stops the store before anything is answered, and
// what was answered is there afterwards.
func TestValueLogWriteFails(t *testing.T) {
	noSpace := errors.New("no space left")
	for n := range 40 {
		mem := vfs.NewCrashableMem()
		var armed atomic.Bool
		count := 0
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if !armed.Load() || op.Kind.ReadOrWrite() != errorfs.OpIsWrite || !strings.Contains(op.Path, valuesDir) ||
				op.Kind == errorfs.OpRemove {
				return nil
			}
			if count++; count > n {
				return noSpace
			}
			return nil
		}))
		var fatal atomic.Int32
		s := openTest(t, "data", Options{FS: fs, Fatal: func(err error) {
			if fatal.Add(1); !errors.Is(err, noSpace) || !strings.Contains(err.Error(), "data/"+valuesDir) {
				t.Errorf("write %d: Fatal was given %v, want the cause and the file", n, err)
			}
		}})
		s.values.segmentSize = 2 * separateFrom
		do(s, func(u *commit.Unit) { s.PutMeta(u, "kept", large(999, separateFrom)) })
		armed.Store(true)
		answered := -1
		ended(func() {
			for i := range 10 {
				do(s, func(u *commit.Unit) {
					s.PutMeta(u, "replaced", large(uint64(i), separateFrom))
					u.Then(func() { answered = i })
				})
			}
		})
		if failed := count > n; failed != (fatal.Load() == 1) {
			t.Errorf("write %d: failed %v, Fatal was called %d times", n, failed, fatal.Load())
		}
		crashed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(n), 0))})
		s.Close()
		s = openTest(t, "data", Options{FS: crashed})
		if got, err := s.Meta("kept"); err != nil || !bytes.Equal(got, large(999, separateFrom)) {
			t.Errorf("write %d: the kept value reads as %d bytes, %v", n, len(got), err)
		}
		if answered >= 0 {
			got, err := s.Meta("replaced")
			if err != nil || !bytes.Equal(got, large(uint64(answered), separateFrom)) && !bytes.Equal(got, large(uint64(answered+1), separateFrom)) {
				t.Errorf("write %d: the value %d that was answered reads as %d bytes, %v", n, answered, len(got), err)
			}
		}
		closeTest(t, s)
	}
}

// However many segments there are, few are open.
func TestOpenSegmentsAreFew(t *testing.T) {
	const most = 20
	files := &openFiles{FS: vfs.NewMem()}
	s := openTest(t, "data", Options{FS: files, MaxOpenFiles: 5 * most})
	defer closeTest(t, s)
	s.values.segmentSize = separateFrom
	const n = 3 * most
	churn(s, 0, n, func(i int) string { return fmt.Sprintf("v%03d", i) })
	for i := range n {
		if got, err := s.Meta(fmt.Sprintf("v%03d", i)); err != nil || !bytes.Equal(got, large(uint64(i), separateFrom)) {
			t.Fatalf("value %d reads as %d bytes, %v", i, len(got), err)
		}
	}
	if got := files.segments.Load(); got > most+1 {
		t.Errorf("%d segments are open, want at most %d and the one that is written", got, most)
	}
}

// openFiles counts the segments that are open.
type openFiles struct {
	vfs.FS
	segments atomic.Int64
}

func (o *openFiles) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := o.FS.Open(name, opts...)
	return o.count(name, f, err)
}

func (o *openFiles) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := o.FS.OpenReadWrite(name, c, opts...)
	return o.count(name, f, err)
}

func (o *openFiles) count(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, segmentSuffix) {
		return f, err
	}
	o.segments.Add(1)
	return &countedFile{f, o}, nil
}

type countedFile struct {
	vfs.File
	o *openFiles
}

func (f *countedFile) Close() error { f.o.segments.Add(-1); return f.File.Close() }

// Reads and scans beside collection see whole values of their moment.
func TestReadsWhileCollecting(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	s.values.segmentSize = 4 * separateFrom
	name := func(i int) string {
		if i%10 == 0 {
			return fmt.Sprint("kept", i%100)
		}
		return fmt.Sprint("replaced", i%7)
	}
	value := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", i), separateFrom/8) }
	put := func(i int) { do(s, func(u *commit.Unit) { s.PutMeta(u, name(i), value(i)) }) }
	for i := range 100 {
		put(i)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			last := map[string]string{}
			check := func(name string, b []byte) error {
				if at := string(b[:8]); !bytes.Equal(b, bytes.Repeat(b[:8], separateFrom/8)) || at < last[name] {
					t.Errorf("%s reads as %q after %q", name, at, last[name])
				} else {
					last[name] = at
				}
				return nil
			}
			for i := g; !stop.Load(); i++ {
				n := name(i % 100)
				if b, err := s.Meta(n); err != nil {
					t.Errorf("Meta(%s): %v", n, err)
				} else {
					check(n, b)
				}
				if i%20 == 0 {
					if err := metas(s, "", check); err != nil {
						t.Errorf("Metas: %v", err)
					}
				}
			}
		})
	}
	for i := 100; i < 800; i++ {
		put(i)
	}
	stop.Store(true)
	wg.Wait()
	// Nobody reads any more, so what was dropped goes.
	put(800)
	if got := segments(t, fs); len(got) > 24 {
		t.Errorf("%d segments hold 17 values of 4 each", len(got))
	}
	closeTest(t, s)
}
