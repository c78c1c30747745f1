package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// writers submit numbered units from several goroutines, each unit two records,
// until a crash is taken. acked is the greatest number that was answered.
type writers struct {
	s     *Store
	mu    sync.Mutex
	next  uint64
	acked atomic.Uint64
}

func (w *writers) write(relax bool) {
	var u commit.Unit
	w.mu.Lock()
	w.next++
	n := w.next
	value := binary.BigEndian.AppendUint64(nil, n)
	w.s.PutMeta(&u, fmt.Sprintf("a/%08d", n), value)
	size := n % 3000
	if n%16 == 0 {
		size += separateFrom // in the value log
	}
	w.s.PutMeta(&u, fmt.Sprintf("b/%08d", n), append(value, make([]byte, size)...))
	if relax {
		u.Relax()
	} else {
		u.Then(func() { w.acked.Store(n) })
	}
	w.s.Submit(&u)
	w.mu.Unlock()
	w.s.Sync(&u)
}

// prefix returns how many units a store holds, and fails the test if they are
// not the first ones, each whole.
func prefix(t *testing.T, s *Store) uint64 {
	t.Helper()
	var n [2]uint64
	for i, table := range []string{"a/", "b/"} {
		if err := metas(s, table, func(name string, value []byte) error {
			n[i]++
			if name != fmt.Sprintf("%s%08d", table, n[i]) || binary.BigEndian.Uint64(value) != n[i] {
				t.Fatalf("record %s = %x is at place %d", name, value[:8], n[i])
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n[0] != n[1] {
		t.Fatalf("half a unit: %d and %d records", n[0], n[1])
	}
	return n[0]
}

// TestCrash takes crashes at any moment: what was acknowledged is there, and what
// is there is a prefix of what was submitted. Each crash continues from the one
// before.
func TestCrash(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			fs := vfs.NewCrashableMem()
			var have uint64
			for round := range 4 {
				s := openTest(t, "data", Options{FS: fs, MemTableSize: 64 << 10})
				if got := prefix(t, s); got < have {
					t.Fatalf("round %d starts with %d units, want at least %d", round, got, have)
				} else {
					have = got
				}
				s.values.segmentSize = 256 << 10
				w := &writers{s: s, next: have}
				w.acked.Store(have)
				var stop atomic.Bool
				var wg sync.WaitGroup
				for g := range 4 {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(seed, uint64(g)))
						for !stop.Load() {
							w.write(rng.IntN(4) == 0)
						}
					})
				}
				target := have + 1 + rng.Uint64N(400)
				for w.acked.Load() < target {
					w.write(false)
				}
				have = w.acked.Load()
				crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(3) * 50, RNG: rng})
				stop.Store(true)
				wg.Wait()
				closeTest(t, s)
				fs = crashed
			}
			s := openTest(t, "data", Options{FS: fs})
			defer closeTest(t, s)
			if got := prefix(t, s); got < have {
				t.Errorf("%d units after the last crash, want at least %d", got, have)
			}
		})
	}
}

// A crash while the directory is made leaves one that can be made again, or that
// is whole.
func TestCrashWhileOpening(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var crashes []*vfs.MemFS
	fs := vfs.NewCrashableMem()
	watched := &syncWatch{FS: fs, onSync: func() {
		// Not some of the changes of a directory: file systems keep their order,
		// and Pebble needs it when it moves to another manifest.
		for _, percent := range []int{0, 100} {
			crashes = append(crashes, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
		}
	}}
	s := openTest(t, "a/data", Options{FS: watched})
	putMeta(s, "x", "1")
	closeTest(t, s)
	s = openTest(t, "a/data", Options{FS: watched})
	wantMeta(t, s, "x", "1")
	closeTest(t, s)
	if len(crashes) < 20 {
		t.Fatalf("only %d crashes", len(crashes))
	}
	for i, fs := range crashes {
		s, err := Open("a/data", testOptions(t, Options{FS: fs}))
		if err != nil {
			t.Errorf("crash %d of %d: Open = %v", i, len(crashes), err)
			continue
		}
		sealed := s.Seal([]byte("s"))
		putMeta(s, "y", "2")
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		closeTest(t, s)
		s = openTest(t, "a/data", Options{FS: crashed})
		wantMeta(t, s, "y", "2")
		if got, err := s.Open(sealed); err != nil || string(got) != "s" {
			t.Errorf("crash %d: what was sealed after it opens as %q, %v", i, got, err)
		}
		closeTest(t, s)
	}
}

// syncWatch calls onSync before each sync of a file or directory.
type syncWatch struct {
	vfs.FS
	mu     sync.Mutex
	onSync func()
}

func (w *syncWatch) sync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onSync()
}

func (w *syncWatch) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return w.watch(w.FS.Create(name, c))
}

func (w *syncWatch) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return w.watch(w.FS.OpenReadWrite(name, c, opts...))
}

func (w *syncWatch) OpenDir(name string) (vfs.File, error) { return w.watch(w.FS.OpenDir(name)) }

func (w *syncWatch) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return w.watch(w.FS.ReuseForWrite(old, name, c))
}

func (w *syncWatch) watch(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &watchedFile{f, w}, nil
}

type watchedFile struct {
	vfs.File
	w *syncWatch
}

func (f *watchedFile) Sync() error { f.w.sync(); return f.File.Sync() }

func (f *watchedFile) SyncData() error { f.w.sync(); return f.File.SyncData() }

func (f *watchedFile) SyncTo(n int64) (bool, error) { f.w.sync(); return f.File.SyncTo(n) }

// A relaxed unit is in the file system once its sync has begun, whether or not the
// sync was done: a process that is killed then does not lose it.
func TestRelaxedSurvivesKill(t *testing.T) {
	syncs := make(chan struct{}, 100)
	hold := make(chan struct{})
	var holding atomic.Bool
	fs := vfs.NewCrashableMem()
	watched := &syncWatch{FS: fs, onSync: func() {
		if holding.Load() {
			syncs <- struct{}{}
			<-hold
		}
	}}
	s := openTest(t, "data", Options{FS: watched})
	holding.Store(true)
	do(s, func(u *commit.Unit) { s.PutMeta(u, "lock", []byte("1")); u.Relax() }) // does not wait
	<-syncs
	killed := killed9(fs)
	holding.Store(false)
	close(hold)
	closeTest(t, s)
	s = openTest(t, "data", Options{FS: killed})
	defer closeTest(t, s)
	wantMeta(t, s, "lock", "1")
}
