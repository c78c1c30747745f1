package clock

import (
	"sync/atomic"
	"time"
)

// A Process is the one clock of a process. Its time never goes backwards: neither
// while the process runs nor, with [Process.NotBefore], over a restart. Its
// methods are safe for concurrent use, NotBefore before all others.
//
// The time is the greatest that the wall clock has shown, or the mark, and what has
// passed since then. So it goes on at the usual pace also while the wall clock is
// behind: a timer that is set then is due when it fires.
type Process struct {
	wall  Clock
	start time.Time    // of the wall clock, with its monotonic reading
	base  atomic.Int64 // what the time is taken to have been at start, in Unix nanoseconds
	last  atomic.Int64 // the latest time that Now has returned, in Unix nanoseconds
}

// NewProcess returns the clock that goes on from a wall clock.
func NewProcess(wall Clock) *Process {
	p := &Process{wall: wall}
	p.NotBefore(time.Time{})
	return p
}

// NotBefore lets the clock begin at a time that an earlier process has used, if
// the wall clock is behind that. It returns how far behind it is, 0 if it is not.
func (p *Process) NotBefore(mark time.Time) (behind time.Duration) {
	p.start = p.wall.Now()
	base := p.start.UnixNano()
	if !mark.IsZero() {
		base = max(base, mark.UnixNano())
	}
	p.base.Store(base)
	return time.Duration(base - p.start.UnixNano())
}

// Now implements [Clock]. The time is in UTC and without a monotonic reading.
func (p *Process) Now() time.Time {
	wall := p.wall.Now()
	passed := int64(wall.Sub(p.start))
	now := raise(&p.base, wall.UnixNano()-passed) + passed
	return time.Unix(0, raise(&p.last, now)).UTC()
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

// Behind returns how far the wall clock is behind, 0 if it is not.
func (p *Process) Behind() time.Duration {
	return max(0, p.Now().Sub(p.wall.Now().Round(0)))
}

// NewTimer implements [Clock].
func (p *Process) NewTimer(d time.Duration) Timer { return p.wall.NewTimer(d) }
