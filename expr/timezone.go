package expr

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // for hosts without a tz database

	"switchyard/value"
)

// zones remembers the zones that were looked up: at most as many as the tz
// database has names.
var zones sync.Map // name in lower case or as spelled -> *time.Location

// LoadTimeZone returns the zone with a Windows id, which may be in any case, or
// with an exact tz database name. It reports false if there is none. Schedule
// triggers use the same names.
func LoadTimeZone(name string) (*time.Location, bool) {
	key, ok := windowsZones[strings.ToLower(name)]
	if !ok {
		// "" and "Local" mean the host's zone to the time package.
		if !strings.Contains(name, "/") || len(name) > 64 {
			return nil, false
		}
		key = name
	}
	if l, ok := zones.Load(key); ok {
		return l.(*time.Location), true
	}
	l, err := time.LoadLocation(key)
	if err != nil {
		return nil, false
	}
	zones.Store(key, l)
	return l, true
}

// zone returns a time-zone argument.
func (c *call) zone(i int) (*time.Location, error) {
	name, err := c.text(i)
	if err != nil {
		return nil, err
	}
	l, ok := LoadTimeZone(name)
	if !ok {
		return nil, errorf(
			"The function '%s' expects its time zone to be the id of a known time zone. The provided value is '%s'.",
			c.name, name)
	}
	return l, nil
}

func isUTC(l *time.Location) bool { return l.String() == "Etc/UTC" }

// inZone turns an instant into the clock time of a zone. Only UTC keeps a kind.
func (t timestamp) inZone(l *time.Location) timestamp {
	if isUTC(l) {
		return timestamp{t.clock, kindUTC}
	}
	_, offset := t.clock.In(l).Zone()
	return timestamp{t.clock.Add(time.Duration(offset) * time.Second), kindUnspecified}
}

// fromZone reads t's clock time as one of zone l and returns the instant. It returns false
// if the clock time does not occur, or occurs twice.
func (t timestamp) fromZone(l *time.Location) (timestamp, bool) {
	var instant time.Time
	found := false
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := t.clock.Add(around).In(l).Zone()
		candidate := t.clock.Add(-time.Duration(offset) * time.Second)
		if _, actual := candidate.In(l).Zone(); actual != offset {
			continue
		}
		if found && !candidate.Equal(instant) {
			return timestamp{}, false
		}
		instant, found = candidate, true
	}
	return timestamp{instant, kindUTC}, found
}

func (c *call) gap(i int) error {
	return errorf(
		"In function '%s', the value provided for date time string '%s' is a time that does not occur in its time zone, or occurs twice.",
		c.name, value.Text(c.args[i]))
}

func fnConvertFromUTC(c *call) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	l, err := c.zone(1)
	if err != nil {
		return nil, err
	}
	if t.kind != kindUTC {
		return nil, errorf(
			"The function 'convertFromUtc' expects its first parameter to be a string that contains a UTC date time, "+
				"with a Z at its end. The value was '%s'.",
			value.Text(c.args[0]))
	}
	return c.formatted(t.inZone(l), 2)
}

// fnConvertToUTC refuses a timestamp that names its zone, unless that and the zone given
// are UTC.
func fnConvertToUTC(c *call) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	l, err := c.zone(1)
	if err != nil {
		return nil, err
	}
	if t.kind != kindUnspecified {
		if !isUTC(l) || t.kind != kindUTC {
			return nil, errorf(
				"In function '%s', the source time zone must match the one that the timestamp '%s' indicates.",
				c.name, value.Text(c.args[0]))
		}
		return c.formatted(timestamp{t.clock, kindUTC}, 2)
	}
	u, ok := t.fromZone(l)
	if !ok {
		return nil, c.gap(0)
	}
	return c.formatted(u, 2)
}

func fnConvertTimeZone(c *call) (value.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return nil, err
	}
	from, err := c.zone(1)
	if err != nil {
		return nil, err
	}
	to, err := c.zone(2)
	if err != nil {
		return nil, err
	}
	if t.kind == kindUnspecified {
		var ok bool
		if t, ok = t.fromZone(from); !ok {
			return nil, c.gap(0)
		}
	}
	return c.formatted(t.inZone(to), 3)
}
