package value

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may nest in a text that
// [Parse] accepts.
const MaxDepth = 128

// Parse reads one JSON text (RFC 8259) and keeps the order of members. A
// number without fraction and exponent that fits 64 bits becomes an int64, any
// other a float64. A name that occurs twice in an object keeps its first place
// and its last value. Half of a surrogate pair written as an escape becomes
// U+FFFD. Text that is not UTF-8, nests deeper than [MaxDepth], holds a number
// beyond the range of a double or continues after the value is an error. Errors are of
// type [*SyntaxError].
func Parse(b []byte) (Value, error) { return ParseDepth(b, MaxDepth) }

// ParseDepth is [Parse] with a limit of its own for how deeply arrays and
// objects may nest.
func ParseDepth(b []byte, maxDepth int) (Value, error) { return ParseWithin(b, maxDepth, nil) }

// ParseWithin is [ParseDepth] that tells spend, which may be nil, from time to
// time how many bytes of text it has read since the last call, and how many
// elements of arrays and members of objects it has made. The first error that
// spend returns ends it.
func ParseWithin(b []byte, maxDepth int, spend func(text, parts int) error) (Value, error) {
	p := jsonParser{b: b, maxDepth: maxDepth, spend: spend}
	return p.parse()
}

type jsonParser struct {
	b        []byte
	pos      int
	depth    int
	maxDepth int
	spend    func(text, parts int) error // may be nil
	told     int                         // the position of the last call of spend
	parts    int                         // elements and members since then
}

// tellEvery is how many bytes of text pass at least between two calls of spend.
const tellEvery = 2 << 10

// tell calls spend with what was read since the last call.
func (p *jsonParser) tell() error {
	text, parts := p.pos-p.told, p.parts
	p.told, p.parts = p.pos, 0
	if p.spend == nil {
		return nil
	}
	return p.spend(text, parts)
}

func (p *jsonParser) parse() (Value, error) {
	p.space()
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.b) {
		return nil, p.fail(p.pos, "unexpected "+p.char()+" after the value")
	}
	return v, nil
}

func (p *jsonParser) fail(at int, msg string) error {
	before := p.b[:at]
	line := bytes.Count(before, []byte{'\n'})
	column := at - (bytes.LastIndexByte(before, '\n') + 1)
	return &SyntaxError{Offset: at, Line: line + 1, Column: column + 1, Msg: msg}
}

// char describes what stands at the current position.
func (p *jsonParser) char() string {
	if p.pos >= len(p.b) {
		return "end of text"
	}
	r, n := utf8.DecodeRune(p.b[p.pos:])
	if r == utf8.RuneError && n == 1 {
		return "invalid UTF-8"
	}
	return strconv.QuoteRune(r)
}

