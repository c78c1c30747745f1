package clock_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"switchyard/clock"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func want(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if got.Sub(want).Abs() > time.Microsecond {
		t.Errorf("%s: it is %v, want %v", what, got, want)
	}
}

// A steppedClock is a wall clock that somebody sets while it measures the time.
type steppedClock struct {
	clock.Wall
	now  time.Time // with a monotonic reading
	step time.Duration
}

func newStepped() *steppedClock { return &steppedClock{now: time.Now()} }

// Now moves the wall reading of a time and leaves its monotonic one, which nothing
// but a change of the machine's time does otherwise.
func (c *steppedClock) Now() time.Time {
	t := c.now
	const secondBit = 30 // of a time.Time with a monotonic reading
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.step/time.Second) << secondBit
	return t
}

// TestProcess: the time is what passes, whatever the wall clock is set to, and what is
// shown is the wall clock, of each time what it showed then.
func TestProcess(t *testing.T) {
	wall := newStepped()
	p := clock.NewProcess(wall)
	start := p.Now()
	const century = 74 * 365 * 24 * time.Hour
	var passed time.Duration
	type shown struct {
		name        string
		time, shown time.Time
	}
	var all []shown
	for _, c := range []struct {
		name string
		step time.Duration // of the wall clock
		wait time.Duration
		sets int
	}{
		{"start", 0, 0, 0},
		{"an hour later", 0, time.Hour, 0},
		{"corrected a little", time.Second, time.Minute, 0},
		{"a day ahead", 24 * time.Hour, time.Minute, 1},
		{"still ahead", 24 * time.Hour, time.Minute, 1},
		{"right again", 0, time.Minute, 2},
		{"most of a century ahead", century, time.Second, 3},
		{"a day behind", -24 * time.Hour, time.Minute, 4},
		{"right at last", 0, time.Hour, 5},
	} {
		passed += c.wait
		wall.now, wall.step = wall.now.Add(c.wait), c.step
		now := p.Now()
		want(t, c.name, now, start.Add(passed))
		all = append(all, shown{c.name, now, start.Add(passed + c.step)})
		if c.step == time.Second {
			all[len(all)-1].shown = now
		}
		if n := len(p.Sets()); n != c.sets {
			t.Errorf("%s: set %d times, want %d", c.name, n, c.sets)
		}
	}
	for _, s := range all {
		want(t, s.name+", shown", p.Shown(s.time), s.shown)
		shown := p.Shown(s.time)
		if last := clock.LastShown(p, shown); last.Before(s.time) || p.Shown(last).After(shown) {
			t.Errorf("%s: %v is last shown at %v, where it is %v", s.name, shown, last, p.Shown(last))
		}
	}
	if got := p.Shown(time.Time{}); !got.IsZero() {
		t.Errorf("no time is shown as %v", got)
	}
	want(t, "before all", clock.LastShown(p, start.Add(-48*time.Hour)), start.Add(-48*time.Hour))
	want(t, "of another clock", clock.Shown(wall, noon), noon)
}

// TestResume: what the next process makes of the mark and of its wall clock.
func TestResume(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for _, c := range []struct {
		name       string
		ahead      time.Duration // of the wall clock, when the mark was made
		stopped    time.Duration // by the wall clock
		passed     time.Duration
		notCounted time.Duration
	}{
		{"a clock that is right", 0, time.Hour, time.Hour, 0},
		{"a clock that was ahead", 0, -day, clock.MarkEvery, 0},
		{"a clock that is ahead of the time", 8 * time.Hour, time.Hour, time.Hour, 0},
		{"a time that is in another century", -74 * year, time.Hour, time.Hour, 0},
		{"a year's rest", 0, year, year, 0},
		{"a start years ahead", 0, 30 * year, clock.MarkEvery, 30 * year},
	} {
		wall := newStepped()
		start := wall.now.UTC().Round(0)
		m := clock.Mark{Time: start.Add(-c.stopped - c.ahead), Wall: start.Add(-c.stopped)}
		if c.ahead != 0 {
			m.Sets = []clock.Set{{From: m.Time.Add(-time.Hour), Ahead: c.ahead}}
		}
		p := clock.NewProcess(wall)
		if got := p.Resume(m); got != c.notCounted {
			t.Errorf("%s: %v does not count, want %v", c.name, got, c.notCounted)
		}
		want(t, c.name, p.Now(), m.Time.Add(c.passed))
		want(t, c.name+", shown", p.Shown(p.Now()), start)
		want(t, c.name+", then", p.Shown(m.Time.Add(-time.Minute)), m.Wall.Add(-time.Minute))
		wall.now = wall.now.Add(10 * time.Second)
		want(t, c.name+", later", p.Now(), m.Time.Add(c.passed+10*time.Second))
	}
}

