package expr

import (
	"math"
	"strings"
	"time"

	"switchyard/value"
)

// The functions of [EXPR 10].

// time returns a timestamp argument.
func (c *call) time(i int) (timestamp, error) {
	s, err := c.text(i)
	if err != nil {
		return timestamp{}, err
	}
	t, ok := parseTimestamp(s, c.ev.ctx.Now.UTC())
	if !ok {
		if len(s) > 64 {
			s = strings.ToValidUTF8(s[:64], "") + "…"
		}
		return timestamp{}, errorf(
			"In function '%s', the value provided for date time string '%s' was not valid. The datetime string "+
				"must match ISO 8601 format.",
			c.name, s)
	}
	return t, nil
}

// formatted writes t in the format that is the i-th argument, if it is there.
func (c *call) formatted(t timestamp, i int) (value.Value, error) {
	if !t.valid() {
		return nil, errorf("The result of the function '%s' is not a date in the years 1 to 9999.", c.name)
	}
	format := defaultFormat
	if i < len(c.args) {
		var err error
		if format, err = c.text(i); err != nil {
			return nil, err
		}
	}
	s, err := formatTime(t, format)
	if err != nil {
		return nil, err
	}
	return c.result(s)
}

// now returns the present as the Context tells it.
func (c *call) now() timestamp {
	return timestamp{c.ev.ctx.Now.UTC().Truncate(tick), kindUTC}
}

// A timeUnit is a number of seconds or of months.
type timeUnit struct{ seconds, months int64 }

var timeUnits = map[string]timeUnit{
	"second": {seconds: 1},
	"minute": {seconds: 60},
	"hour":   {seconds: 3600},
	"day":    {seconds: 86400},
	"week":   {seconds: 7 * 86400},
	"month":  {months: 1},
	"year":   {months: 12},
}

// unit returns a time-unit argument, in any case and also in the plural.
func (c *call) unit(i int) (timeUnit, error) {
	name, err := c.text(i)
	if err != nil {
		return timeUnit{}, err
	}
	lower := strings.ToLower(name)
	u, ok := timeUnits[lower]
	if !ok {
		u, ok = timeUnits[strings.TrimSuffix(lower, "s")]
	}
	if !ok {
		return timeUnit{}, errorf(
			"The function '%s' expects its time unit to be one of 'Second', 'Minute', 'Hour', 'Day', 'Week', "+
				"'Month' and 'Year'. The provided value is '%s'.",
			c.name, name)
	}
	return u, nil
}

// add moves t by n units. The result may be outside the valid years.
func (t timestamp) add(n int64, u timeUnit) timestamp {
	if u.months == 0 {
		// More than all the valid years, so that nothing below overflows.
		most := 400_000_000_000 / u.seconds
		seconds := min(max(n, -most), most) * u.seconds
		t.clock = time.Unix(t.clock.Unix()+seconds, int64(t.clock.Nanosecond())).UTC()
		return t
	}
	months := min(max(n, -120_000), 120_000) * u.months
	year, month, day := t.clock.Date()
	first := time.Date(year, month+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	day = min(day, daysIn(first.Year(), first.Month()))
	t.clock = time.Date(first.Year(), first.Month(), day, t.clock.Hour(), t.clock.Minute(), t.clock.Second(),
		t.clock.Nanosecond(), time.UTC)
	return t
}

// addUnit is addDays and its like.
func (c *call) addUnit(u timeUnit) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	n, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	return c.formatted(t.add(n, u), 2)
}

func fnAddDays(c *call) (value.Value, error)    { return c.addUnit(timeUnit{seconds: 86400}) }
func fnAddHours(c *call) (value.Value, error)   { return c.addUnit(timeUnit{seconds: 3600}) }
func fnAddMinutes(c *call) (value.Value, error) { return c.addUnit(timeUnit{seconds: 60}) }
func fnAddSeconds(c *call) (value.Value, error) { return c.addUnit(timeUnit{seconds: 1}) }

func fnAddToTime(c *call) (value.Value, error)        { return c.addInterval(1) }
func fnSubtractFromTime(c *call) (value.Value, error) { return c.addInterval(-1) }

func (c *call) addInterval(sign int64) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	n, u, err := c.interval(1)
	if err != nil {
		return nil, err
	}
	return c.formatted(t.add(sign*n, u), 3)
}

// interval returns a number and a unit, the arguments i and i+1.
func (c *call) interval(i int) (int64, timeUnit, error) {
	n, err := c.integer(i)
	if err != nil {
		return 0, timeUnit{}, err
	}
	u, err := c.unit(i + 1)
	return max(n, -math.MaxInt64), u, err
}

func fnGetFutureTime(c *call) (value.Value, error) { return c.fromNow(1) }
func fnGetPastTime(c *call) (value.Value, error)   { return c.fromNow(-1) }

func (c *call) fromNow(sign int64) (value.Value, error) {
	n, u, err := c.interval(0)
	if err != nil {
		return nil, err
	}
	return c.formatted(c.now().add(sign*n, u), 2)
}

func fnUTCNow(c *call) (value.Value, error) { return c.formatted(c.now(), 0) }

func fnFormatDateTime(c *call) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	if len(c.args) == 3 {
		if err := c.locale(2); err != nil {
			return nil, err
		}
	}
	return c.formatted(t, 1)
}

// part returns an integer that a timestamp contains.
func (c *call) part(f func(timestamp) int64) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	return f(t), nil
}

func fnDayOfMonth(c *call) (value.Value, error) {
	return c.part(func(t timestamp) int64 { return int64(t.clock.Day()) })
}

func fnDayOfWeek(c *call) (value.Value, error) {
	return c.part(func(t timestamp) int64 { return int64(t.clock.Weekday()) })
}

func fnDayOfYear(c *call) (value.Value, error) {
	return c.part(func(t timestamp) int64 { return int64(t.clock.YearDay()) })
}

func fnTicks(c *call) (value.Value, error) { return c.part(timestamp.ticks) }

// start cuts a timestamp to the beginning of a unit.
func (c *call) start(f func(time.Time) time.Time) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	t.clock = f(t.clock)
	return c.formatted(t, 1)
}

func fnStartOfDay(c *call) (value.Value, error) {
	return c.start(func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	})
}

func fnStartOfHour(c *call) (value.Value, error) {
	return c.start(func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, time.UTC)
	})
}

func fnStartOfMonth(c *call) (value.Value, error) {
	return c.start(func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	})
}
