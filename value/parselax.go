package value

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseLax is [ParseWithin] of what the common JSON library of .NET reads beyond
// RFC 8259 [EXPR 8]: text and names in single quotes, names without quotes, comments, a
// comma before the end of an array or object, line breaks in texts, numbers such as .5,
// 0x1F and 017. What follows the value is not looked at, and no value at all is null.
// What has no JSON value (undefined, NaN, a constructor) is an error, and so is a text
// that is cut off.
func ParseLax(b []byte, maxDepth int, spend func(text, parts int) error) (Value, error) {
	p := jsonParser{b: b, maxDepth: maxDepth, spend: spend}
	if err := p.laxSpace(); err != nil || p.pos >= len(p.b) {
		return nil, err
	}
	return p.laxValue()
}

// laxSpace skips white space and comments.
func (p *jsonParser) laxSpace() error {
	for {
		p.anySpace()
		if p.pos+1 >= len(p.b) || p.b[p.pos] != '/' {
			return nil
		}
		rest, end := string(p.b[p.pos+1:p.pos+2]), ""
		switch rest {
		case "*":
			end = "*/"
		case "/":
			end = "\n"
		default:
			return p.fail(p.pos, "unexpected '/', want a comment or a value")
		}
		from := p.pos + 2
		n, err := p.find(from, end)
		if err != nil {
			return err
		}
		switch {
		case n >= 0:
			p.pos = n + len(end)
		case rest == "*":
			return p.fail(p.pos, "the comment has no end")
		default:
			p.pos = len(p.b)
		}
	}
}

// find returns where end stands in the text from a position on, -1 if it does not.
func (p *jsonParser) find(from int, end string) (int, error) {
	for from < len(p.b) {
		to := min(len(p.b), from+tellEvery+len(end)-1)
		if i := strings.Index(string(p.b[from:to]), end); i >= 0 {
			return from + i, nil
		}
		from += tellEvery
		if p.spend != nil {
			if err := p.spend(tellEvery, 0); err != nil {
				return 0, err
			}
		}
	}
	return -1, nil
}

