package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"switchyard/commit"
)

// Callbacks run once each, one after the other, in submit order, after the
// commit, and before Sync returns.
func TestLogOrder(t *testing.T) {
	const goroutines, units = 16, 200
	var commits atomic.Uint64
	s := openTest(t, "data", Options{FS: vfs.NewMem(), AfterCommit: func(n uint64) {
		if commits.Add(1) != n {
			t.Errorf("commit %d came as number %d", commits.Load(), n)
		}
	}})
	defer closeTest(t, s)
	var (
		mu        sync.Mutex // guards order of decisions, as an entity's lock does
		next      int
		ran       []int
		inside    atomic.Int32
		wg        sync.WaitGroup
		wantSum   = goroutines * units
		callbacks atomic.Int64
	)
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range units {
				if err := s.Admit(t.Context(), 100); err != nil {
					t.Error(err)
				}
				var u commit.Unit
				done := false
				mu.Lock()
				n := next
				next++
				s.PutMeta(&u, fmt.Sprintf("n/%06d", n), nil)
				u.Then(func() {
					if inside.Add(1) != 1 {
						t.Error("two callbacks at a time")
					}
					ran = append(ran, n)
					done = true
					callbacks.Add(1)
					inside.Add(-1)
				})
				if rng.IntN(3) == 0 {
					u.Relax()
				}
				s.Submit(&u)
				mu.Unlock()
				s.Sync(&u)
				if !done {
					t.Errorf("Sync of unit %d returned before its callback", n)
				}
				s.Sync(&u) // again: returns at once
			}
		})
	}
	wg.Wait()
	if int(callbacks.Load()) != wantSum || len(ran) != wantSum {
		t.Fatalf("%d callbacks ran, want %d", callbacks.Load(), wantSum)
	}
	for i, n := range ran {
		if i != n {
			t.Fatalf("callback %d ran at place %d", n, i)
		}
	}
	got := 0
	if err := metas(s, "n/", func(string, []byte) error { got++; return nil }); err != nil || got != wantSum {
		t.Errorf("%d records, %v, want %d", got, err, wantSum)
	}
	if commits.Load() > uint64(wantSum) {
		t.Errorf("%d commits for %d units", commits.Load(), wantSum)
	}
}

// One waiter commits what all others have submitted.
func TestLogGathers(t *testing.T) {
	var commits []uint64
	s := openTest(t, "data", Options{FS: vfs.NewMem(), AfterCommit: func(n uint64) { commits = append(commits, n) }})
	defer closeTest(t, s)
	units := make([]commit.Unit, 10)
	for i := range units {
		s.PutMeta(&units[i], fmt.Sprint(i), nil)
		s.Submit(&units[i])
	}
	s.Sync(&units[9])
	for i := range units {
		s.Sync(&units[i])
		wantMeta(t, s, fmt.Sprint(i), "")
	}
	if len(commits) != 1 {
		t.Errorf("commits %v, want one", commits)
	}
}

func TestLogLaterOpsWin(t *testing.T) {
	s := memory(t)
	do(s, func(u *commit.Unit) {
		s.PutMeta(u, "a", []byte("1"))
		s.DeleteMeta(u, "a")
		s.PutMeta(u, "b", []byte("1"))
		u.DeleteRange(metaKey("a"), metaKey("z"))
		s.PutMeta(u, "c", []byte("1"))
	})
	for _, name := range []string{"a", "b"} {
		if _, err := s.Meta(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("Meta(%s) = %v, want ErrNotFound", name, err)
		}
	}
	wantMeta(t, s, "c", "1")
}

func TestLogEmptyUnit(t *testing.T) {
	s := openTest(t, "data", Options{FS: vfs.NewMem()})
	defer closeTest(t, s)
	ran := false
	do(s, func(u *commit.Unit) { u.Then(func() { ran = true }) })
	if !ran {
		t.Error("the callback of a unit without records did not run")
	}
}

// A group larger than a batch and a unit larger than a memory table are written
// whole.
func TestLogLargeUnits(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs, MemTableSize: 1 << 20})
	big := strings.Repeat("x", 3<<20)
	units := make([]commit.Unit, 5)
	for i := range units {
		s.PutMeta(&units[i], fmt.Sprint(i), []byte(big))
		s.Submit(&units[i])
	}
	var last commit.Unit // nothing to write after what was written in parts
	s.Submit(&last)
	s.Sync(&last)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	s = openTest(t, "data", Options{FS: crashed})
	defer closeTest(t, s)
	for i := range units {
		if got, err := s.Meta(fmt.Sprint(i)); err != nil || string(got) != big {
			t.Errorf("unit %d after a crash: %d bytes, %v, want %d", i, len(got), err, len(big))
		}
	}
}

