package store

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// A smallDisk is a file system that can be full. What finds no room has written half.
type smallDisk struct {
	*vfs.MemFS
	full    atomic.Bool
	tables  atomic.Bool // only tables find no room
	ballast atomic.Bool // the ballast is all there is
	tried   atomic.Int64
}

func (d *smallDisk) refuses(name string) bool {
	no := d.full.Load() && (!d.tables.Load() || isTable(name))
	if no {
		d.tried.Add(1)
	}
	return no
}

func (d *smallDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if d.refuses(name) {
		return nil, syscall.ENOSPC
	}
	f, err := d.MemFS.Create(name, c)
	return smallFile{f, d, name}, err
}

func (d *smallDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.MemFS.OpenReadWrite(name, c, o...)
	return smallFile{f, d, name}, err
}

func (d *smallDisk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.MemFS.ReuseForWrite(old, name, c)
	return smallFile{f, d, name}, err
}

func (d *smallDisk) Remove(name string) error {
	err := d.MemFS.Remove(name)
	if err == nil && strings.HasSuffix(name, ballastFile) {
		d.full.Store(!d.ballast.Load())
	}
	return err
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if d.full.Load() {
		return vfs.DiskUsage{TotalBytes: 1 << 40}, nil
	}
	return vfs.DiskUsage{AvailBytes: 1 << 39, TotalBytes: 1 << 40}, nil
}

type smallFile struct {
	vfs.File
	d    *smallDisk
	name string
}

func (f smallFile) Write(p []byte) (int, error) {
	if !f.d.refuses(f.name) {
		return f.File.Write(p)
	}
	n, _ := f.File.Write(p[:len(p)/2])
	return n, syscall.ENOSPC
}

func (f smallFile) WriteAt(p []byte, at int64) (int, error) {
	if strings.HasSuffix(f.name, syncedFile) || !f.d.refuses(f.name) {
		return f.File.WriteAt(p, at)
	}
	n, _ := f.File.WriteAt(p[:len(p)/2], at)
	return n, syscall.ENOSPC
}

// logged counts what is logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) lines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.b.Bytes(), []byte("\n"))
}

func put(s *Store, name string, size int) *commit.Unit {
	u := &commit.Unit{}
	s.PutMeta(u, name, make([]byte, size))
	s.Submit(u)
	return u
}

func wantRecords(t *testing.T, s *Store, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := s.Meta(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFullDisk: on a full disk who waits is told within seconds that nothing is
// written, new changes are refused before they are decided, the log hears of it once
// a minute, and when there is room everything that was submitted is there, without a
// restart and without a second answer.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct {
		name   string
		tables bool
		large  int
	}{
		{"log", false, 100},
		{"value log", false, 2 * separateFrom},
		{"tables", true, 20 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testFullDisk(t, c.tables, c.large) })
		})
	}
}

func testFullDisk(t *testing.T, tables bool, size int) {
	d, out := &smallDisk{MemFS: vfs.NewCrashableMem()}, &logged{}
	d.tables.Store(tables)
	o := Options{FS: d, MemTableSize: 64 << 10, Logger: slog.New(slog.NewTextHandler(out, nil))}
	s := openTest(t, "data", o)
	s.Sync(put(s, "before", 10))
	if told := s.Trouble(); told != nil {
		t.Errorf("Trouble() with room = %q", told)
	}
	d.full.Store(true)
	begun := time.Now()
	var names []string
	var err error
	var answered atomic.Int64
	told := make(chan error, 100)
	tell := func(err error) { told <- err }
	for i := 0; err == nil && i < 100; i++ {
		name := "while/" + string(rune('A'+i))
		names = append(names, name)
		u := &commit.Unit{}
		s.PutMeta(u, name, make([]byte, size))
		u.Then(func() { answered.Add(1) })
		s.Submit(u)
		commit.WaitFunc(s, u, tell)
		err = s.Wait(u)
	}
	if took := time.Since(begun); !errors.Is(err, commit.ErrFull) || took > 2*fullPatience {
		t.Fatalf("%d commits on a full disk ended with %v after %v", len(names), err, took)
	}
	if int(answered.Load()) != len(names)-1 {
		t.Errorf("%d of %d were answered, want all but the last", answered.Load(), len(names))
	}
	for _, bytes := range []int{commit.Frees, 1} {
		if err := s.Admit(t.Context(), bytes); !errors.Is(err, commit.ErrFull) {
			t.Errorf("Admit of %d bytes = %v", bytes, err)
		}
	}
	if err := s.Wait(put(s, "late", 10)); !errors.Is(err, commit.ErrFull) {
		t.Errorf("another commit = %v", err)
	}
	for range len(names) - 1 {
		if err := <-told; err != nil {
			t.Errorf("who did not wait for a commit was told %v", err)
		}
	}
	if err := <-told; !errors.Is(err, commit.ErrFull) {
		t.Errorf("who did not wait for the last was told %v", err)
	}
	commit.WaitFunc(s, put(s, "later", 10), tell)
	if err := <-told; !errors.Is(err, commit.ErrFull) {
		t.Errorf("who does not wait for a commit was told %v", err)
	}
	stalled, _ := s.Stalled()
	<-stalled
	if told := s.Trouble(); len(told) != 1 || !strings.Contains(told[0], "data") {
		t.Errorf("Trouble() = %q", told)
	}
	crashed := &smallDisk{MemFS: d.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})}
	tried := d.tried.Load()
	time.Sleep(3 * time.Minute)
	if n := out.lines(); n > 5 {
		t.Errorf("%d lines in 3 minutes:\n%s", n, out.b.String())
	}
	if n := d.tried.Load() - tried; n > 3*60*8 {
		t.Errorf("%d writes tried in 3 minutes", n)
	}
	d.full.Store(false)
	last := put(s, "after", 10)
	s.Sync(last)
	if err := s.Admit(t.Context(), 1); err != nil {
		t.Errorf("Admit when there is room = %v", err)
	}
	if int(answered.Load()) != len(names) {
		t.Errorf("%d of %d were answered when there was room", answered.Load(), len(names))
	}
	closeTest(t, s)
	s = openTest(t, "data", o)
	wantRecords(t, s, append(names, "before", "late", "later", "after")...)
	closeTest(t, s)

	s = openTest(t, "data", Options{FS: crashed})
	wantRecords(t, s, append(names[:len(names)-1], "before")...)
	closeTest(t, s)
}

