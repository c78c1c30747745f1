// Package clock is where the time comes from. Whatever needs it takes a [Clock];
// in a running Switchyard that is one [Process] for all.
//
// The package imports nothing of ours and starts no goroutine.
package clock

import "time"

// A Clock tells and measures time.
type Clock interface {
	Now() time.Time
	NewTimer(d time.Duration) Timer
}

// A Timer is a [time.Timer] made by a [Clock]: after Stop or Reset no stale value
// is received from C.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
	Reset(d time.Duration) bool
}

// Wall is the clock of the machine, or that of the testing/synctest bubble it is
// used in. It may be set back while it is used.
type Wall struct{}

// Now implements [Clock].
func (Wall) Now() time.Time { return time.Now() }

// NewTimer implements [Clock].
func (Wall) NewTimer(d time.Duration) Timer { return timer{time.NewTimer(d)} }

type timer struct{ *time.Timer }

func (t timer) C() <-chan time.Time { return t.Timer.C }