// anySpace skips what .NET calls white space.
func (p *jsonParser) anySpace() {
	for p.pos < len(p.b) {
		r, n := utf8.DecodeRune(p.b[p.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		p.pos += n
	}
}

func (p *jsonParser) laxValue() (Value, error) {
	if p.pos >= len(p.b) {
		return nil, p.fail(p.pos, "unexpected end of text, want a value")
	}
	switch c := p.b[p.pos]; {
	case c == '{':
		return p.laxObject()
	case c == '[':
		return p.laxArray()
	case c == '"' || c == '\'':
		return p.laxString()
	case c == '-' || c == '.' || c >= '0' && c <= '9':
		return p.laxNumber()
	case c == 't' && p.laxWord("true"):
		return true, nil
	case c == 'f' && p.laxWord("false"):
		return false, nil
	case c == 'n' && p.laxWord("null"):
		return nil, nil
	}
	return nil, p.fail(p.pos, "unexpected "+p.char()+", want a value")
}

// laxWord reads a word that nothing but a separator follows.
func (p *jsonParser) laxWord(w string) bool {
	at := p.pos
	if !p.word(w) {
		return false
	}
	if p.pos < len(p.b) && !isSeparator(p.b[p.pos]) {
		p.pos = at
		return false
	}
	return true
}

func isSeparator(c byte) bool { return c <= ' ' || strings.IndexByte(",]})/", c) >= 0 }

// laxEnter begins an array or object.
func (p *jsonParser) laxEnter() error {
	if err := p.enter(); err != nil {
		return err
	}
	return p.laxSpace()
}

// laxEnd reads the end of an array or object, if it is there.
func (p *jsonParser) laxEnd(end byte) bool {
	if p.pos >= len(p.b) || p.b[p.pos] != end {
		return false
	}
	p.pos++
	p.depth--
	return true
}

// laxNext reads what follows an element: a comma, the end or both.
func (p *jsonParser) laxNext(end byte) (more bool, err error) {
	if p.parts++; p.pos-p.told > tellEvery {
		if err := p.tell(); err != nil {
			return false, err
		}
	}
	if err := p.laxSpace(); err != nil {
		return false, err
	}
	if p.pos < len(p.b) && p.b[p.pos] == ',' {
		p.pos++
		if err := p.laxSpace(); err != nil {
			return false, err
		}
		return !p.laxEnd(end), nil
	}
	if p.laxEnd(end) {
		return false, nil
	}
	return false, p.fail(p.pos, "unexpected "+p.char()+", want ',' or '"+string(end)+"'")
}

func (p *jsonParser) laxArray() (Value, error) {
	if err := p.laxEnter(); err != nil {
		return nil, err
	}
	a := Array{}
	for more := !p.laxEnd(']'); more; {
		v, err := p.laxValue()
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		if more, err = p.laxNext(']'); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (p *jsonParser) laxObject() (Value, error) {
	if err := p.laxEnter(); err != nil {
		return nil, err
	}
	o := &Object{}
	for more := !p.laxEnd('}'); more; {
		name, err := p.laxName()
		if err != nil {
			return nil, err
		}
		p.anySpace()
		if p.pos >= len(p.b) || p.b[p.pos] != ':' {
			return nil, p.fail(p.pos, "unexpected "+p.char()+", want ':'")
		}
		p.pos++
		if err := p.laxSpace(); err != nil {
			return nil, err
		}
		v, err := p.laxValue()
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
		if more, err = p.laxNext('}'); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// laxName reads the name of a member. Without quotes it has letters, digits, _ and $.
func (p *jsonParser) laxName() (string, error) {
	if p.pos < len(p.b) && (p.b[p.pos] == '"' || p.b[p.pos] == '\'') {
		return p.laxString()
	}
	start := p.pos
	for p.pos < len(p.b) {
		r, n := utf8.DecodeRune(p.b[p.pos:])
		if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		p.pos += n
	}
	if p.pos == start {
		return "", p.fail(p.pos, "unexpected "+p.char()+", want a member name")
	}
	return string(p.b[start:p.pos]), nil
}

// laxString reads a string in quotes of either kind.
func (p *jsonParser) laxString() (string, error) {
	open, quote := p.pos, p.b[p.pos]
	p.pos++
	var buf []byte
	for p.pos < len(p.b) {
		if p.pos-p.told > tellEvery {
			if err := p.tell(); err != nil {
				return "", err
			}
		}
		switch c := p.b[p.pos]; c {
		case quote:
			p.pos++
			if !utf8.Valid(buf) {
				return "", p.fail(open, "the string is not valid UTF-8")
			}
			return string(buf), nil
		case '\\':
			var err error
			if p.pos+1 < len(p.b) && p.b[p.pos+1] == '\'' {
				buf = append(buf, '\'')
				p.pos += 2
			} else if buf, err = p.escape(buf); err != nil {
				return "", err
			}
		default:
			buf = append(buf, c)
			p.pos++
		}
	}
	return "", p.fail(open, "the string has no end")
}

// laxNumber reads a number: what begins with 0x is hexadecimal, with another 0 octal.
func (p *jsonParser) laxNumber() (Value, error) {
	start := p.pos
	for p.pos < len(p.b) && !isSeparator(p.b[p.pos]) {
		p.pos++
	}
	text := string(p.b[start:p.pos])
	if len(text) > 1 && text[0] == '0' && strings.IndexByte(".eE", text[1]) < 0 {
		digits, base := text[1:], 8
		if text[1]|0x20 == 'x' {
			digits, base = text[2:], 16
		}
		if i, err := strconv.ParseUint(digits, base, 64); err == nil {
			return int64(i), nil // as .NET reads the bits
		}
		return nil, p.fail(start, "a number that begins with 0 is octal, or hexadecimal after 0x")
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) || strings.Trim(text, "0123456789.eE+-") != "" {
		return nil, p.fail(start, "not a number")
	}
	if math.IsInf(f, 0) {
		return nil, p.fail(start, "the number is out of range")
	}
	return f, nil
}