// TestSleep: time in which the machine slept has passed, and what the wall clock was set by
// besides has not.
func TestSleep(t *testing.T) {
	wall := newStepped()
	p := clock.NewProcess(wall)
	var slept time.Duration
	p.SetAsleep(func() time.Duration { return slept })
	start := p.Now()
	slept, wall.step = 8*time.Hour, 8*time.Hour
	want(t, "slept", p.Now(), start.Add(8*time.Hour))
	want(t, "slept, shown", p.Shown(p.Now()), start.Add(8*time.Hour))
	if n := len(p.Sets()); n != 0 {
		t.Errorf("set %d times, want none: the machine slept", n)
	}
	slept, wall.step = 9*time.Hour, 33*time.Hour
	want(t, "slept and was set", p.Now(), start.Add(9*time.Hour))
	want(t, "slept and was set, shown", p.Shown(p.Now()), start.Add(33*time.Hour))
}

// TestManySets: of a wall clock that is set all the time the large changes are kept.
func TestManySets(t *testing.T) {
	wall := newStepped()
	p := clock.NewProcess(wall)
	first := p.Now()
	wall.now = wall.now.Add(time.Hour)
	wall.step = 8 * time.Hour
	second := p.Now()
	for range 500 {
		wall.now = wall.now.Add(time.Hour)
		wall.step += 2 * time.Second
		p.Now()
	}
	want(t, "before", p.Shown(first), first)
	want(t, "after the first", p.Shown(second), second.Add(8*time.Hour))
	want(t, "now", p.Shown(p.Now()), p.Now().Add(wall.step))
	if n := len(p.Sets()); n > 64 {
		t.Errorf("%d sets are kept", n)
	}
}

// TestTimers: what a timer is set for is due when it fires, also while the wall
// clock is set.
func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := clock.NewProcess(clock.Wall{})
		p.Resume(clock.Mark{Time: time.Now().Add(time.Hour), Wall: time.Now()})
		due := p.Now().Add(time.Minute)
		timer := p.NewTimer(due.Sub(p.Now()))
		want(t, "timer", <-timer.C(), time.Now())
		want(t, "time of the timer", p.Now(), due)
		if timer.Reset(time.Second) || !timer.Stop() {
			t.Error("a timer that has fired was running, or one that was set again was not")
		}
	})
}

