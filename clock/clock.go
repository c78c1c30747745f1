// Package clock is where the time comes from. Whatever needs it takes a [Clock];
// in a running Switchyard that is one [Process] for all.
//
// There are two times. The time of the process is what is decided by and what is
// stored: nobody can set it, so a lock of a minute takes a minute. The wall clock is
// what people and other programs go by, and may be wrong, and set. [Shown] translates
// the one into the other where a time leaves the process, and tokens and certificates
// are checked by the wall clock itself. Why it is so: docs/decisions/0008-two-clocks.md.
//
// A [Virtual] is for what is tried out: its waits can be skipped.
//
// The package imports nothing of ours.
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

// A teller is a [Clock], or what only tells the time.
type teller interface{ Now() time.Time }

// Shown returns what the wall clock shows at a time of c: of a time that has passed, what
// it has shown. It is t for a clock that is not a [Process], and for the zero time.
func Shown(c teller, t time.Time) time.Time {
	if p, ok := c.(*Process); ok {
		return p.Shown(t)
	}
	return t
}

// ShownNow returns what the wall clock of c shows, in UTC.
func ShownNow(c teller) time.Time { return Shown(c, c.Now()).UTC() }

// LastShown returns the latest time of c at which the wall clock shows t or less. It is
// the other direction of [Shown], for bounds that others give.
func LastShown(c teller, t time.Time) time.Time {
	if p, ok := c.(*Process); ok {
		return p.lastShown(t)
	}
	return t
}
