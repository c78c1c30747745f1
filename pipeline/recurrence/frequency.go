package recurrence

import "strings"

// A Frequency is the unit of a recurrence.
type Frequency uint8

// The frequencies. A tumbling window has Minute, Hour or Month.
const (
	Minute Frequency = iota + 1
	Hour
	Day
	Week
	Month
)

var frequencyNames = [...]string{Minute: "Minute", Hour: "Hour", Day: "Day", Week: "Week", Month: "Month"}

// String returns the spelling of a definition.
func (f Frequency) String() string { return frequencyNames[f] }

// parseFrequency ignores case; 0 is none.
func parseFrequency(s string) Frequency {
	for f := Minute; f <= Month; f++ {
		if strings.EqualFold(s, f.String()) {
			return f
		}
	}
	return 0
}

// seconds is how long a minute or an hour is; 0 for what a calendar tells.
func (f Frequency) seconds() int64 {
	switch f {
	case Minute:
		return 60
	case Hour:
		return 3600
	}
	return 0
}
