package deploy

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// parseDuration reads an ISO 8601 duration of days, hours, minutes and seconds,
// as Service Bus definitions have them: PT1M, P14D, P10675199DT2H48M5.4775807S.
// What is longer than a time.Duration holds (292 years) becomes the longest one:
// Service Bus writes its greatest TimeSpan for "never".
func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not an ISO 8601 duration such as PT1M or P14D", s)
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" || strings.HasSuffix(rest, "T") {
		return 0, bad
	}
	var total float64 // seconds; exact enough, and the only overflow is infinity
	units, clock := "D", false
	for rest != "" {
		if rest[0] == 'T' {
			if clock {
				return 0, bad
			}
			units, clock, rest = "HMS", true, rest[1:]
			continue
		}
		n, digits, frac := 0.0, 0, 0.0
		for rest != "" && (rest[0] >= '0' && rest[0] <= '9' || rest[0] == '.') {
			switch {
			case rest[0] == '.':
				if frac != 0 {
					return 0, bad
				}
				frac = 1
			case frac != 0:
				frac /= 10
				n += float64(rest[0]-'0') * frac
				digits++
			default:
				n = n*10 + float64(rest[0]-'0')
				digits++
			}
			rest = rest[1:]
		}
		if rest == "" || digits == 0 {
			return 0, bad
		}
		i := strings.IndexByte(units, rest[0])
		if i < 0 || frac != 0 && rest[0] != 'S' {
			return 0, bad
		}
		units = units[i+1:]
		total += n * map[byte]float64{'D': 86400, 'H': 3600, 'M': 60, 'S': 1}[rest[0]]
		rest = rest[1:]
	}
	if total >= math.MaxInt64/1e9 {
		return math.MaxInt64, nil
	}
	return time.Duration(math.Round(total * 1e9)), nil
}
