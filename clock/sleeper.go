package clock

import (
	"context"
	"runtime"
	"sync"
	"time"
	"weak"
)

// lookEvery is how often [Process.Watch] looks whether the machine has slept.
const lookEvery = time.Second

// Watch sees to it that what is due when the machine wakes up happens within about a
// second, although nobody asks for the time: timers stand still while it sleeps. It
// returns when ctx ends.
func (p *Process) Watch(ctx context.Context) {
	t := time.NewTicker(lookEvery) // not of the wall: that of a trial is skipped from timer to timer
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			p.wasSet()
		}
	}
}

// sleepers are the timers that may run. One that nobody holds any more is forgotten, as
// the runtime does with its own.
type sleepers struct {
	mu   sync.Mutex
	next uint64
	all  map[uint64]weak.Pointer[sleeper]
}

// A sleeper is a timer that is set anew when the machine has slept.
type sleeper struct {
	p *Process

	mu  sync.Mutex // for what is done to t: there are two who do
	t   Timer
	due int64 // in the time of the process, Unix nanoseconds
}

// NewTimer implements [Clock].
func (p *Process) NewTimer(d time.Duration) Timer {
	s := &sleeper{p: p, due: p.due(d)}
	s.t = p.wall.NewTimer(d)
	p.sleepers.add(s)
	return s
}

// due is the time of the process after d.
func (p *Process) due(d time.Duration) int64 {
	now, _ := p.read()
	if at := now + int64(d); d <= 0 || at > now {
		return at
	}
	return lastNano.UnixNano()
}

func (l *sleepers) add(s *sleeper) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[uint64]weak.Pointer[sleeper]{}
	}
	n := l.next
	l.next++
	l.all[n] = weak.Make(s)
	runtime.AddCleanup(s, l.drop, n)
}

func (l *sleepers) drop(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, n)
}

// awake sets what still runs to what is left of it.
func (l *sleepers) awake() {
	l.mu.Lock()
	var all []*sleeper
	for _, w := range l.all {
		if s := w.Value(); s != nil {
			all = append(all, s)
		}
	}
	l.mu.Unlock()
	for _, s := range all {
		s.awake()
	}
}

func (s *sleeper) awake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t.Stop() { // what has fired stays so
		now, _ := s.p.read()
		s.t.Reset(max(0, time.Duration(s.due-now)))
	}
}

// C implements [Timer].
func (s *sleeper) C() <-chan time.Time { return s.t.C() }

// Stop implements [Timer].
func (s *sleeper) Stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.t.Stop()
}

// Reset implements [Timer].
func (s *sleeper) Reset(d time.Duration) bool {
	due := s.p.due(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = due
	return s.t.Reset(d)
}
