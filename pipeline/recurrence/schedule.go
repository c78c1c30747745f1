package recurrence

import (
	"iter"
	"time"
)

// A Schedule is when a schedule trigger fires.
type Schedule struct {
	Frequency Frequency
	Interval  int
	// Zone is the zone whose clock the schedule goes by: UTC also if the definition names another
	// one beside a startTime with an offset of its own.
	Zone *time.Location
	// ZoneName is its name in the definition; "" is UTC.
	ZoneName string
	// Start is the first time at which it may fire, End the last; a zero End is none.
	Start, End time.Time

	calendar *calendar // with Day, Week and Month
	steps    steps     // with Minute and Hour
}

// After returns the first time after another at which the trigger fires, in UTC. It returns false
// if it does not fire any more: a schedule may never fire.
func (s *Schedule) After(t time.Time) (time.Time, bool) {
	if t.Before(s.Start) {
		t = s.Start.Add(-1)
	}
	var at time.Time
	ok := true
	if s.calendar != nil {
		at, ok = due(t, s.Zone, s.calendar.next)
	} else {
		at = s.steps.at(max(s.steps.index(t)+1, 0))
	}
	if !ok || !possible(at) || !s.End.IsZero() && at.After(s.End) {
		return time.Time{}, false
	}
	return at.UTC(), true
}

// Between iterates over the times from one on, and before another, at which the trigger fires.
func (s *Schedule) Between(from, to time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for t, ok := s.After(from.Add(-1)); ok && t.Before(to) && yield(t); t, ok = s.After(t) {
		}
	}
}

// possible reports whether the service can write the time.
func possible(t time.Time) bool { return t.UTC().Year() <= 9999 }
