package store

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/internal/golden"
)

// A setClock is a wall clock that a test sets.
type setClock struct {
	clock.Wall
	now time.Time
}

func (c *setClock) Now() time.Time { return c.now }

// markOf reads the mark as it is on disk.
func markOf(t *testing.T, s *Store) (at time.Time) {
	t.Helper()
	b, err := s.Meta("clock/mark")
	if errors.Is(err, ErrNotFound) {
		return at
	}
	if err == nil {
		err = at.UnmarshalBinary(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestMark: the mark goes with what is committed, at most once a second.
func TestMark(t *testing.T) {
	wall := &setClock{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	s := openTest(t, "data", Options{FS: vfs.NewMem(), Clock: clock.NewProcess(wall)})
	start := wall.now
	if got := markOf(t, s); !got.IsZero() {
		t.Errorf("mark of a new directory: %v", got)
	}
	for _, c := range []struct {
		name  string
		at    time.Duration // of the wall clock, from start
		what  func(u *commit.Unit)
		relax bool
		want  time.Duration
	}{
		{"first", 0, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, false, 0},
		{"soon after", 999 * time.Millisecond, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, false, 0},
		{"a second later", time.Second, func(u *commit.Unit) { s.DeleteMeta(u, "x") }, false, time.Second},
		{"nothing to write", time.Hour, func(u *commit.Unit) { u.Then(func() {}) }, false, time.Second},
		{"relaxed", 2 * time.Hour, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, true, 2 * time.Hour},
		{"back by a day", -22 * time.Hour, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, false, 2 * time.Hour},
	} {
		wall.now = start.Add(c.at)
		do(s, func(u *commit.Unit) {
			c.what(u)
			if c.relax {
				u.Relax()
			}
		})
		if got := markOf(t, s); !got.Equal(start.Add(c.want)) {
			t.Errorf("%s: the mark is %v, want %v", c.name, got, start.Add(c.want))
		}
	}
}

// TestClockAfterStop: after a crash with the wall clock set back by a day the time
// has not gone back by more than a second; after a clean stop not at all.
func TestClockAfterStop(t *testing.T) {
	for _, clean := range []bool{false, true} {
		wall := &setClock{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
		fs := vfs.NewCrashableMem()
		p := clock.NewProcess(wall)
		s := openTest(t, "data", Options{FS: fs, Clock: p})
		for range 5 {
			wall.now = wall.now.Add(700 * time.Millisecond)
			do(s, func(u *commit.Unit) { s.PutMeta(u, "x", []byte("y")) })
		}
		wall.now = wall.now.Add(time.Minute) // in which nothing was decided
		last := p.Now()
		disk := fs.CrashClone(vfs.CrashCloneCfg{})
		if clean {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			disk = fs
		} else {
			last = last.Add(-time.Minute)
		}
		wall.now = wall.now.Add(-24 * time.Hour)
		p = clock.NewProcess(wall)
		openTest(t, "data", Options{FS: disk, Clock: p})
		if back := last.Sub(p.Now()); back > time.Second || clean && back > 0 || back < 0 {
			t.Errorf("clean stop %v: the time went back by %v", clean, back)
		}
		wall.now = wall.now.Add(time.Hour)
		if got := p.Now().Sub(last); got < time.Hour-time.Second || got > time.Hour {
			t.Errorf("clean stop %v: an hour later it is %v later", clean, got)
		}
	}
}

// TestDamagedMark: a mark that is no time is damage, with its place.
func TestDamagedMark(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	do(s, func(u *commit.Unit) { s.PutMeta(u, markName, []byte("noon")) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open("data", Options{FS: fs, Clock: clock.NewProcess(clock.Wall{})})
	if damage, ok := errors.AsType[*CorruptError](err); !ok || damage.Where != `meta record "clock/mark"` {
		t.Errorf("error %v, want CorruptError at the mark", err)
	}
}

// The mark on disk, which earlier versions wrote too.
func TestGoldenMark(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	golden.Check(t, "clock", 1, func(int) []golden.Record {
		return []golden.Record{{Name: "mark", Value: at, Encode: func() []byte { return encodeMark(at) },
			Decode: func(b []byte) (any, error) { return decodeMark(b) }}}
	})
}
