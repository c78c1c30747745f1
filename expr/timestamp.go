package expr

import (
	"strings"
	"time"
)

// A timeKind says what a timestamp's text says about its zone [EXPR 10.1]. It
// decides the suffix that the format K prints.
type timeKind uint8

const (
	kindUnspecified timeKind = iota // no zone: no suffix
	kindUTC                         // Z
	kindOffset                      // an offset: converted to UTC, printed as +00:00
)

// A timestamp is a .NET date-time: a clock time in the years 1 to 9999 with a
// resolution of 100 ns, and its kind. The clock time is kept as if it were UTC.
type timestamp struct {
	clock time.Time
	kind  timeKind
}

const tick = 100 * time.Nanosecond

// valid reports whether the clock time is in .NET's range.
func (t timestamp) valid() bool {
	y := t.clock.Year()
	return y >= 1 && y <= 9999
}

// ticks counts 100 ns intervals since the beginning of year 1.
func (t timestamp) ticks() int64 {
	const secondsToUnix = 62_135_596_800
	return (t.clock.Unix()+secondsToUnix)*10_000_000 + int64(t.clock.Nanosecond()/100)
}

// A timeReader cuts the text of a timestamp.
type timeReader struct {
	s string
}

func (r *timeReader) digits(least, most int) (n int, ok bool) {
	i := 0
	for i < len(r.s) && i < most && isDigit(r.s[i]) {
		n = 10*n + int(r.s[i]-'0')
		i++
	}
	r.s = r.s[i:]
	return n, i >= least && (r.s == "" || !isDigit(r.s[0]))
}

func (r *timeReader) eat(c byte) bool {
	if r.s == "" || r.s[0] != c {
		return false
	}
	r.s = r.s[1:]
	return true
}

func (r *timeReader) spaces() bool {
	n := len(r.s)
	r.s = strings.TrimLeft(r.s, " ")
	return len(r.s) < n
}

// word reads letters.
func (r *timeReader) word() string {
	i := 0
	for i < len(r.s) && r.s[i]|0x20 >= 'a' && r.s[i]|0x20 <= 'z' {
		i++
	}
	w := r.s[:i]
	r.s = r.s[i:]
	return w
}

// parseTimestamp reads ISO 8601 and the forms that .NET prints for en-US and
// the invariant culture: 3/15/2018, 2018/03/15, Thursday, March 15, 2018,
// Thu, 15 Mar 2018, March 2018, each with or without a time of day.
func parseTimestamp(s string) (timestamp, bool) {
	r := timeReader{strings.TrimSpace(s)}
	if len(r.s) > 80 {
		return timestamp{}, false
	}
	var d date
	weekday := -1
	ok := false
	switch {
	case len(r.s) > 4 && isDigit(r.s[0]) && r.s[4] == '-':
		ok = d.iso(&r)
	case r.s != "" && isDigit(r.s[0]) && strings.Contains(strings.SplitN(r.s, " ", 2)[0], "/"):
		ok = d.slashes(&r)
	default:
		ok = d.named(&r, &weekday)
	}
	if !ok || d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1 ||
		d.day > daysIn(d.year, time.Month(d.month)) {
		return timestamp{}, false
	}
	clock := time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
	if weekday >= 0 && int(clock.Weekday()) != weekday {
		return timestamp{}, false
	}
	t := timestamp{clock: clock}
	if r.s != "" {
		if !r.eat('T') && !r.eat('t') && !r.spaces() {
			return timestamp{}, false
		}
		if !t.timeOfDay(&r) {
			return timestamp{}, false
		}
	}
	return t, r.s == "" && t.valid()
}

type date struct{ year, month, day int }

// iso reads yyyy-MM-dd or yyyy-MM.
func (d *date) iso(r *timeReader) (ok bool) {
	if d.year, ok = r.digits(4, 4); !ok || !r.eat('-') {
		return false
	}
	if d.month, ok = r.digits(1, 2); !ok {
		return false
	}
	d.day = 1
	if r.eat('-') {
		d.day, ok = r.digits(1, 2)
	}
	return ok
}

// slashes reads M/d/yyyy or yyyy/M/d.
func (d *date) slashes(r *timeReader) bool {
	yearFirst := len(r.s) > 4 && r.s[4] == '/'
	var n [3]int
	for i := range n {
		most := 2
		if yearFirst == (i == 0) && i != 1 {
			most = 4
		}
		var ok bool
		least := 1
		if most == 4 {
			least = 4
		}
		if n[i], ok = r.digits(least, most); !ok || i < 2 && !r.eat('/') {
			return false
		}
	}
	if yearFirst {
		d.year, d.month, d.day = n[0], n[1], n[2]
	} else {
		d.month, d.day, d.year = n[0], n[1], n[2]
	}
	return true
}

