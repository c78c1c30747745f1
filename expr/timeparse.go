package expr

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxTimeText is how many bytes of text can be a timestamp.
const maxTimeText = 80

// parseTimestamp reads what .NET reads with the invariant culture [EXPR 10.1]: ISO 8601,
// 3/15/2018, 03-15-18, 2018.03.15, 15-Mar-18, March 15, 2018, Thu, 15 Mar 2018, March
// 2018 and so on, with a time of day before or behind the date, or that alone. What the
// text leaves out is today's.
func parseTimestamp(s string, today time.Time) (timestamp, bool) {
	if len(s) > maxTimeText {
		return timestamp{}, false
	}
	p := timeParser{s: s, weekday: -1}
	if !p.scan() || !p.adjustHour() {
		return timestamp{}, false
	}
	day, ok := p.date(today)
	if !ok || p.weekday >= 0 && int(day.Weekday()) != p.weekday {
		return timestamp{}, false
	}
	// .NET rounds the fraction of a second so, and half of a tick to even.
	ticks := time.Duration(math.RoundToEven(p.fraction * 1e7))
	t := timestamp{kind: p.kind, clock: day.Add(time.Duration(p.hour)*time.Hour +
		time.Duration(p.minute)*time.Minute + time.Duration(p.second)*time.Second + ticks*tick - p.offset)}
	return t, t.valid()
}

// A datePart is a number, or the name of a month.
type datePart struct {
	value  int
	digits int // 0: a name
}

// A timeParser reads a timestamp from left to right.
type timeParser struct {
	s       string
	buf     [3]datePart
	count   int // of the parts of the date in buf
	weekday int // -1: none

	hasTime, iso, colons bool // iso: behind a T
	dateFirst            bool // the date stands before the time
	hour, minute, second int
	fraction             float64
	half                 string // "AM", "PM" or ""

	zoned  bool
	kind   timeKind
	offset time.Duration
}