func TestAdmitBackPressure(t *testing.T) {
	s := openTest(t, "data", Options{FS: vfs.NewMem(), MaxInFlight: 1000})
	defer closeTest(t, s)
	if err := s.Admit(t.Context(), 5000); err != nil {
		t.Fatalf("Admit of more than the limit with nothing in flight = %v", err)
	}
	var u commit.Unit
	s.PutMeta(&u, "x", make([]byte, 5000))
	s.Submit(&u)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Admit(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Admit with an ended context = %v, want it to say so", err)
	}
	// Nobody syncs what is in flight, so who waits does it.
	if err := s.Admit(t.Context(), 1); err != nil {
		t.Fatalf("Admit = %v", err)
	}
	wantMeta(t, s, "x", string(make([]byte, 5000)))
}

// An Admit that waits behind a commit goes on when it is done, or when its
// context ends.
func TestAdmitWaits(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	s := openTest(t, "data", Options{FS: vfs.NewMem(), MaxInFlight: 1000, AfterCommit: func(uint64) {
		entered <- struct{}{}
		<-gate
	}})
	var wg sync.WaitGroup
	wg.Go(func() { do(s, func(u *commit.Unit) { s.PutMeta(u, "x", make([]byte, 5000)) }) })
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if err := s.Admit(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Admit of a cancelled context = %v", err)
		}
	})
	admitted := make(chan error, 1)
	wg.Go(func() { admitted <- s.Admit(t.Context(), 1) })
	cancel()
	select {
	case err := <-admitted:
		t.Errorf("Admit = %v while more than the limit is in flight", err)
	default:
	}
	close(gate)
	if err := <-admitted; err != nil {
		t.Errorf("Admit = %v", err)
	}
	wg.Wait()
	closeTest(t, s)
}

func TestAdmitDiskFull(t *testing.T) {
	fs := vfs.NewMem()
	var lines bytes.Buffer
	s := openTest(t, "data", Options{FS: fs, MinFree: 1000, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	defer closeTest(t, s)
	if err := s.Admit(t.Context(), 1); err != nil {
		t.Errorf("Admit on a file system that does not tell its size = %v", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 999, TotalBytes: 5000})
	if err := s.Admit(t.Context(), spaceCheckBytes); !errors.Is(err, commit.ErrFull) || !strings.Contains(err.Error(), "data") {
		t.Errorf("Admit on a full disk = %v, want commit.ErrFull naming the directory", err)
	}
	if err := s.Admit(t.Context(), 0); err != nil {
		t.Errorf("Admit of a deletion on a full disk = %v", err)
	}
	for range 3 {
		if err := s.Continue(t.Context(), spaceCheckBytes); err != nil {
			t.Errorf("Continue on a nearly full disk = %v", err)
		}
		if err := s.Admit(t.Context(), 1); !errors.Is(err, commit.ErrFull) {
			t.Errorf("Admit on a nearly full disk = %v, want commit.ErrFull", err)
		}
	}
	if n := strings.Count(lines.String(), "nearly full"); n != 1 || !strings.Contains(lines.String(), "runs go on") {
		t.Errorf("the log has %d lines of it, want 1 that says that runs go on:\n%s", n, &lines)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 499, TotalBytes: 5000})
	for range 3 {
		if err := s.Continue(t.Context(), 1); !errors.Is(err, commit.ErrFull) {
			t.Errorf("Continue below half of what is to stay free = %v, want commit.ErrFull", err)
		}
	}
	if n := strings.Count(lines.String(), "nearly full"); n != 2 || !strings.Contains(lines.String(), "runs wait") {
		t.Errorf("the log has %d lines of it, want 2, the last of which says that runs wait:\n%s", n, &lines)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000, TotalBytes: 5000})
	if err := s.Admit(t.Context(), 1); err != nil {
		t.Errorf("Admit after space was freed = %v", err)
	}
	if n := strings.Count(lines.String(), "room again"); n != 1 {
		t.Errorf("the log has %d lines of the room, want 1:\n%s", n, &lines)
	}
}

