package servicebusrp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"switchyard/broker"
)

// forever is how Service Bus writes "never": the longest TimeSpan of .NET.
const forever = "P10675199DT2H48M5.4775807S"

// parseDuration reads an ISO 8601 duration as .NET's XmlConvert does: a year is
// 365 days, a month 30. What is longer than a time.Duration holds (292 years) is
// [broker.Forever].
func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("'%.40s' is not an ISO 8601 duration such as PT1M or P14D", s)
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" || len(s) > 64 {
		return 0, bad
	}
	units, clock := "YMD", false
	total, parts := 0.0, 0 // seconds: exact enough, and an overflow is only infinity
	var nanos int64
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
		whole, fraction, fractional := strings.Cut(number, ".")
		if whole == "" || fractional && (fraction == "" || unit != 'S' || strings.Contains(fraction, ".")) {
			return 0, bad
		}
		v, err := strconv.ParseFloat(whole, 64)
		if err != nil {
			return 0, bad
		}
		if fractional {
			digits := (fraction + "000000000")[:9]
			if nanos, err = strconv.ParseInt(digits, 10, 64); err != nil {
				return 0, bad
			}
		}
		total += v * secondsOf(unit, clock)
		parts++
	}
	switch {
	case parts == 0:
		return 0, bad
	case total >= math.MaxInt64/1e9:
		return broker.Forever, nil
	}
	return time.Duration(total)*time.Second + time.Duration(nanos), nil
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

// formatDuration writes a duration as .NET does, with ticks of 100 ns.
func formatDuration(d time.Duration) string {
	if d == broker.Forever {
		return forever
	}
	var b strings.Builder
	b.WriteByte('P')
	if days := d / (24 * time.Hour); days > 0 {
		fmt.Fprintf(&b, "%dD", days)
		d %= 24 * time.Hour
	}
	if d == 0 && b.Len() > 1 {
		return b.String()
	}
	b.WriteByte('T')
	if h := d / time.Hour; h > 0 {
		fmt.Fprintf(&b, "%dH", h)
	}
	if m := d % time.Hour / time.Minute; m > 0 {
		fmt.Fprintf(&b, "%dM", m)
	}
	if s := d % time.Minute; s > 0 || d == 0 {
		fraction := strings.TrimRight(fmt.Sprintf(".%07d", s%time.Second/100), "0")
		fmt.Fprintf(&b, "%d%sS", s/time.Second, strings.TrimSuffix(fraction, "."))
	}
	return b.String()
}
