package expr

import "time"

// A timeKind says what a timestamp's text says about its zone [EXPR 10.1]. It
// decides the suffix that the format K prints.
type timeKind uint8

const (
	kindUnspecified timeKind = iota // no zone: no suffix
	kindUTC                         // Z
	kindOffset                      // an offset: converted to UTC, printed as +00:00
)

// A timestamp is a .NET date-time: a clock time in the years 1 to 9999 with a
// resolution of 100 ns, and its kind. The clock time is kept as if it were UTC.
type timestamp struct {
	clock time.Time
	kind  timeKind
}

const tick = 100 * time.Nanosecond

// valid reports whether the clock time is in .NET's range.
func (t timestamp) valid() bool {
	y := t.clock.Year()
	return y >= 1 && y <= 9999
}

// ticks counts 100 ns intervals since the beginning of year 1.
func (t timestamp) ticks() int64 {
	const secondsToUnix = 62_135_596_800
	return (t.clock.Unix()+secondsToUnix)*10_000_000 + int64(t.clock.Nanosecond()/100)
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
