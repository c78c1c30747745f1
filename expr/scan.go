package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenName             // text: the name
	tokenString           // text: the decoded string
	tokenNumber           // text: the digits as written
	tokenPunct            // text: one of ( ) [ ] , . } ?. ?[
	tokenBad              // text: what is wrong
)

type token struct {
	kind   tokenKind
	text   string
	offset int
}

// A scanner cuts an expression into tokens [EXPR 2].
type scanner struct {
	src string
	pos int
}

func isNameStart(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }
func isNamePart(r rune) bool  { return isNameStart(r) || unicode.IsDigit(r) }
func isDigit(c byte) bool     { return c >= '0' && c <= '9' }

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// next returns the next token.
func (s *scanner) next() token {
	s.space()
	start := s.pos
	if start >= len(s.src) {
		return token{tokenEnd, "", start}
	}
	switch c := s.src[start]; {
	case c == '\'':
		return s.quoted()
	case isDigit(c) || c == '-' || c == '+':
		return s.number()
	case c == '.' && start+1 < len(s.src) && isDigit(s.src[start+1]):
		return s.number()
	case c == '?':
		return s.question()
	case strings.IndexByte("()[],.}", c) >= 0:
		s.pos++
		return token{tokenPunct, s.src[start:s.pos], start}
	}
	r, n := utf8.DecodeRuneInString(s.src[start:])
	if isNameStart(r) {
		return s.name()
	}
	s.pos += n
	return token{tokenBad, "the character '" + s.src[start:s.pos] + "' is not expected", start}
}

// question reads ?. or ?[, which may have white space within.
func (s *scanner) question() token {
	start := s.pos
	s.pos++
	s.space()
	if s.pos < len(s.src) && (s.src[s.pos] == '.' || s.src[s.pos] == '[') {
		s.pos++
		return token{tokenPunct, "?" + s.src[s.pos-1:s.pos], start}
	}
	return token{tokenBad, "the '?' is not followed by '.' or '['", start}
}

// name reads letters, digits, underscores and dollar signs.
func (s *scanner) name() token {
	start := s.pos
	for s.pos < len(s.src) {
		r, n := utf8.DecodeRuneInString(s.src[s.pos:])
		if !isNamePart(r) {
			break
		}
		s.pos += n
	}
	return token{tokenName, s.src[start:s.pos], start}
}

// member reads the name after a dot, which may begin with a digit.
func (s *scanner) member() token {
	s.space()
	t := s.name()
	if t.text == "" {
		t = s.next()
		if t.kind != tokenEnd && t.kind != tokenBad {
			t.kind = tokenPunct
		}
	}
	return t
}

func (s *scanner) quoted() token {
	start := s.pos
	s.pos++
	var doubled bool
	for {
		n := strings.IndexByte(s.src[s.pos:], '\'')
		if n < 0 {
			s.pos = len(s.src)
			return token{tokenBad, "the string has no closing quote", start}
		}
		s.pos += n + 1
		if s.pos >= len(s.src) || s.src[s.pos] != '\'' {
			break
		}
		doubled = true
		s.pos++
	}
	text := s.src[start+1 : s.pos-1]
	if doubled {
		text = strings.ReplaceAll(text, "''", "'")
	}
	return token{tokenString, text, start}
}

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.src) && isDigit(s.src[s.pos]) {
		s.pos++
	}
	return s.pos - start
}

func (s *scanner) number() token {
	start := s.pos
	if c := s.src[s.pos]; c == '-' || c == '+' {
		s.pos++
	}
	n := s.digits()
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		s.pos++
		n += s.digits()
	}
	if n == 0 {
		return token{tokenBad, "a number needs digits", start}
	}
	if s.pos < len(s.src) && s.src[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '-' || s.src[s.pos] == '+') {
			s.pos++
		}
		if s.digits() == 0 {
			return token{tokenBad, "an exponent needs digits", start}
		}
	}
	if s.pos < len(s.src) {
		if r, _ := utf8.DecodeRuneInString(s.src[s.pos:]); isNamePart(r) {
			return token{tokenBad, "a number must not run into a name", start}
		}
	}
	return token{tokenNumber, s.src[start:s.pos], start}
}
