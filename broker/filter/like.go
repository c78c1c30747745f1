package filter

import "unicode/utf8"

// maxMatch bounds text times pattern, with which the time to match may grow: as
// long as a property and a literal pattern can be [SB-SEM 1.5].
const maxMatch = maxExpression * 32 << 10

type like struct {
	value, pattern operand
	escape         operand // nil: none
}

func (e like) truth(c *Context) (truth, error) {
	v, p, err := operands(c, e.value, e.pattern)
	if err != nil {
		return unknown, err
	}
	escape := rune(-1)
	if e.escape != nil {
		x, err := e.escape.value(c)
		if err != nil || x == nil {
			return unknown, err
		}
		s, ok := x.(string)
		if !ok || utf8.RuneCountInString(s) != 1 {
			return unknown, evaluation("ESCAPE needs one character")
		}
		escape, _ = utf8.DecodeRuneInString(s)
	}
	text, isText := v.(string)
	pattern, isPattern := p.(string)
	if !isText || !isPattern {
		return unknown, nil
	}
	if len(pattern) > 4*maxExpression || len(text)*len(pattern) > maxMatch {
		return unknown, evaluation("a pattern of %d bytes for a text of %d", len(pattern), len(text))
	}
	m, err := parsePattern(pattern, escape)
	return truthOf(err == nil && match(m, text)), err
}

// A wildcard is one part of a pattern: a literal character, or one of
const (
	anyRun = -1 // %
	anyOne = -2 // _
)

func parsePattern(pattern string, escape rune) ([]rune, error) {
	var parts []rune
	literal := false
	for _, r := range pattern {
		switch {
		case literal:
			parts = append(parts, r)
			literal = false
		case r == escape:
			literal = true
		case r == '%':
			if n := len(parts); n == 0 || parts[n-1] != anyRun {
				parts = append(parts, anyRun)
			}
		case r == '_':
			parts = append(parts, anyOne)
		default:
			parts = append(parts, r)
		}
	}
	if literal {
		return nil, evaluation("the pattern ends in its escape character")
	}
	return parts, nil
}

// match reports whether the whole text matches. Of the runs only the last one
// met is ever lengthened: what the earlier ones took is never worse.
func match(pattern []rune, text string) bool {
	p, i := 0, 0
	back, from := -1, 0 // the last run, and where its text ends
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case p < len(pattern) && pattern[p] == anyRun:
			back, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == anyOne || pattern[p] == r):
			p++
			i += size
		case back >= 0:
			_, size := utf8.DecodeRuneInString(text[from:])
			from += size
			p, i = back+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyRun {
		p++
	}
	return p == len(pattern)
}