// TestTimersAfterSleep: what is due when the machine wakes up fires within about a second,
// though nobody asks for the time, and what is not is due when it was.
func TestTimersAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		p := clock.NewProcess(clock.Wall{})
		p.SetAsleep(func() time.Duration { return time.Duration(slept.Load()) })
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go p.Watch(ctx)
		began, real := p.Now(), time.Now()
		due, later := p.NewTimer(time.Hour), p.NewTimer(10*time.Hour)
		again, fired, stopped := p.NewTimer(time.Minute), p.NewTimer(time.Second), p.NewTimer(time.Hour)
		again.Reset(9 * time.Hour)
		stopped.Stop()
		<-fired.C()
		slept.Store(int64(8 * time.Hour)) // timers of the machine stood still
		<-due.C()
		if took := time.Since(real); took > 3*time.Second {
			t.Errorf("what was due fired %s after the machine woke up", took-time.Second)
		}
		<-again.C()
		want(t, "set again", p.Now(), began.Add(9*time.Hour))
		<-later.C()
		want(t, "later", p.Now(), began.Add(10*time.Hour))
		if time.Since(real) > 3*time.Hour {
			t.Errorf("it took %s while the machine was awake", time.Since(real))
		}
		select {
		case <-fired.C():
			t.Error("what had fired fires again")
		case <-stopped.C():
			t.Error("what was stopped fires")
		case <-time.After(24 * time.Hour):
		}
		if fired.Stop() || stopped.Stop() {
			t.Error("what had fired, or was stopped, runs")
		}
	})
}

// A betweenClock is read by who loses its turn before it uses what it has read.
type betweenClock struct {
	clock.Wall
	between func()
}

func (c *betweenClock) Now() time.Time {
	now := c.Wall.Now()
	if f := c.between; f != nil {
		c.between = nil
		f()
	}
	return now
}

// TestNothingToldInBetween: while it is taken up that the wall clock was set, no time is
// told: it could be one from which on something else is shown.
func TestNothingToldInBetween(t *testing.T) {
	wall := &betweenClock{}
	p := clock.NewProcess(wall)
	told := p.Now()
	p.Change(func(from time.Time) {
		if !from.After(told) {
			t.Errorf("the change begins at %v, and %v was told before", from, told)
		}
		if now, ok := p.Tell(); ok {
			t.Errorf("%v is told during a change from %v on", now, from)
		}
	})
	wall.between = func() { p.Change(func(time.Time) {}) }
	if now, ok := p.Tell(); ok {
		t.Errorf("%v is told, of a wall clock that was read before a change", now)
	}
	var from time.Time
	p.Change(func(f time.Time) { from = f })
	if now, ok := p.Tell(); !ok || now.Before(from) {
		t.Errorf("after a change from %v on, %v is told: %v", from, now, ok)
	}
}

// A flippedClock is set while others read it, and what they read arrives late, and not in
// order: a goroutine may lose its turn when it has read the clock of the machine.
type flippedClock struct {
	clock.Wall
	step atomic.Int64 // seconds
}

func (c *flippedClock) Now() time.Time {
	stepped := steppedClock{now: time.Now(), step: time.Duration(c.step.Load()) * time.Second}
	for range rand.IntN(2000) {
		c.step.Load() // takes time
	}
	return stepped.Now()
}

// TestConcurrent: no goroutine sees the time go backwards, nor what is shown of a time
// change, while the wall clock is set.
func TestConcurrent(t *testing.T) {
	wall := &flippedClock{}
	p := clock.NewProcess(wall)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			last := p.Now()
			shown := p.Shown(last)
			for i := range 10_000 {
				if n == 0 && i%1000 == 0 {
					wall.step.Store(int64(i))
				}
				now := p.Now()
				if now.Before(last) {
					t.Errorf("%v after %v", now, last)
				}
				if again := p.Shown(last); !again.Equal(shown) {
					t.Errorf("%v is shown as %v, and later as %v", last, shown, again)
				}
				last, shown = now, p.Shown(now)
			}
		})
	}
	wg.Wait()
	if n := len(p.Sets()); n != 9 {
		t.Errorf("set %d times, want 9", n)
	}
}

// BenchmarkNow is the time of a process beside that of the machine, by one goroutine and by
// all processors at once.
func BenchmarkNow(b *testing.B) {
	for _, c := range []struct {
		name  string
		clock clock.Clock
	}{{"wall", clock.Wall{}}, {"process", clock.NewProcess(clock.Wall{})}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.clock.Now()
			}
		})
		b.Run(c.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.clock.Now()
				}
			})
		})
	}
}
