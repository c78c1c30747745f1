package recurrence

import (
	"math/bits"
	"time"
)

// weekDays is a set of days of the week: a bit for each.
type weekDays uint8

func (s weekDays) has(d time.Weekday) bool { return s&(1<<d) != 0 }

// An occurrence is a day of the week in a month: the n-th, or from its end if n is negative, or
// every one if n is 0.
type occurrence struct {
	day time.Weekday
	n   int
}

// monthDays are the days of a month at which something is due, those of both lists.
type monthDays struct {
	numbers     []int // negative: from the month's end
	occurrences []occurrence
	// capped says that the last day of a month stands for a number that it does not have.
	capped bool
}

// A daySet is a set of days of a month: bit 1 for the first.
type daySet uint32

// add ignores days that a month of so many days does not have.
func (s *daySet) add(day, of int) {
	if day >= 1 && day <= of {
		*s |= 1 << day
	}
}

// first returns the first day of a month that begins with a weekday that is due and at least
// the given one.
func (m monthDays) first(month int, begins time.Weekday, least int) (int, bool) {
	rest := m.in(daysIn(month), begins) >> least << least
	return bits.TrailingZeros32(uint32(rest)), rest != 0
}

// in returns what is due in a month of so many days that begins with a weekday.
func (m monthDays) in(days int, begins time.Weekday) daySet {
	var s daySet
	for _, n := range m.numbers {
		switch {
		case n < 0:
			n += days + 1
		case m.capped:
			n = min(n, days)
		}
		s.add(n, days)
	}
	for _, o := range m.occurrences {
		first := 1 + floorMod(int(o.day-begins), 7)
		last := first + (days-first)/7*7
		switch {
		case o.n > 0:
			s.add(first+7*(o.n-1), days)
		case o.n < 0:
			s.add(last+7*(o.n+1), days)
		default:
			for day := first; day <= days; day += 7 {
				s.add(day, days)
			}
		}
	}
	return s
}