// TestMinFree: what stays free by default is 5 % of the disk, within bounds.
func TestMinFree(t *testing.T) {
	for _, c := range []struct {
		asked       int64
		total, want uint64
	}{
		{0, 1 << 30, 512 << 20},
		{0, 20 << 30, 1 << 30},
		{0, 1 << 40, 4 << 30},
		{1000, 1 << 40, 1000},
		{-1, 1 << 40, 0},
	} {
		if got := (Options{MinFree: c.asked}).minFree(c.total); got != c.want {
			t.Errorf("min-free %d on a disk of %d bytes keeps %d, want %d", c.asked, c.total, got, c.want)
		}
	}
}

// doomed opens a store whose commits fail once fail is set, and returns what
// Fatal was given.
func doomed(t *testing.T) (s *Store, fail *atomic.Bool, fatal *atomic.Pointer[error]) {
	fail, fatal = new(atomic.Bool), new(atomic.Pointer[error])
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fail.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".log") {
			return errors.New("no medium")
		}
		return nil
	}))
	s = openTest(t, "data", Options{FS: fs, Fatal: func(err error) {
		if !fatal.CompareAndSwap(nil, &err) {
			t.Errorf("Fatal called again: %v", err)
		}
	}})
	return s, fail, fatal
}

// ended runs f in a goroutine and reports whether f returned.
func ended(f func()) (returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		returned = true
	}()
	<-done
	return returned
}

func TestFailedCommit(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		s, fail, fatal := doomed(t)
		putMeta(s, "before", "1")
		fail.Store(true)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if ended(func() {
					do(s, func(u *commit.Unit) {
						s.PutMeta(u, "lost", nil)
						u.Then(func() {
							if !relaxed {
								t.Error("a callback ran though its commit failed")
							}
						})
						if relaxed {
							u.Relax()
						}
					})
				}) && !relaxed {
					t.Error("Sync returned though the commit failed")
				}
			})
		}
		wg.Wait()
		// A relaxed unit does not wait for the failure; the next one does.
		if ended(func() { do(s, func(u *commit.Unit) { s.PutMeta(u, "after", nil) }) }) {
			t.Error("Sync returned after a commit had failed")
		}
		if err := s.Admit(t.Context(), 1); !errors.Is(err, ErrClosed) {
			t.Errorf("Admit after a failed commit = %v, want ErrClosed", err)
		}
		wantNamed(t, fatal.Load(), `(write|sync|close) data/db/\d{6}\.log: no medium$`)
		if err := s.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("Close after a failed commit = %v, want ErrClosed", err)
		}
	}
}

// wantNamed checks what Fatal was given: one line, which ends with the operation, the file and
// the cause.
func wantNamed(t *testing.T, told *error, end string) {
	t.Helper()
	if told == nil {
		t.Error("Fatal was not called")
	} else if text := (*told).Error(); strings.Contains(text, "\n") || !regexp.MustCompile(end).MatchString(text) {
		t.Errorf("Fatal was given %q, want one line that ends with %s", text, end)
	}
}

