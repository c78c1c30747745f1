package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	quotedToken // a delimited identifier
	textToken   // 'text'
	integerToken
	realToken
	parameterToken // @name
	symbolToken
)

type token struct {
	kind   tokenKind
	text   string // without delimiters; of a symbol the symbol
	offset int
}

func (t token) String() string {
	switch t.kind {
	case endToken:
		return "the end"
	case textToken:
		return "'" + t.text + "'"
	}
	return fmt.Sprintf("%q", t.text)
}

// maxExpression is how many characters an expression may have [SB-SEM 1.5].
const maxExpression = 1024

// scan takes an expression apart.
func scan(s string) ([]token, error) {
	if n := utf8.RuneCountInString(s); n > maxExpression {
		return nil, fmt.Errorf("%w: an expression of %d characters, the limit is %d", ErrInvalid, n, maxExpression)
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: the expression is not UTF-8", ErrInvalid)
	}
	var tokens []token
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) {
			i += size
			continue
		}
		t, n, err := scanToken(s[i:], r)
		if err != "" {
			return nil, &SyntaxError{i, err}
		}
		t.offset = i
		tokens = append(tokens, t)
		i += n
	}
	return append(tokens, token{kind: endToken, offset: len(s)}), nil
}

func scanToken(s string, r rune) (t token, n int, err string) {
	switch {
	case wordStart(r):
		n = wordLength(s)
		return token{kind: wordToken, text: s[:n]}, n, ""
	case r == '@':
		n = 1 + wordLength(s[1:])
		if n == 1 {
			return t, 0, "a parameter has no name"
		}
		return token{kind: parameterToken, text: s[1:n]}, n, ""
	case r == '\'':
		return delimited(s, '\'', textToken)
	case r == '"':
		return delimited(s, '"', quotedToken)
	case r == '[':
		return delimited(s, ']', quotedToken)
	case isDigit(s[0]) || s[0] == '.' && len(s) > 1 && isDigit(s[1]):
		return number(s)
	}
	for _, symbol := range [...]string{"<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%",
		"(", ")", ",", ".", ";"} {
		if strings.HasPrefix(s, symbol) {
			return token{kind: symbolToken, text: symbol}, len(symbol), ""
		}
	}
	return t, 0, fmt.Sprintf("unexpected character %q", r)
}

// wordStart is lenient: Service Bus wants a letter.
func wordStart(r rune) bool { return unicode.IsLetter(r) || r == '_' || r == '$' || r == '#' }

func wordLength(s string) int {
	for i, r := range s {
		if !wordStart(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// delimited reads what stands between delimiters, of which a doubled closing one
// is part of the text.
func delimited(s string, closing byte, kind tokenKind) (token, int, string) {
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != closing {
			text.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == closing {
			text.WriteByte(closing)
			i++
			continue
		}
		if kind == quotedToken && text.Len() == 0 {
			return token{}, 0, "an empty identifier"
		}
		return token{kind: kind, text: text.String()}, i + 1, ""
	}
	return token{}, 0, fmt.Sprintf("%q is not closed", s[0])
}

func number(s string) (token, int, string) {
	kind, i := integerToken, 0
	digits := func() {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	digits()
	if i < len(s) && s[i] == '.' {
		kind = realToken
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if first := i; first < len(s) && isDigit(s[first]) {
			kind = realToken
			digits()
		} else {
			i = j
		}
	}
	if r, _ := utf8.DecodeRuneInString(s[i:]); i < len(s) && wordStart(r) {
		return token{}, 0, "a number is followed by a letter"
	}
	return token{kind: kind, text: s[:i]}, i, ""
}