// TestBallast: the first write that finds no room gets that of the ballast, which
// comes back when there is room.
func TestBallast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &smallDisk{MemFS: vfs.NewMem()}
		s := openTest(t, "data", Options{FS: d, Ballast: 3<<20 + 5})
		ballast := func() int64 {
			synctest.Wait()
			info, err := d.Stat("data/" + ballastFile)
			if err != nil {
				return -1
			}
			return info.Size()
		}
		if n := ballast(); n != 3<<20+5 {
			t.Fatalf("the ballast has %d bytes", n)
		}
		d.ballast.Store(true)
		d.full.Store(true)
		begun := time.Now()
		if err := s.Wait(put(s, "deletion", 10)); err != nil || time.Since(begun) > 0 {
			t.Errorf("a commit by the room of the ballast: %v after %v", err, time.Since(begun))
		}
		if n := ballast(); n != -1 {
			t.Errorf("the ballast is still there, with %d bytes", n)
		}
		closeTest(t, s)
		s = openTest(t, "data", Options{FS: d, Ballast: 1 << 20})
		if n := ballast(); n != 1<<20 {
			t.Errorf("after a start with room the ballast has %d bytes", n)
		}
		closeTest(t, s)
	})
}

// TestOpenFullDisk: a directory that can't be opened for want of room says so.
func TestOpenFullDisk(t *testing.T) {
	d := &smallDisk{MemFS: vfs.NewCrashableMem()}
	s := openTest(t, "data", Options{FS: d})
	s.Sync(put(s, "a", 10))
	closeTest(t, s)
	d.full.Store(true)
	if _, err := Open("data", testOptions(t, Options{FS: d})); !vfs.IsNoSpaceError(err) || !strings.Contains(err.Error(), "data") {
		t.Errorf("Open = %v", err)
	}
	s = openTest(t, "data", Options{FS: d.CrashClone(vfs.CrashCloneCfg{})}) // the process ends, and there is room
	wantRecords(t, s, "a")
	closeTest(t, s)
}

// TestCloseFullDisk: Close does not wait for room that may never come.
func TestCloseFullDisk(t *testing.T) {
	d := &smallDisk{MemFS: vfs.NewMem()}
	s := openTest(t, "data", Options{FS: d})
	d.full.Store(true)
	put(s, "a", 10)
	if err := s.Close(); !errors.Is(err, commit.ErrFull) {
		t.Errorf("Close = %v", err)
	}
	d.full.Store(false) // lets the goroutines of this process end
}

// Who was handed the lead while the disk is full is told like the others that nothing is
// written.
func TestFullDiskTellsWhoLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &smallDisk{MemFS: vfs.NewCrashableMem()}
		s := openTest(t, "data", Options{FS: d})
		s.Sync(put(s, "before", 10))
		d.full.Store(true)
		s.WaitFunc(put(s, "first", 10_000), func(error) {})
		synctest.Wait()
		small := put(s, "small", 10)
		told := make(chan error, 1)
		go func() { told <- s.Wait(small) }()
		synctest.Wait()
		put(s, "more", 10_000) // hands the lead to who waits for small
		stalled, _ := s.Stalled()
		<-stalled
		synctest.Wait()
		select {
		case err := <-told:
			if !errors.Is(err, commit.ErrFull) {
				t.Errorf("Wait = %v, want ErrFull", err)
			}
		default:
			t.Error("Wait goes on though nothing is written")
		}
		d.full.Store(false)
		s.Sync(put(s, "after", 10))
		closeTest(t, s)
	})
}

// A failure after the log has ended is told as every other one.
func TestFatalAfterClose(t *testing.T) {
	var told error
	s := openTest(t, "data", Options{FS: vfs.NewMem(), Fatal: func(err error) { told = err }})
	if _, err := s.log.close(); err != nil {
		t.Fatal(err)
	}
	want := errors.New("a table can't be written")
	if ended(func() { s.log.fatal(want) }) {
		t.Error("fatal returned")
	}
	if told != want {
		t.Errorf("Fatal was told %v, want %v", told, want)
	}
	s.Close()
}
