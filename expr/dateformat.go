package expr

import (
	"strconv"
	"strings"
)

// Formats of date-times: .NET's standard and custom format strings with the
// names and patterns of en-US [EXPR 10.3, 10.4].

var dayNames = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

var monthNames = [...]string{
	"January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December",
}

const defaultFormat = "o"

// standardFormats maps the single-letter formats to their patterns.
var standardFormats = map[string]string{
	"":  "M/d/yyyy h:mm:ss tt", // .NET reads an empty format as G
	"d": "M/d/yyyy",
	"D": "dddd, MMMM d, yyyy",
	"f": "dddd, MMMM d, yyyy h:mm tt",
	"F": "dddd, MMMM d, yyyy h:mm:ss tt",
	"g": "M/d/yyyy h:mm tt",
	"G": "M/d/yyyy h:mm:ss tt",
	"m": "MMMM d",
	"M": "MMMM d",
	"o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
	"O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
	"r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
	"R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
	"s": "yyyy-MM-ddTHH:mm:ss",
	"t": "h:mm tt",
	"T": "h:mm:ss tt",
	"u": "yyyy-MM-dd HH:mm:ss'Z'",
	"U": "dddd, MMMM d, yyyy h:mm:ss tt", // every kind is already the clock time in UTC
	"y": "MMMM yyyy",
	"Y": "MMMM yyyy",
}

// maxFormat bounds a format string in bytes; every specifier is at most 10
// times as long as its letters.
const maxFormat = 8192

func errFormat(format string) error {
	if len(format) > 64 {
		format = strings.ToValidUTF8(format[:64], "") + "…"
	}
	return errorf("The date time format '%s' is not valid.", format)
}

// formatTime writes t in a standard or custom format.
func formatTime(t timestamp, format string) (string, error) {
	if len(format) > maxFormat {
		return "", errFormat(format)
	}
	if len(format) <= 1 {
		pattern, ok := standardFormats[format]
		if !ok {
			return "", errFormat(format)
		}
		format = pattern
	}
	w := formatWriter{t: t, format: format}
	for i := 0; i < len(format); {
		n, ok := w.specifier(i)
		if !ok {
			return "", errFormat(format)
		}
		i += n
	}
	return string(w.out), nil
}

type formatWriter struct {
	t      timestamp
	format string
	out    []byte
}

// specifier writes what stands at position i of the format and returns its
// length.
func (w *formatWriter) specifier(i int) (n int, ok bool) {
	c := w.format[i]
	switch c {
	case '\'', '"':
		return w.quoted(i)
	case '\\':
		if i+1 >= len(w.format) {
			return 0, false
		}
		w.out = append(w.out, w.format[i+1])
		return 2, true
	case '%':
		if i+1 >= len(w.format) || w.format[i+1] == '%' {
			return 0, false
		}
		if strings.IndexByte("'\"\\", w.format[i+1]) >= 0 {
			return 1, true
		}
		_, ok := w.letter(w.format[i+1], 1)
		return 2, ok
	}
	n = 1
	for i+n < len(w.format) && w.format[i+n] == c {
		n++
	}
	return w.letter(c, n)
}

func (w *formatWriter) quoted(i int) (n int, ok bool) {
	quote := w.format[i]
	for j := i + 1; j < len(w.format); j++ {
		switch w.format[j] {
		case quote:
			return j + 1 - i, true
		case '\\':
			if j++; j >= len(w.format) {
				return 0, false
			}
		}
		w.out = append(w.out, w.format[j])
	}
	return 0, false
}

// letter writes n times the letter c. It returns n, and false if .NET refuses it.
func (w *formatWriter) letter(c byte, n int) (int, bool) {
	t := w.t.clock
	switch c {
	case 'd':
		switch {
		case n <= 2:
			w.number(t.Day(), n)
		case n == 3:
			w.out = append(w.out, dayNames[t.Weekday()][:3]...)
		default:
			w.out = append(w.out, dayNames[t.Weekday()]...)
		}
	case 'M':
		switch {
		case n <= 2:
			w.number(int(t.Month()), n)
		case n == 3:
			w.out = append(w.out, monthNames[t.Month()-1][:3]...)
		default:
			w.out = append(w.out, monthNames[t.Month()-1]...)
		}
	case 'y':
		year := t.Year()
		if n <= 2 {
			year %= 100
		}
		w.number(year, n)
	case 'h':
		w.number((t.Hour()+11)%12+1, min(n, 2))
	case 'H':
		w.number(t.Hour(), min(n, 2))
	case 'm':
		w.number(t.Minute(), min(n, 2))
	case 's':
		w.number(t.Second(), min(n, 2))
	case 'f', 'F':
		if n > 7 {
			return n, false
		}
		w.fraction(n, c == 'F')
	case 't':
		designator := "AM"
		if t.Hour() >= 12 {
			designator = "PM"
		}
		w.out = append(w.out, designator[:min(n, 2)]...)
	case 'g':
		w.out = append(w.out, "A.D."...)
	case 'K':
		for range n {
			w.out = append(w.out, [...]string{kindUnspecified: "", kindUTC: "Z", kindOffset: "+00:00"}[w.t.kind]...)
		}
	case 'z':
		w.out = append(w.out, [...]string{"+0", "+00", "+00:00"}[min(n, 3)-1]...)
	default:
		for range n {
			w.out = append(w.out, c)
		}
	}
	return n, true
}

// number writes v with at least width digits.
func (w *formatWriter) number(v, width int) {
	digits := strconv.Itoa(v)
	for i := len(digits); i < width; i++ {
		w.out = append(w.out, '0')
	}
	w.out = append(w.out, digits...)
}

// fraction writes the first n digits of the fraction of a second. Trimmed, it
// leaves out zeros at the end, and the point before it if nothing remains.
func (w *formatWriter) fraction(n int, trimmed bool) {
	ticks := strconv.Itoa(10_000_000 + w.t.clock.Nanosecond()/100)
	digits := ticks[1 : n+1]
	if trimmed {
		digits = strings.TrimRight(digits, "0")
		if digits == "" && len(w.out) > 0 && w.out[len(w.out)-1] == '.' {
			w.out = w.out[:len(w.out)-1]
			return
		}
	}
	w.out = append(w.out, digits...)
}