// named reads forms with the name of a month.
func (d *date) named(r *timeReader, weekday *int) bool {
	if r.s != "" && !isDigit(r.s[0]) {
		w := r.word()
		if i := nameIndex(dayNames[:], w); i >= 0 {
			*weekday = i
			if !r.eat(',') {
				return false
			}
			r.spaces()
			if r.s != "" && isDigit(r.s[0]) {
				return d.dayFirst(r)
			}
			w = r.word()
		}
		d.month = nameIndex(monthNames[:], w) + 1
		if d.month == 0 {
			return false
		}
		r.eat(',')
		r.spaces()
		d.day = 1
		if len(r.s) < 4 || !isDigit(r.s[2]) { // not a year
			var ok bool
			if d.day, ok = r.digits(1, 2); !ok {
				return false
			}
			r.eat(',')
			if !r.spaces() {
				return false
			}
		}
		var ok bool
		d.year, ok = r.digits(4, 4)
		return ok
	}
	return d.dayFirst(r)
}

// dayFirst reads 15 Mar 2018.
func (d *date) dayFirst(r *timeReader) (ok bool) {
	if d.day, ok = r.digits(1, 2); !ok || !r.spaces() && !r.eat('-') {
		return false
	}
	d.month = nameIndex(monthNames[:], r.word()) + 1
	if d.month == 0 || !r.spaces() && !r.eat('-') {
		return false
	}
	d.year, ok = r.digits(4, 4)
	return ok
}

// nameIndex finds a full or three-letter name, ignoring case.
func nameIndex(names []string, w string) int {
	for i, n := range names {
		if strings.EqualFold(w, n) || len(w) == 3 && strings.EqualFold(w, n[:3]) {
			return i
		}
	}
	return -1
}

// timeOfDay reads H:mm[:ss[.fffffff]] [AM|PM] [Z|GMT|±hh[:mm]].
func (t *timestamp) timeOfDay(r *timeReader) bool {
	hour, ok := r.digits(1, 2)
	if !ok || !r.eat(':') {
		return false
	}
	minute, ok := r.digits(2, 2)
	if !ok {
		return false
	}
	second, fraction := 0, 0
	if r.eat(':') {
		if second, ok = r.digits(2, 2); !ok {
			return false
		}
		if r.eat('.') {
			n := len(r.s)
			if fraction, ok = r.digits(1, 7); !ok {
				return false
			}
			for i := n - len(r.s); i < 9; i++ {
				fraction *= 10
			}
		}
	}
	r.spaces()
	if len(r.s) >= 2 && r.s[1]|0x20 == 'm' && (r.s[0]|0x20 == 'a' || r.s[0]|0x20 == 'p') {
		if hour < 1 || hour > 12 {
			return false
		}
		hour %= 12
		if r.s[0]|0x20 == 'p' {
			hour += 12
		}
		r.s = r.s[2:]
		r.spaces()
	}
	if hour > 23 || minute > 59 || second > 59 {
		return false
	}
	t.clock = t.clock.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute +
		time.Duration(second)*time.Second + time.Duration(fraction))
	return t.zone(r)
}

// zone reads the designator at the end and converts an offset to UTC.
func (t *timestamp) zone(r *timeReader) bool {
	switch {
	case r.s == "":
		return true
	case r.s == "Z" || r.s == "z":
		r.s, t.kind = "", kindUTC
		return true
	case r.s == "GMT":
		r.s, t.kind = "", kindOffset
		return true
	}
	sign := time.Duration(1)
	if r.eat('-') {
		sign = -1
	} else if !r.eat('+') {
		return false
	}
	if len(r.s) == 4 && !strings.Contains(r.s, ":") {
		r.s = r.s[:2] + ":" + r.s[2:]
	}
	hours, ok := r.digits(1, 2)
	if !ok {
		return false
	}
	minutes := 0
	if r.eat(':') {
		if minutes, ok = r.digits(2, 2); !ok {
			return false
		}
	}
	if hours > 14 || minutes > 59 || hours == 14 && minutes > 0 {
		return false
	}
	t.clock = t.clock.Add(-sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute))
	t.kind = kindOffset
	return true
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
