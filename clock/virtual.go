package clock

import (
	"sync"
	"time"
)

// A Virtual is a clock that goes at the pace of the machine's and whose waits can be
// skipped: [Virtual.Skip] moves it to the next time that somebody waits for. What
// takes time goes on taking it, what only waits for a time does not. Its methods are
// safe for concurrent use.
type Virtual struct {
	mu     sync.Mutex
	ahead  time.Duration          // of the machine's clock; guarded by mu
	timers map[*virtualTimer]bool // that are armed; guarded by mu
	fired  uint64                 // how many timers have fired; guarded by mu
}

// NewVirtual returns a clock that shows the time of the machine's.
func NewVirtual() *Virtual { return &Virtual{timers: map[*virtualTimer]bool{}} }

// Now implements [Clock].
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now()
}

// now is Now for who holds v.mu.
func (v *Virtual) now() time.Time { return time.Now().Add(v.ahead) }

// NewTimer implements [Clock].
func (v *Virtual) NewTimer(d time.Duration) Timer {
	t := &virtualTimer{v: v, c: make(chan time.Time, 1)}
	v.mu.Lock()
	defer v.mu.Unlock()
	t.arm(d)
	return t
}

// next returns when the next timer is due. Ok is false if there is none, or if one is
// due and has not fired yet: somebody is about to hear of it. The caller holds v.mu.
func (v *Virtual) next() (at time.Time, ok bool) {
	for t := range v.timers {
		if !ok || t.due.Before(at) {
			at, ok = t.due, true
		}
	}
	return at, ok && at.After(v.now())
}

// Skip moves the clock to the time when the next timer is due, if there is one and
// nobody does anything but wait, which idle tells; see [AllWait]. It reports whether it
// did. A timer that fires while idle looks wakes somebody that idle may have seen
// waiting: then nothing is skipped.
func (v *Virtual) Skip(idle func() bool) bool {
	v.mu.Lock()
	_, ok := v.next()
	fired := v.fired
	v.mu.Unlock()
	if !ok || !idle() {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	at, ok := v.next()
	if !ok || v.fired != fired {
		return false
	}
	v.ahead += at.Sub(v.now())
	now := v.now()
	for t := range v.timers {
		t.timer.Reset(max(0, t.due.Sub(now)))
	}
	return true
}

// A virtualTimer is a [Timer] of a Virtual. Its own channel takes the value when it is
// due, so that a timer which has fired is told from one that is about to.
type virtualTimer struct {
	v     *Virtual
	c     chan time.Time // capacity 1
	timer *time.Timer    // of the machine's clock; guarded by v.mu
	due   time.Time      // guarded by v.mu
}

// arm sets the timer. The caller holds v.mu.
func (t *virtualTimer) arm(d time.Duration) {
	d = max(0, d)
	t.due = t.v.now().Add(d)
	t.v.timers[t] = true
	if t.timer == nil {
		t.timer = time.AfterFunc(d, t.fire)
	} else {
		t.timer.Reset(d)
	}
}

// disarm stops the timer and takes a value that nobody has received. The caller holds
// v.mu.
func (t *virtualTimer) disarm() (was bool) {
	was = t.v.timers[t]
	delete(t.v.timers, t)
	t.timer.Stop()
	select {
	case <-t.c:
	default:
	}
	return was
}

// fire is called when the machine's timer is due. A call that was under way when the
// timer was stopped or set again finds that it is not due.
func (t *virtualTimer) fire() {
	t.v.mu.Lock()
	defer t.v.mu.Unlock()
	if !t.v.timers[t] {
		return
	}
	now := t.v.now()
	if left := t.due.Sub(now); left > 0 {
		t.timer.Reset(left)
		return
	}
	delete(t.v.timers, t)
	t.v.fired++
	t.c <- now // empty: a timer is armed again only by disarm and arm
}

func (t *virtualTimer) C() <-chan time.Time { return t.c }

func (t *virtualTimer) Stop() bool {
	t.v.mu.Lock()
	defer t.v.mu.Unlock()
	return t.disarm()
}

func (t *virtualTimer) Reset(d time.Duration) bool {
	t.v.mu.Lock()
	defer t.v.mu.Unlock()
	was := t.disarm()
	t.arm(d)
	return was
}
