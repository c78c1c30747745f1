package recurrence

import (
	"slices"
	"time"
)

// A calendar is the walls at which a schedule by days, weeks or months is due.
type calendar struct {
	start    time.Time // wall
	unit     Frequency // Day, Week or Month
	interval int
	times    []time.Duration // of a day, sorted
	weekDays weekDays        // with Week
	days     monthDays       // with Month
}

// lastDay is 9999-12-31, where the service's times end.
const lastDay = 2_932_896

// repeats is the number of months after which the calendar is the same again: 400 years.
const repeats = 400 * 12

// next is the [walls] of the calendar. It returns false when there are no more.
func (c *calendar) next(from time.Time) (time.Time, bool) {
	if from.Before(c.start) {
		from = c.start
	}
	today := dayOf(from)
	day, ok := c.day(today)
	if ok && day == today {
		if i, _ := slices.BinarySearch(c.times, from.Sub(midnight(today))); i < len(c.times) {
			return midnight(today).Add(c.times[i]), true
		}
		day, ok = c.day(today + 1)
	}
	if !ok {
		return time.Time{}, false
	}
	return midnight(day).Add(c.times[0]), true
}

// dayOf counts days since 1970.
func dayOf(wall time.Time) int { return int(floorDiv(wall.Unix(), 24*60*60)) }

func midnight(day int) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

// day returns the first day, not before another, at which something is due. That is not before the
// start.
func (c *calendar) day(from int) (day int, ok bool) {
	switch c.unit {
	case Day:
		first := dayOf(c.start)
		day, ok = first+c.aligned(from-first), true
	case Week:
		day, ok = c.dayOfWeek(from), true
	default:
		day, ok = c.dayOfMonth(from)
	}
	return day, ok && day <= lastDay
}

// aligned returns the first period, not before another, that counts: a multiple of the interval.
// Periods are counted from that of the start.
func (c *calendar) aligned(period int) int {
	return (period + c.interval - 1) / c.interval * c.interval
}

// dayOfWeek is [calendar.day] for weeks, which begin on Monday.
func (c *calendar) dayOfWeek(from int) int {
	first := monday(dayOf(c.start))
	week := (from - first) / 7
	if c.aligned(week) == week {
		for day := from; day < first+7*(week+1); day++ {
			if c.weekDays.has(weekdayOf(day)) {
				return day
			}
		}
		week++
	}
	day := first + 7*c.aligned(week)
	for !c.weekDays.has(weekdayOf(day)) {
		day++
	}
	return day
}

// weekdayOf: day 0 was a Thursday.
func weekdayOf(day int) time.Weekday { return time.Weekday(floorMod(day+4, 7)) }

func monday(day int) int { return day - floorMod(day+3, 7) }

func floorMod(a, b int) int { return a - b*int(floorDiv(int64(a), int64(b))) }

// dayOfMonth is [calendar.day] for months. It returns false if none of the months that count has
// one of the days.
func (c *calendar) dayOfMonth(from int) (int, bool) {
	first, t := monthOf(c.start), midnight(from)
	dueIn, least := first+c.aligned(monthOf(t)-first), t.Day()
	if dueIn > monthOf(t) {
		least = 1
	}
	for range repeats {
		begin := dayOf(time.Date(dueIn/12, time.Month(dueIn%12+1), 1, 0, 0, 0, 0, time.UTC))
		if begin > lastDay {
			break
		}
		if day, ok := c.days.first(dueIn, weekdayOf(begin), least); ok {
			return begin + day - 1, true
		}
		dueIn, least = dueIn+c.interval, 1
	}
	return 0, false
}
