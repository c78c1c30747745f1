package clock_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
)

// TestVirtual: a skip goes to the next timer and no further, whatever was set, set
// again and stopped before.
func TestVirtual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := clock.NewVirtual()
		start := v.Now()
		idle := func() bool { return true }
		if v.Skip(idle) {
			t.Error("skipped without a timer")
		}
		hour, day, stopped := v.NewTimer(time.Hour), v.NewTimer(48*time.Hour), v.NewTimer(time.Minute)
		if !stopped.Stop() || stopped.Stop() || !day.Reset(24*time.Hour) {
			t.Error("Stop and Reset do not tell whether a timer was armed")
		}
		for _, c := range []struct {
			timer clock.Timer
			want  time.Duration
		}{{hour, time.Hour}, {day, 24 * time.Hour}} {
			if v.Skip(func() bool { return false }) {
				t.Error("skipped while somebody works")
			}
			if !v.Skip(idle) {
				t.Fatal("not skipped")
			}
			want(t, "timer", <-c.timer.C(), start.Add(c.want))
			want(t, "clock", v.Now(), start.Add(c.want))
		}
		if v.Skip(idle) {
			t.Error("skipped when all timers had fired")
		}
		// Without a skip it goes at the pace of the machine's clock.
		hour.Reset(time.Second)
		time.Sleep(999 * time.Millisecond)
		select {
		case <-hour.C():
			t.Error("fired early")
		default:
		}
		want(t, "pace", <-hour.C(), start.Add(24*time.Hour+time.Second))
		// A value that nobody has received does not outlive Stop or Reset.
		hour.Reset(time.Second)
		time.Sleep(time.Minute)
		if hour.Reset(time.Hour) {
			t.Error("Reset: a timer that has fired was armed")
		}
		select {
		case at := <-hour.C():
			t.Errorf("a stale value: %v", at)
		default:
		}
		hour.Stop()
	})
}

// TestVirtualDue: while a timer is due whose value is not out, nothing is skipped, nor
// when it fires while it is looked whether all wait.
func TestVirtualDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := clock.NewVirtual()
		idle := func() bool { return true }
		late := v.NewTimer(time.Hour)
		v.NewTimer(0)
		if v.Skip(idle) {
			t.Error("skipped over a timer that is due")
		}
		synctest.Wait()
		v.NewTimer(time.Second)
		if v.Skip(func() bool { time.Sleep(2 * time.Second); return true }) {
			t.Error("skipped although a timer has fired meanwhile")
		}
		if !v.Skip(idle) {
			t.Error("not skipped when all that were due had fired")
		}
		<-late.C()
	})
}

// TestAllWait: a goroutine that works, or has been woken, is seen; those that wait for
// each other in any way are not in the way.
func TestAllWait(t *testing.T) {
	quiet := func() bool {
		for range 1000 {
			if clock.AllWait() {
				return true
			}
			runtime.Gosched()
		}
		return false
	}
	var mu sync.Mutex
	var wg, begun sync.WaitGroup
	cond := sync.NewCond(&sync.Mutex{})
	block, taken, done := make(chan int), make(chan int), false // nobody receives from taken
	mu.Lock()
	begun.Add(5)
	wg.Go(func() { begun.Done(); <-block })
	wg.Go(func() {
		begun.Done()
		select {
		case <-block:
		case taken <- 1:
		}
	})
	wg.Go(func() { begun.Done(); mu.Lock(); defer mu.Unlock() })
	wg.Go(func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		for begun.Done(); !done; {
			cond.Wait()
		}
	})
	work := make(chan bool)
	wg.Go(func() {
		begun.Done()
		for <-work {
			for stop := false; !stop; {
				select {
				case stop = <-work:
				default:
				}
			}
		}
	})
	begun.Wait()
	if !quiet() {
		t.Error("all wait, and it was not seen")
	}
	work <- true
	for range 100 {
		if clock.AllWait() {
			t.Fatal("one works, and it was not seen")
		}
	}
	work <- true
	work <- false
	if !quiet() {
		t.Error("all wait again, and it was not seen")
	}
	close(block)
	mu.Unlock()
	cond.L.Lock()
	done = true
	cond.L.Unlock()
	cond.Broadcast()
	wg.Wait()
}
