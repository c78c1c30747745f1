package run

import (
	"fmt"
	"time"

	"switchyard/value"
)

// A Timer is armed until it fires or is no longer wanted.
type Timer struct {
	Path    string
	Attempt int
	Kind    TimerKind
	FireAt  time.Time
}

// Fired returns the event that reports the timer.
func (t Timer) Fired(at time.Time) *TimerFired {
	return &TimerFired{Path: t.Path, Attempt: t.Attempt, Timer: t.Kind, At: at}
}

// TimerKind says what a timer is for. The numbers are written to disk.
type TimerKind uint8

// The kinds of timers.
const (
	TimerWait    TimerKind = 1 // a Wait activity ends
	TimerRetry   TimerKind = 2 // the next attempt starts
	TimerAttempt TimerKind = 3 // an attempt in flight times out
	TimerUntil   TimerKind = 4 // an Until times out
)

var timerNames = [...]string{"", "Wait", "Retry", "Attempt", "Until"}

// String returns the name of the constant without its prefix.
func (k TimerKind) String() string {
	if int(k) < len(timerNames) {
		return timerNames[k]
	}
	return "Unknown"
}

// An armer is an event that may arm a timer.
type armer interface {
	Event
	// arms returns the timer; ok is false if this one arms none.
	arms() (t Timer, ok bool)
}

// TimerOf returns the timer that a decision arms: the engine arms it when the
// decision is durable. After a restart [State.Timers] lists those still armed.
func TimerOf(e Event) (Timer, bool) {
	if a, ok := e.(armer); ok {
		return a.arms()
	}
	return Timer{}, false
}

// arm notes the timer that runs for the node from now on.
func (n *node) arm(e armer) {
	n.armed, n.fireAt = 0, time.Time{}
	if t, ok := e.arms(); ok {
		n.armed, n.fireAt = t.Kind, t.FireAt
	}
}

// timer returns the kind of timer that runs for the node, 0 if none does. That of an
// Until runs between its iterations too: a turn may end there, and the timer be due.
func (n *node) timer() TimerKind {
	if n.phase == backoff || n.phase == running || n.phase == ending && n.armed == TimerUntil {
		return n.armed
	}
	return 0
}

// TimerStarted starts a Wait. It arms [TimerWait].
type TimerStarted struct {
	Path           string
	FireAt         time.Time
	At             time.Time
	Input          *value.Object
	UserProperties *value.Object
}

func (e *TimerStarted) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.FireAt)
	c.time(&e.At)
	c.input(&e.Input)
	c.object(&e.UserProperties)
}

func (e *TimerStarted) When() time.Time { return e.At }

func (e *TimerStarted) arms() (Timer, bool) { return Timer{e.Path, 1, TimerWait, e.FireAt}, true }

func (e *TimerStarted) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	n.phase = running
	n.arm(e)
	s.launch(n)
	s.begin(n, e.At, e.Input, e.UserProperties, false, false)
	return nil
}

// TimerFired reports that an armed timer is due. The engine makes it from the
// [Timer] it armed.
type TimerFired struct {
	Path    string
	Attempt int
	Timer   TimerKind
	At      time.Time
}

func (e *TimerFired) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.small((*uint8)(&e.Timer))
	c.time(&e.At)
}

func (e *TimerFired) When() time.Time { return e.At }

func (e *TimerFired) apply(s *State) error {
	n := s.live[e.Path]
	if n == nil || n.attempt != e.Attempt || n.timer() != e.Timer || n.aborted() || s.status == Canceling {
		return fmt.Errorf("%w: timer %s of %s, attempt %d", ErrNotWanted, e.Timer, e.Path, e.Attempt)
	}
	switch e.Timer {
	case TimerWait:
		s.push(n, ending)
	case TimerRetry:
		s.land(n)
		s.push(n, ready)
	case TimerAttempt:
		s.push(n, timedOut)
	case TimerUntil:
		s.push(n, aborting)
	}
	return nil
}
