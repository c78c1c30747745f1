package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tolerance is how far the wall clock may be from what is shown before it counts as
	// set. Clocks that are kept right are moved by less, and slowly.
	tolerance = time.Second
	// MarkEvery is how old the mark of a process may be that is killed: what it has
	// done since is in no case later than the time at which the next one begins.
	MarkEvery = time.Second
	// mostStopped is the longest time that a process was stopped, by the wall clock,
	// which counts as time. Behind more there is a wrong clock or a forgotten directory,
	// and neither may end every message's time to live at once.
	mostStopped = 366 * 24 * time.Hour
)

// A Process is the one clock of a process. Its time is what has passed while processes
// ran, measured by a clock that nobody can set, and what they were stopped for by the
// wall clock. So it never goes backwards, neither while the process runs nor, with
// [Process.Resume], over a restart, and setting the wall clock neither ends what waits
// nor holds it up: that changes what is [Process.Shown], from then on.
//
// Time in which the machine sleeps has passed, where the system tells it from a wall
// clock that was set (Linux); elsewhere it has not. Its timers are set anew when that is
// seen, by who asks for the time or by [Process.Watch].
//
// Its methods are safe for concurrent use, Resume before all others.
type Process struct {
	wall   Clock
	start  time.Time    // of the wall clock, with its monotonic reading
	base   atomic.Int64 // the time at start, in Unix nanoseconds, and what was slept since
	last   atomic.Int64 // the latest time that Now has returned, in Unix nanoseconds
	offset atomic.Int64 // what the wall clock shows beyond the time, in nanoseconds
	sets   atomic.Pointer[[]Set]
	// changes counts what begins and what ends of changes of offset and sets: it is odd
	// during one.
	changes atomic.Uint64

	asleep func() time.Duration // how long the machine has slept since it was started

	mu    sync.Mutex
	slept time.Duration // what start and base have of it; guarded by mu

	sleepers sleepers
}

// NewProcess returns the clock that goes on from a wall clock.
func NewProcess(wall Clock) *Process {
	p := &Process{wall: wall, asleep: slept}
	start := wall.Now()
	p.begin(start, unixNano(start))
	return p
}

func (p *Process) begin(start time.Time, base int64) {
	p.start, p.slept = start, p.asleep()
	p.base.Store(base)
	p.last.Store(base)
}

// Resume goes on from the mark of an earlier process. It returns how long no process has
// run by the wall clock if that is too long to count, else 0.
func (p *Process) Resume(m Mark) (notCounted time.Duration) {
	start := p.wall.Now()
	stopped := start.Round(0).Sub(m.Wall)
	if stopped > mostStopped {
		notCounted = stopped
	}
	if stopped < 0 || notCounted > 0 {
		stopped = MarkEvery
	}
	p.begin(start, unixNano(m.Time)+int64(stopped))
	p.sets.Store(&m.Sets)
	p.offset.Store(int64(m.Ahead()))
	p.Now() // sees whether the wall clock was set
	return notCounted
}

// Now implements [Clock]. The time is in UTC and without a monotonic reading.
func (p *Process) Now() time.Time {
	now, ok := p.tell()
	if !ok {
		now = p.wasSet()
	}
	return time.Unix(0, now).UTC()
}

// tell returns the time, unless the wall clock was set and that is not taken up, or is at
// this moment: then the wall clock may have been read before, and the time be shown as
// before, and differently a moment later.
func (p *Process) tell() (now int64, ok bool) {
	before := p.changes.Load()
	now, off := p.read()
	return now, !far(off) && before%2 == 0 && p.changes.Load() == before
}

// far reports whether what is shown is so far from the wall clock that this was set.
func far(off int64) bool { return off > int64(tolerance) || off < -int64(tolerance) }

// read returns the time, and how far the wall clock is from what is shown.
func (p *Process) read() (now, off int64) {
	wall := p.wall.Now()
	now = raise(&p.last, p.base.Load()+int64(wall.Sub(p.start)))
	return now, unixNano(wall) - now - p.offset.Load()
}

// wasSet takes up a machine that has slept and a wall clock that was set.
func (p *Process) wasSet() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.asleep(); s > p.slept {
		long := s-p.slept > tolerance
		p.base.Add(int64(s - p.slept))
		if p.slept = s; long {
			defer p.sleepers.awake()
		}
	}
	now, off := p.read()
	if far(off) {
		now = p.change(func(from int64) {
			offset := p.offset.Load() + off
			sets := append(p.Sets(), Set{From: time.Unix(0, from).UTC(), Ahead: time.Duration(offset)})
			sets = forget(sets)
			p.sets.Store(&sets)
			p.offset.Store(offset)
		})
	}
	return now
}

// change has f change what is shown from a time on, which it returns. Every time that was
// told is before it, and is shown as it was: none is told meanwhile. It is called with mu
// held.
func (p *Process) change(f func(from int64)) (from int64) {
	p.changes.Add(1)
	defer p.changes.Add(1)
	from = p.last.Add(1)
	f(from)
	return from
}

// raise makes n the value of a, unless that is greater, and returns the greater one.
func raise(a *atomic.Int64, n int64) int64 {
	for {
		old := a.Load()
		if n <= old {
			return old
		}
		if a.CompareAndSwap(old, n) {
			return n
		}
	}
}

// lastNano is the last moment that fits; clocks have been seen far behind it.
var lastNano = time.Unix(1<<33, 0)

// unixNano is that of a time within what fits.
func unixNano(t time.Time) int64 {
	if t.After(lastNano) {
		t = lastNano
	} else if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	return t.UnixNano()
}