func (p *jsonParser) space() {
	for p.pos < len(p.b) {
		switch p.b[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

func (p *jsonParser) value() (Value, error) {
	if p.pos >= len(p.b) {
		return nil, p.fail(p.pos, "unexpected end of text, want a value")
	}
	switch c := p.b[p.pos]; {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		return p.string()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't' && p.word("true"):
		return true, nil
	case c == 'f' && p.word("false"):
		return false, nil
	case c == 'n' && p.word("null"):
		return nil, nil
	}
	return nil, p.fail(p.pos, "unexpected "+p.char()+", want a value")
}

func (p *jsonParser) word(w string) bool {
	if len(p.b)-p.pos < len(w) || string(p.b[p.pos:p.pos+len(w)]) != w {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *jsonParser) enter() error {
	p.depth++
	if p.depth > p.maxDepth {
		return p.fail(p.pos, "nested deeper than "+strconv.Itoa(p.maxDepth)+" levels")
	}
	p.pos++
	p.space()
	return nil
}

func (p *jsonParser) array() (Value, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	a := Array{}
	if p.pos < len(p.b) && p.b[p.pos] == ']' {
		p.pos++
		p.depth--
		return a, nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		if p.parts++; p.pos-p.told > tellEvery {
			if err := p.tell(); err != nil {
				return nil, err
			}
		}
		more, err := p.next(']')
		if err != nil || !more {
			return a, err
		}
	}
}

func (p *jsonParser) object() (Value, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	o := &Object{members: make([]Member, 0, 4)}
	if p.pos < len(p.b) && p.b[p.pos] == '}' {
		p.pos++
		p.depth--
		return o, nil
	}
	for {
		if p.pos >= len(p.b) || p.b[p.pos] != '"' {
			return nil, p.fail(p.pos, "unexpected "+p.char()+", want a member name")
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.pos >= len(p.b) || p.b[p.pos] != ':' {
			return nil, p.fail(p.pos, "unexpected "+p.char()+", want ':'")
		}
		p.pos++
		p.space()
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
		if p.parts++; p.pos-p.told > tellEvery {
			if err := p.tell(); err != nil {
				return nil, err
			}
		}
		more, err := p.next('}')
		if err != nil || !more {
			return o, err
		}
	}
}

// next reads the comma after an element, or the end of the array or object.
func (p *jsonParser) next(end byte) (more bool, err error) {
	p.space()
	if p.pos < len(p.b) {
		switch p.b[p.pos] {
		case ',':
			p.pos++
			p.space()
			return true, nil
		case end:
			p.pos++
			p.depth--
			return false, nil
		}
	}
	return false, p.fail(p.pos, "unexpected "+p.char()+", want ',' or '"+string(end)+"'")
}

func (p *jsonParser) digits() bool {
	start := p.pos
	for p.pos < len(p.b) && p.b[p.pos] >= '0' && p.b[p.pos] <= '9' {
		p.pos++
	}
	return p.pos > start
}

func (p *jsonParser) number() (Value, error) {
	start := p.pos
	if p.b[p.pos] == '-' {
		p.pos++
	}
	first := p.pos
	if !p.digits() {
		return nil, p.fail(p.pos, "unexpected "+p.char()+", want a digit")
	}
	if p.b[first] == '0' && p.pos > first+1 {
		return nil, p.fail(first, "a number must not begin with 0")
	}
	integer := true
	if p.pos < len(p.b) && p.b[p.pos] == '.' {
		integer = false
		p.pos++
		if !p.digits() {
			return nil, p.fail(p.pos, "unexpected "+p.char()+", want a digit")
		}
	}
	if p.pos < len(p.b) && p.b[p.pos]|0x20 == 'e' {
		integer = false
		p.pos++
		if p.pos < len(p.b) && (p.b[p.pos] == '+' || p.b[p.pos] == '-') {
			p.pos++
		}
		if !p.digits() {
			return nil, p.fail(p.pos, "unexpected "+p.char()+", want a digit")
		}
	}
	text := string(p.b[start:p.pos])
	if integer {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, p.fail(start, "the number is out of range")
	}
	return f, nil
}

// plain returns the length of what stands in a text before a quote, a backslash or a
// control character, in steps of eight bytes, and whether it is ASCII. It is for texts
// of megabytes.
func plain(b []byte) (n int, ascii bool) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	zero := func(x uint64) uint64 { return (x - ones) &^ x & highs } // not 0: a byte of x is 0
	high := uint64(0)
	for ; len(b)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		control := (x - ones*' ') &^ x & highs
		if control|zero(x^ones*'"')|zero(x^ones*'\\') != 0 {
			break
		}
		high |= x & highs
	}
	return n, high == 0
}

// string reads a string whose opening quote is at the current position.
func (p *jsonParser) string() (string, error) {
	open := p.pos
	p.pos++
	start := p.pos
	n, ascii := plain(p.b[start:])
	p.pos += n
	for ; p.pos < len(p.b); p.pos++ {
		switch c := p.b[p.pos]; {
		case c == '"':
			s := p.b[start:p.pos]
			if !ascii && !utf8.Valid(s) {
				return "", p.fail(start, "the string is not valid UTF-8")
			}
			p.pos++
			return string(s), nil
		case c == '\\':
			return p.escaped(open, start)
		case c < ' ':
			return "", p.fail(p.pos, "unexpected control character "+p.char()+" in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", p.fail(open, "the string has no end")
}

// escaped reads the rest of a string that holds escapes.
func (p *jsonParser) escaped(open, start int) (string, error) {
	buf := append(make([]byte, 0, 2*(p.pos-start)+32), p.b[start:p.pos]...)
	for p.pos < len(p.b) {
		c := p.b[p.pos]
		switch {
		case c == '"':
			p.pos++
			if !utf8.Valid(buf) {
				return "", p.fail(start, "the string is not valid UTF-8")
			}
			return string(buf), nil
		case c < ' ':
			return "", p.fail(p.pos, "unexpected control character "+p.char()+" in a string")
		case c != '\\':
			if p.pos-p.told > tellEvery {
				if err := p.tell(); err != nil {
					return "", err
				}
			}
			buf = append(buf, c)
			p.pos++
			continue
		}
		var err error
		if buf, err = p.escape(buf); err != nil {
			return "", err
		}
	}
	return "", p.fail(open, "the string has no end")
}

// escape reads the escape at the current position and appends what it stands for.
func (p *jsonParser) escape(buf []byte) ([]byte, error) {
	at := p.pos
	p.pos++
	if p.pos >= len(p.b) {
		return buf, nil // and the string has no end
	}
	c := p.b[p.pos]
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(buf, c), nil
	case 'b':
		return append(buf, '\b'), nil
	case 'f':
		return append(buf, '\f'), nil
	case 'n':
		return append(buf, '\n'), nil
	case 'r':
		return append(buf, '\r'), nil
	case 't':
		return append(buf, '\t'), nil
	case 'u':
		r, ok := p.hex4()
		if !ok {
			return nil, p.fail(at, "an escape \\u needs four hexadecimal digits")
		}
		if utf16.IsSurrogate(r) {
			r = p.pair(r)
		}
		return utf8.AppendRune(buf, r), nil
	}
	return nil, p.fail(at, "unknown escape in a string")
}

// pair completes a surrogate with the escape that follows, if it fits.
func (p *jsonParser) pair(first rune) rune {
	save := p.pos
	if len(p.b)-p.pos >= 6 && p.b[p.pos] == '\\' && p.b[p.pos+1] == 'u' {
		p.pos += 2
		if second, ok := p.hex4(); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r
			}
		}
		p.pos = save
	}
	return utf8.RuneError
}

func (p *jsonParser) hex4() (rune, bool) {
	if len(p.b)-p.pos < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p.b[p.pos : p.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.pos += 4
	return r, true
}
