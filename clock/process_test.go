package clock_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"switchyard/clock"
)

// A setClock is a wall clock that a test sets. Without a monotonic reading it
// tells no time while it is set back.
type setClock struct {
	clock.Wall
	now time.Time
}

func (c *setClock) Now() time.Time { return c.now }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func want(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s: it is %v, want %v", what, got, want)
	}
}

// TestProcess: the time follows the wall clock forwards and never backwards.
func TestProcess(t *testing.T) {
	wall := &setClock{now: noon}
	p := clock.NewProcess(wall)
	for _, c := range []struct {
		name   string
		set    time.Duration // from noon
		want   time.Duration
		behind time.Duration
	}{
		{"start", 0, 0, 0},
		{"forward", time.Hour, time.Hour, 0},
		{"back by a minute", 59 * time.Minute, time.Hour, time.Minute},
		{"back by a day", -23 * time.Hour, time.Hour, 24 * time.Hour},
		{"caught up", time.Hour + time.Nanosecond, time.Hour + time.Nanosecond, 0},
		{"far forward", 1000 * time.Hour, 1000 * time.Hour, 0},
	} {
		wall.now = noon.Add(c.set)
		want(t, c.name, p.Now(), noon.Add(c.want))
		if got := p.Behind(); got != c.behind {
			t.Errorf("%s: behind by %v, want %v", c.name, got, c.behind)
		}
	}
}

// TestNotBefore: a process that starts with a wall clock behind the mark goes on
// from the mark, at the pace of the wall clock.
func TestNotBefore(t *testing.T) {
	wall := &setClock{now: noon}
	p := clock.NewProcess(wall)
	if got := p.NotBefore(noon.Add(-time.Hour)); got != 0 {
		t.Errorf("behind a mark of the past by %v", got)
	}
	want(t, "mark in the past", p.Now(), noon)
	if got := p.NotBefore(noon.Add(24 * time.Hour)); got != 24*time.Hour {
		t.Errorf("behind by %v, want a day", got)
	}
	want(t, "mark", p.Now(), noon.Add(24*time.Hour))
	wall.now = noon.Add(10 * time.Second)
	want(t, "10 s later", p.Now(), noon.Add(24*time.Hour+10*time.Second))
	wall.now = noon.Add(25 * time.Hour)
	want(t, "pace", p.Now(), noon.Add(49*time.Hour))
	wall.now = noon.Add(-time.Hour)
	want(t, "wall clock set back", p.Now(), noon.Add(49*time.Hour))
}

// TestTimers: what a timer is set for is due when it fires, also while the wall
// clock is behind.
func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := clock.NewProcess(clock.Wall{})
		p.NotBefore(time.Now().Add(time.Hour))
		due := p.Now().Add(time.Minute)
		timer := p.NewTimer(due.Sub(p.Now()))
		want(t, "timer", <-timer.C(), time.Now())
		want(t, "time of the timer", p.Now(), due)
		if timer.Reset(time.Second) || !timer.Stop() {
			t.Error("a timer that has fired was running, or one that was set again was not")
		}
	})
}

// TestConcurrent: no goroutine sees the time go backwards.
func TestConcurrent(t *testing.T) {
	p := clock.NewProcess(clock.Wall{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := p.Now()
			for range 10_000 {
				now := p.Now()
				if now.Before(last) {
					t.Errorf("%v after %v", now, last)
				}
				last = now
			}
		})
	}
	wg.Wait()
}

// A steppedClock is a wall clock that somebody sets while it measures the time.
type steppedClock struct {
	clock.Wall
	now  time.Time // with a monotonic reading
	step time.Duration
}

// Now moves the wall reading of a time and leaves its monotonic one, which nothing
// but a change of the machine's time does otherwise.
func (c *steppedClock) Now() time.Time {
	t := c.now
	const secondBit = 30 // of a time.Time with a monotonic reading
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.step/time.Second) << secondBit
	return t
}

// TestStep: a wall clock that was wrong for a minute does not stop the time for as
// long as it was ahead.
func TestStep(t *testing.T) {
	wall := &steppedClock{now: time.Now()}
	p := clock.NewProcess(wall)
	start := wall.now.Round(0)
	wall.step = 24 * time.Hour
	want(t, "ahead", p.Now(), start.Add(24*time.Hour))
	wall.now = wall.now.Add(time.Minute)
	wall.step = 0
	want(t, "set back", p.Now(), start.Add(24*time.Hour+time.Minute))
	wall.now = wall.now.Add(10 * time.Second)
	want(t, "10 s later", p.Now(), start.Add(24*time.Hour+70*time.Second))
	if got := p.Behind(); got != 24*time.Hour {
		t.Errorf("behind by %v, want a day", got)
	}
	wall.step = 48 * time.Hour
	want(t, "ahead again", p.Now(), start.Add(48*time.Hour+70*time.Second))
}
