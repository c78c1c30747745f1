package broker

import "time"

// A Clock is where the broker's time comes from.
type Clock interface {
	Now() time.Time
	NewTimer(d time.Duration) Timer
}

// A Timer is a [time.Timer] made by a [Clock].
type Timer interface {
	C() <-chan time.Time
	Stop() bool
	Reset(d time.Duration) bool
}
