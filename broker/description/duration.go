package description

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// foreverText is how Service Bus writes [Forever].
const foreverText = "P10675199DT2H48M5.4775807S"

// tick is the resolution of .NET's TimeSpan.
const tick = 100 * time.Nanosecond

// ParseDuration reads an ISO 8601 duration as Service Bus does, with .NET's
// XmlConvert.ToTimeSpan: a year is 365 days, a month 30; seconds may have a decimal
// point, which needs digits on neither side (PT.5S, PT1.S); what is shorter than a
// tick of 100 ns is cut. There are no weeks.
//
// Three things are not XmlConvert's. What is longer than a time.Duration holds (292
// years) is [Forever], where .NET has an error for what is longer than its TimeSpan
// (29,247 years). A minus sign is refused, because no property of Service Bus is
// negative, and so is white space around the text, which is a matter of XML.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("'%.40s' is not an ISO 8601 duration such as PT1M or P14D", s)
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || len(s) > 64 {
		return 0, bad
	}
	units, clock := "YMD", false
	total, parts := 0.0, 0 // seconds: exact enough, and an overflow is only infinity
	var fraction time.Duration
	for rest != "" {
		if rest[0] == 'T' && !clock && len(rest) > 1 {
			units, clock, rest = "HMS", true, rest[1:]
			continue
		}
		n := strings.IndexFunc(rest, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
		if n <= 0 {
			return 0, bad
		}
		number, unit := rest[:n], rest[n]
		i := strings.IndexByte(units, unit)
		if i < 0 {
			return 0, bad
		}
		units, rest = units[i+1:], rest[n+1:]
		whole, decimals, point := strings.Cut(number, ".")
		if point && (unit != 'S' || strings.Contains(decimals, ".")) {
			return 0, bad
		}
		v, err := strconv.ParseFloat("0"+whole, 64)
		if err != nil {
			return 0, bad
		}
		total += v * secondsOf(unit, clock)
		fraction = ticks(decimals)
		parts++
	}
	switch {
	case parts == 0:
		return 0, bad
	case total >= math.MaxInt64/1e9:
		return Forever, nil
	}
	return time.Duration(total)*time.Second + fraction, nil
}

func secondsOf(unit byte, clock bool) float64 {
	const day = 24 * 60 * 60
	switch unit {
	case 'Y':
		return 365 * day
	case 'D':
		return day
	case 'H':
		return 60 * 60
	case 'S':
		return 1
	}
	if clock {
		return 60
	}
	return 30 * day
}

// ticks reads the digits after the decimal point of seconds.
func ticks(digits string) time.Duration {
	n, _ := strconv.Atoi((digits + "0000000")[:7]) // nothing but digits
	return time.Duration(n) * tick
}

// FormatDuration writes a duration as .NET does, in days, hours, minutes and
// seconds. What is shorter than a tick is cut.
func FormatDuration(d time.Duration) string {
	if d == Forever {
		return foreverText
	}
	var b strings.Builder
	b.WriteByte('P')
	if days := d / (24 * time.Hour); days > 0 {
		fmt.Fprintf(&b, "%dD", days)
		d %= 24 * time.Hour
	}
	if d < tick && b.Len() > 1 {
		return b.String()
	}
	b.WriteByte('T')
	if h := d / time.Hour; h > 0 {
		fmt.Fprintf(&b, "%dH", h)
	}
	if m := d % time.Hour / time.Minute; m > 0 {
		fmt.Fprintf(&b, "%dM", m)
	}
	if s := d % time.Minute; s >= tick || d < tick {
		decimals := strings.TrimRight(fmt.Sprintf(".%07d", s%time.Second/tick), "0")
		fmt.Fprintf(&b, "%d%sS", s/time.Second, strings.TrimSuffix(decimals, "."))
	}
	return b.String()
}