func (p *timeParser) scan() bool {
	if p.space(); p.s == "" {
		return false
	}
	for p.s != "" {
		if p.zoned && p.dateFirst {
			return false
		}
		ok := false
		switch c := p.s[0]; {
		case isDigit(c):
			ok = p.number()
		case isLetter(c):
			ok = p.word()
		case c == '+' || c == '-':
			ok = p.numericZone()
		}
		if !ok {
			return false
		}
		p.space()
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func (p *timeParser) space() {
	p.s = strings.TrimLeftFunc(p.s, unicode.IsSpace)
}

func (p *timeParser) eat(set string) bool {
	if p.s == "" || strings.IndexByte(set, p.s[0]) < 0 {
		return false
	}
	p.s = p.s[1:]
	return true
}

// digits reads a number of at least and at most so many digits.
func (p *timeParser) digits(least, most int) (n int, ok bool) {
	i := 0
	for i < len(p.s) && i < most && isDigit(p.s[i]) {
		n = 10*n + int(p.s[i]-'0')
		i++
	}
	p.s = p.s[i:]
	return n, i >= least && (p.s == "" || !isDigit(p.s[0]))
}

// number reads a part of the date with the separator behind it, or a time of day.
func (p *timeParser) number() bool {
	before := p.s
	n, ok := p.digits(1, 4)
	if !ok {
		return false
	}
	count := len(before) - len(p.s)
	behind := strings.TrimLeftFunc(p.s, unicode.IsSpace)
	if strings.HasPrefix(behind, ":") || count <= 2 && isHalf(behind) {
		p.s = before
		return p.timeOfDay()
	}
	return p.part(datePart{n, count})
}

// part adds a part of the date and reads the separator behind it.
func (p *timeParser) part(d datePart) bool {
	if p.count == 3 || p.hasTime && p.dateFirst {
		return false
	}
	p.buf[p.count] = d
	p.count++
	p.dateFirst = !p.hasTime
	p.space()
	if p.count == 3 {
		return p.separator(",.") // a - is an offset
	}
	return p.separator("-/.,")
}

// separator reads one of a set, if it is there. Something must stand behind it.
func (p *timeParser) separator(set string) bool {
	if !p.eat(set) {
		return true
	}
	p.space()
	return p.s != "" && (isDigit(p.s[0]) || isLetter(p.s[0]))
}

// isHalf reports whether s begins with AM or PM.
func isHalf(s string) bool {
	return len(s) >= 2 && (s[0]|0x20 == 'a' || s[0]|0x20 == 'p') && s[1]|0x20 == 'm' && (len(s) == 2 || !isLetter(s[2]))
}

// word reads the name of a month or of a day of the week, AM or PM, T with the time behind
// it, Z or GMT.
func (p *timeParser) word() bool {
	i := 0
	for i < len(p.s) && isLetter(p.s[i]) {
		i++
	}
	if r, _ := utf8.DecodeRuneInString(p.s[i:]); unicode.IsLetter(r) {
		return false
	}
	w := p.s[:i]
	p.s = p.s[i:]
	switch {
	case strings.EqualFold(w, "T"):
		return p.isoTime()
	case strings.EqualFold(w, "Z"):
		p.zoned, p.kind = true, kindUTC
		return p.hasTime || p.count == 3
	case strings.EqualFold(w, "GMT"):
		p.zoned, p.kind = true, kindUTC
		return !p.iso && (p.hasTime || p.count == 3)
	}
	if day := nameIndex(dayNames[:], w); day >= 0 {
		if p.weekday >= 0 || p.count != 0 && p.count != 3 {
			return false
		}
		p.weekday = day
		p.space()
		return p.separator(",")
	}
	month := nameIndex(monthNames[:], w)
	if month < 0 {
		return false
	}
	for _, d := range p.buf[:p.count] {
		if d.digits == 0 {
			return false
		}
	}
	return p.part(datePart{value: month + 1})
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

// isoTime reads HH:mm[:ss[.f]] behind the T, which follows a year, a month and a day.
func (p *timeParser) isoTime() bool {
	if p.hasTime || p.count != 3 || p.buf[0].digits < 3 || p.buf[1].digits == 0 || p.buf[2].digits == 0 {
		return false
	}
	p.iso = true
	p.space()
	return p.clock(2)
}

func (p *timeParser) timeOfDay() bool {
	if p.hasTime {
		return false
	}
	if !p.clock(1) {
		return false
	}
	p.space()
	if isHalf(p.s) {
		p.half = strings.ToUpper(p.s[:2])
		p.s = p.s[2:]
		p.space()
	}
	return p.separator(",")
}

// clock reads hours, minutes, seconds and their fraction, each of at least so many digits.
// Without a colon, there are only hours.
func (p *timeParser) clock(least int) (ok bool) {
	p.hasTime = true
	if p.hour, ok = p.digits(least, 2); !ok || p.hour > 23 {
		return false
	}
	if !p.colon() {
		return !p.iso
	}
	if p.minute, ok = p.digits(least, 2); !ok || p.minute > 59 {
		return false
	}
	if !p.colon() {
		return true
	}
	if p.second, ok = p.digits(least, 2); !ok || p.second > 59 {
		return false
	}
	if len(p.s) > 1 && p.s[0] == ',' && !isDigit(p.s[1]) || !p.eat(".,") {
		return true
	}
	if p.s == "" || !isDigit(p.s[0]) {
		return false
	}
	for unit := 0.1; p.s != "" && isDigit(p.s[0]); unit *= 0.1 {
		p.fraction += float64(p.s[0]-'0') * unit
		p.s = p.s[1:]
	}
	return true
}

// colon reads a colon with white space around it.
func (p *timeParser) colon() bool {
	behind := strings.TrimLeftFunc(p.s, unicode.IsSpace)
	if !strings.HasPrefix(behind, ":") {
		return false
	}
	p.s = behind[1:]
	p.space()
	p.colons = true
	return true
}

// numericZone reads ±h, ±hh, ±hhmm or ±hh:mm.
func (p *timeParser) numericZone() (ok bool) {
	if p.zoned || !p.hasTime && p.count < 2 {
		return false
	}
	sign := time.Duration(1)
	if p.s[0] == '-' {
		sign = -1
	}
	p.s = p.s[1:]
	before := p.s
	hours, ok := p.digits(1, 4)
	if !ok {
		return false
	}
	minutes := 0
	switch len(before) - len(p.s) {
	case 3, 4:
		hours, minutes = hours/100, hours%100
	default:
		if p.eat(":") {
			if minutes, ok = p.digits(1, 2); !ok {
				return false
			}
		}
	}
	p.offset = sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
	p.zoned, p.kind = true, kindOffset
	return minutes <= 59 && hours*60+minutes <= 14*60
}

// adjustHour applies AM or PM. An hour of 13 or more may stand beside PM.
func (p *timeParser) adjustHour() bool {
	switch {
	case p.half == "AM" && p.hour > 12:
		return false
	case p.half == "AM" && p.hour == 12:
		p.hour = 0
	case p.half == "PM" && p.hour < 12:
		p.hour += 12
	}
	return true
}

// dateOrders says what the parts of a date are: y, m or d, each for a name of a month (M), a
// number of more than two digits (Y) or another number (N). Where there are two orders, the
// second is taken if the first makes no date.
var dateOrders = map[string][]string{
	"NN": {"md"}, "MN": {"md"}, "YN": {"ym"}, "YM": {"ym"}, "NY": {"my"}, "MY": {"my"}, "NM": {"ym"},
	"NNN": {"mdy"}, "YNN": {"ymd"}, "NNY": {"mdy"}, "NYN": {"myd"},
	"MNN": {"mdy", "myd"}, "NMN": {"dmy", "ymd"}, "NNM": {"dym", "ydm"},
	"MNY": {"mdy"}, "MYN": {"myd"}, "NMY": {"dmy"}, "YMN": {"ymd"}, "NYM": {"dym"}, "YNM": {"ydm"},
}

// date makes a day of the parts.
func (p *timeParser) date(today time.Time) (time.Time, bool) {
	year, month, day := today.Date()
	switch {
	case p.count == 0:
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), p.hasTime && p.weekday < 0
	case p.count == 2 && p.dateFirst && p.colons:
		return time.Time{}, false
	}
	var shape [3]byte
	for i, d := range p.buf[:p.count] {
		kind := byte('N')
		if d.digits == 0 {
			kind = 'M'
		} else if d.digits > 2 {
			kind = 'Y'
		}
		shape[i] = kind
	}
	for _, order := range dateOrders[string(shape[:p.count])] {
		y, m, d := year, 0, 1
		for i, part := range p.buf[:p.count] {
			switch order[i] {
			case 'y':
				y = part.year()
			case 'm':
				m = part.value
			case 'd':
				d = part.value
			}
		}
		if y >= 1 && m >= 1 && m <= 12 && d >= 1 && d <= daysIn(y, time.Month(m)) {
			return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC), true
		}
	}
	return time.Time{}, false
}

// year is the year that a number means: one of two digits is from 1950 to 2049.
func (d datePart) year() int {
	switch {
	case d.digits > 2:
		return d.value
	case d.value < 50:
		return 2000 + d.value
	}
	return 1900 + d.value
}
