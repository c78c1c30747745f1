package recurrence

import "time"

// steps are times at the same distance from each other, in UTC: start + k·distance. A distance
// in months is counted from the start, not from the step before: a start on the 31st is on the
// last day of a shorter month, and on the 31st again afterwards.
type steps struct {
	start   time.Time
	seconds int64 // the distance, or
	months  int   // this one
}

// newSteps returns the steps of a frequency that needs no calendar, or of months.
func newSteps(start time.Time, f Frequency, interval int) steps {
	s := steps{start: start.UTC(), seconds: f.seconds() * int64(interval)}
	if f == Month {
		s.months = interval
	}
	return s
}

// at returns the k-th step.
func (s steps) at(k int64) time.Time {
	if s.months == 0 {
		return time.Unix(s.start.Unix()+k*s.seconds, int64(s.start.Nanosecond())).UTC()
	}
	month := monthOf(s.start) + int(k)*s.months
	day := min(s.start.Day(), daysIn(month))
	hour, minute, second := s.start.Clock()
	return time.Date(month/12, time.Month(month%12+1), day,
		hour, minute, second, s.start.Nanosecond(), time.UTC)
}

// index returns the last step that is not after t; it is negative before the start.
func (s steps) index(t time.Time) int64 {
	if s.months == 0 {
		seconds := t.Unix() - s.start.Unix()
		if t.Nanosecond() < s.start.Nanosecond() {
			seconds--
		}
		return floorDiv(seconds, s.seconds)
	}
	k := floorDiv(int64(monthOf(t.UTC())-monthOf(s.start)), int64(s.months))
	if s.at(k).After(t) {
		k--
	}
	return k
}

// floorDiv rounds down, where the operator rounds to zero. The divisor is positive.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// monthOf counts months since the year 0.
func monthOf(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }

// daysIn returns how many days a month has.
func daysIn(month int) int {
	return time.Date(month/12, time.Month(month%12+2), 0, 0, 0, 0, 0, time.UTC).Day()
}
