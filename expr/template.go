package expr

import (
	"strings"
	"unicode/utf8"
)

// A Template is one JSON string, classified and parsed by [EXPR 1.1]: a
// literal, a whole-value expression, or text with interpolations. It is
// immutable and may be used by several goroutines.
type Template struct {
	source  string
	literal string
	whole   *expression // set for a whole-value expression
	parts   []part      // set for an interpolated string
}

// A part of an interpolated string is literal text or an expression.
type part struct {
	text string
	expr *expression
}

// An expression is a parsed expression with its own text and its place in the
// template.
type expression struct {
	text   string
	offset int
	root   *node
}

// Parse classifies and parses one JSON string. A string without expressions is
// a valid template too. Unknown functions and wrong numbers of arguments are no
// syntax errors: they fail when they are evaluated [EXPR 4]. The error is an
// [*Error].
func Parse(s string) (*Template, error) {
	t := &Template{source: s}
	switch {
	case s == "@":
		t.literal = s
		return t, nil
	case strings.HasPrefix(s, "@@"):
		t.literal = s[1:]
		return t, nil
	case strings.HasPrefix(s, "@") && !strings.HasPrefix(s, "@{"):
		if err := t.parseWhole(); err != nil {
			return nil, err
		}
	case strings.Contains(s, "@{"):
		if err := t.parseParts(); err != nil {
			return nil, err
		}
	default:
		t.literal = s
	}
	return t, nil
}

// String returns the string the template was parsed from.
func (t *Template) String() string { return t.source }

func (t *Template) parseWhole() error {
	text := strings.Trim(t.source[1:], " \t\r\n")
	p := parser{scanner: scanner{src: t.source, pos: 1}, start: 1}
	if err := checkLength(text, 1); err != nil {
		return err
	}
	root, err := p.parse(false)
	if err != nil {
		return err
	}
	t.whole = &expression{text: text, offset: 1, root: root}
	return nil
}

func (t *Template) parseParts() error {
	s := t.source
	t.parts = []part{}
	var text []byte
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "@@{"):
			text = append(text, "@{"...)
			i += 3
		case strings.HasPrefix(s[i:], "@{"):
			if len(text) > 0 {
				t.parts = append(t.parts, part{text: string(text)})
				text = text[:0]
			}
			p := parser{scanner: scanner{src: s, pos: i + 2}, start: i + 2}
			root, err := p.parse(true)
			if err != nil {
				return err
			}
			inner := s[i+2 : p.pos-1]
			if err := checkLength(inner, i+2); err != nil {
				return err
			}
			t.parts = append(t.parts,
				part{expr: &expression{text: strings.Trim(inner, " \t\r\n"), offset: i + 2, root: root}})
			i = p.pos
		default:
			n := strings.IndexByte(s[i+1:], '@') + 1
			if n == 0 {
				n = len(s) - i
			}
			text = append(text, s[i:i+n]...)
			i += n
		}
	}
	if len(text) > 0 {
		t.parts = append(t.parts, part{text: string(text)})
	}
	return nil
}

func checkLength(text string, offset int) error {
	if len(text) <= MaxExpression || utf8.RuneCountInString(text) <= MaxExpression {
		return nil
	}
	err := errorf("The expression is longer than the limit of %d characters.", MaxExpression)
	err.Expression, err.Offset = text[:64]+"…", offset
	if !utf8.ValidString(err.Expression) {
		err.Expression = strings.ToValidUTF8(err.Expression, "")
	}
	return err
}
