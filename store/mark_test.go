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
func markOf(t *testing.T, s *Store) clock.Mark {
	t.Helper()
	b, err := s.Meta("clock/mark")
	if errors.Is(err, ErrNotFound) {
		return clock.Mark{}
	}
	var m clock.Mark
	if err == nil {
		m, err = decodeMark(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMark: the mark goes with what is committed, at most once a second.
func TestMark(t *testing.T) {
	wall := &setClock{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	s := openTest(t, "data", Options{FS: vfs.NewMem(), Clock: clock.NewProcess(wall)})
	start := wall.now
	if got := markOf(t, s); !got.Time.IsZero() {
		t.Errorf("mark of a new directory: %v", got)
	}
	for _, c := range []struct {
		name  string
		at    time.Duration // of the wall clock, from start
		what  func(u *commit.Unit)
		relax bool
		want  time.Duration
		wall  time.Duration // in the mark
	}{
		{"first", 0, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, false, 0, 0},
		{"soon after", 999 * time.Millisecond, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, false, 0, 0},
		{"a second later", time.Second, func(u *commit.Unit) { s.DeleteMeta(u, "x") }, false, time.Second, time.Second},
		{"nothing to write", time.Hour, func(u *commit.Unit) { u.Then(func() {}) }, false, time.Second, time.Second},
		{"relaxed", 2 * time.Hour, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, true, 2 * time.Hour, 2 * time.Hour},
		{"back by a day", -22 * time.Hour, func(u *commit.Unit) { s.PutMeta(u, "x", nil) }, false, 2 * time.Hour, -22 * time.Hour},
	} {
		wall.now = start.Add(c.at)
		do(s, func(u *commit.Unit) {
			c.what(u)
			if c.relax {
				u.Relax()
			}
		})
		if got := markOf(t, s); got.Time.Sub(start.Add(c.want)).Abs() > time.Microsecond || !got.Wall.Equal(start.Add(c.wall)) {
			t.Errorf("%s: the mark is %v at %v, want %v at %v", c.name, got.Time, got.Wall, start.Add(c.want), start.Add(c.wall))
		}
	}
}

// TestClockAfterStop: after a crash or a clean stop, with the wall clock set back by a
// day, the time goes on at once and nowhere behind what was used.
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
		resumed := p.Now()
		if on := resumed.Sub(last); on < 0 || on > clock.MarkEvery+time.Microsecond {
			t.Errorf("clean stop %v: the time went on by %v", clean, on)
		}
		wall.now = wall.now.Add(time.Hour)
		if got := p.Now().Sub(resumed); (got - time.Hour).Abs() > time.Microsecond {
			t.Errorf("clean stop %v: an hour later it is %v later", clean, got)
		}
	}
}

// TestDamagedMark: a mark that is no time is damage, with its place.
func TestDamagedMark(t *testing.T) {
	whole := encodeMark(clock.Mark{Time: time.Unix(2, 0), Wall: time.Unix(1, 0), Sets: make([]clock.Set, 2)})
	for _, mark := range [][]byte{[]byte("noon"), {}, whole[:1], whole[:17], whole[:len(whole)-1], append(whole[:17:17], 0xff)} {
		fs := vfs.NewMem()
		s := openTest(t, "data", Options{FS: fs})
		do(s, func(u *commit.Unit) { s.PutMeta(u, markName, mark) })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Open("data", Options{FS: fs, Clock: clock.NewProcess(clock.Wall{})})
		if damage, ok := errors.AsType[*CorruptError](err); !ok || damage.Where != `meta record "clock/mark"` {
			t.Errorf("mark %x: error %v, want CorruptError at the mark", mark, err)
		}
	}
}

// The mark on disk, which earlier versions wrote too.
func TestGoldenMark(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	set := clock.Mark{Time: at, Wall: at.Add(-time.Hour), Sets: []clock.Set{
		{From: at.Add(-24 * time.Hour), Ahead: 74 * 365 * 24 * time.Hour}, {From: at.Add(-12 * time.Hour), Ahead: -time.Hour}}}
	record := func(name string, m clock.Mark) golden.Record {
		return golden.Record{Name: name, Value: m, Encode: func() []byte { return encodeMark(m) },
			Decode: func(b []byte) (any, error) { return decodeMark(b) }}
	}
	golden.Check(t, "clock", 2, func(version int) []golden.Record {
		mark := record("mark", clock.Mark{Time: at, Wall: at})
		if version == 1 {
			return []golden.Record{mark}
		}
		return []golden.Record{mark, record("mark-set", set)}
	})
}