// Whichever write fails, and whether the file system's error says the file or not, the process is
// told which file it was.
func TestFailureNamesFile(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  errorfs.OpKind
		file  string
		large bool
		err   error
		want  string
	}{
		{"write of the log", errorfs.OpFileWrite, ".log", false, syscall.EFBIG, `write data/db/\d{6}\.log: file too large$`},
		{"sync of the log", errorfs.OpFileSyncData, ".log", false, syscall.EIO, `sync data/db/\d{6}\.log: input/output error$`},
		{"named already", errorfs.OpFileWrite, ".log", false,
			&fs.PathError{Op: "write", Path: "data/db/000002.log", Err: syscall.EFBIG},
			`^write-ahead log: write data/db/000002\.log: file too large$`},
		{"write of a large value", errorfs.OpFileWriteAt, segmentSuffix, true, syscall.EFBIG,
			`^commit to data: write data/values/00000001\.values: file too large$`},
		{"sync of a large value", errorfs.OpFileSyncData, segmentSuffix, true, syscall.EIO,
			`^commit to data: sync data/values/00000001\.values: input/output error$`},
		{"a new segment", errorfs.OpCreate, segmentSuffix, true, syscall.EACCES,
			`^commit to data: open data/values/00000001\.values: permission denied$`},
		{"sync of the segments' directory", errorfs.OpFileSync, valuesDir, true, syscall.EIO,
			`^commit to data: sync data/values: input/output error$`},
		{"their directory", errorfs.OpMkdirAll, valuesDir, true, syscall.EROFS,
			`^commit to data: make directory data/values: read-only file system$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fail atomic.Bool
			var fatal atomic.Pointer[error]
			s := openTest(t, "data", Options{
				FS: errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
					if fail.Load() && op.Kind == c.kind && strings.HasSuffix(op.Path, c.file) {
						return c.err
					}
					return nil
				})),
				Fatal: func(err error) { fatal.Store(&err) },
			})
			fail.Store(true)
			size := 1
			if c.large {
				size = separateFrom
			}
			if ended(func() { s.Sync(put(s, "lost", size)) }) {
				t.Error("Sync returned")
			}
			wantNamed(t, fatal.Load(), c.want)
			s.Close() // of a log that has failed it fails
		})
	}
}

// WaitFunc commits without a goroutine that waits: each function is called once, when its
// unit is durable and the callbacks have run.
func TestWaitFunc(t *testing.T) {
	const goroutines, units = 8, 200
	var commits atomic.Uint64
	s := openTest(t, "data", Options{FS: vfs.NewMem(), AfterCommit: func(uint64) { commits.Add(1) }})
	defer closeTest(t, s)
	var told sync.WaitGroup
	for g := range goroutines {
		told.Add(units)
		go func() {
			for i := range units {
				u := new(commit.Unit)
				name, ran := fmt.Sprint(g, "/", i), false
				s.PutMeta(u, name, nil)
				u.Then(func() { ran = true })
				s.Submit(u)
				if i%7 == 0 {
					s.Sync(u) // it may be durable before
				}
				commit.WaitFunc(s, u, func(err error) {
					defer told.Done()
					if _, lost := s.Meta(name); err != nil || lost != nil || !ran {
						t.Errorf("%s: told %v; %v; its callback ran: %t", name, err, lost, ran)
					}
				})
			}
		}()
	}
	told.Wait()
	if n := commits.Load(); n > goroutines*units {
		t.Errorf("%d commits of %d units", n, goroutines*units)
	}
}

// Who does not wait for a unit is not told of it once the log is closed, or a commit failed.
func TestWaitFuncClosed(t *testing.T) {
	s, fail, _ := doomed(t)
	fail.Store(true)
	var told atomic.Int64
	tell := func(error) { told.Add(1) }
	u := put(s, "lost", 1)
	commit.WaitFunc(s, u, tell)
	ended(func() { s.Sync(u) })
	commit.WaitFunc(s, u, tell)
	commit.WaitFunc(s, put(s, "late", 1), tell)
	if err := s.Close(); !errors.Is(err, ErrClosed) || told.Load() != 0 {
		t.Errorf("Close after a failed commit = %v; %d were told of units that are not durable", err, told.Load())
	}
}

func TestCallbackPanics(t *testing.T) {
	s, _, fatal := doomed(t)
	if ended(func() { do(s, func(u *commit.Unit) { u.Then(func() { panic("oops") }) }) }) {
		t.Error("Sync returned though a callback panicked")
	}
	if err := fatal.Load(); err == nil || !strings.Contains((*err).Error(), "oops") {
		t.Errorf("Fatal was given %v, want the panic", err)
	}
}

func TestCloseCommits(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	var u, relaxed commit.Unit
	s.PutMeta(&u, "u", nil)
	s.PutMeta(&relaxed, "relaxed", nil)
	relaxed.Relax()
	s.Submit(&u)
	s.Submit(&relaxed)
	closeTest(t, s)
	s.Sync(&u) // was committed: returns
	if ended(func() { do(s, func(u *commit.Unit) { s.PutMeta(u, "late", nil) }) }) {
		t.Error("Sync of a unit submitted after Close returned")
	}
	s = openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	wantMeta(t, s, "u", "")
	wantMeta(t, s, "relaxed", "")
}

func TestCloseWhileBusy(t *testing.T) {
	s := openTest(t, "data", Options{FS: vfs.NewMem()})
	var wg sync.WaitGroup
	var synced atomic.Int64
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ; i++ {
				do(s, func(u *commit.Unit) { s.PutMeta(u, fmt.Sprint(g, i), nil) })
				synced.Add(1)
			}
		}()
	}
	for synced.Load() < 100 {
		s.Meta("x")
	}
	closeTest(t, s)
	wg.Wait() // all goroutines have ended: none was answered after Close
}

func TestMisuse(t *testing.T) {
	s := memory(t)
	var u commit.Unit
	for name, f := range map[string]func(){
		"Sync before Submit": func() { s.Sync(&u) },
		"Submit twice": func() {
			var u commit.Unit
			s.Submit(&u)
			s.Submit(&u)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
