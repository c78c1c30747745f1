package pipeline

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"switchyard/value/read"
)

var timespanPattern = regexp.MustCompile(`^(?:(\d{1,8})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?$`)

// ParseTimespan reads a duration of the form [d.]hh:mm:ss[.fffffff], in which
// minutes and seconds may be 60 as in the pattern of the REST API.
func ParseTimespan(s string) (time.Duration, error) {
	m := timespanPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is no timespan of the form [d.]hh:mm:ss", s)
	}
	var n [5]int64
	for i := range 4 {
		n[i], _ = strconv.ParseInt(m[i+1], 10, 64) // digits only; "" is 0
	}
	if frac := m[5]; frac != "" {
		n[4], _ = strconv.ParseInt((frac + "0000000")[:7], 10, 64)
	}
	if n[1] > 23 && m[1] != "" || n[2] > 60 || n[3] > 60 || n[0] > 10675199/100 {
		return 0, fmt.Errorf("%q is no timespan: a part is out of range", s)
	}
	return time.Duration(n[0])*24*time.Hour + time.Duration(n[1])*time.Hour + time.Duration(n[2])*time.Minute +
		time.Duration(n[3])*time.Second + time.Duration(n[4])*100, nil
}

// FormatTimespan is the inverse of [ParseTimespan], with seven fractional digits
// when there is a fraction.
func FormatTimespan(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	days := ""
	if d >= 24*time.Hour {
		days = strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "."
	}
	s := fmt.Sprintf("%s%s%02d:%02d:%02d", sign, days, d/time.Hour%24, d/time.Minute%60, d/time.Second%60)
	if ticks := d % time.Second / 100; ticks > 0 {
		s += fmt.Sprintf(".%07d", ticks)
	}
	return s
}

// timespan reads a timespan member that may not be an expression.
func timespan(n *read.Members, name string, absent, max time.Duration) time.Duration {
	v, ok := n.Value(name)
	if !ok {
		return absent
	}
	s, isText := v.(string)
	if !isText {
		n.Fail(name, "is %s, want a timespan", kindOf(v))
		return absent
	}
	d, err := ParseTimespan(s)
	if err != nil {
		n.Fail(name, "%v", err)
		return absent
	}
	if d > max {
		n.Fail(name, "is %s, want at most %s", s, FormatTimespan(max))
		return absent
	}
	return d
}
