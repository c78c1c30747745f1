package expr

import (
	"math"
	"strconv"
	"strings"

	"switchyard/value"
)

// A node is a literal, or a call followed by accessors.
type node struct {
	offset    int         // where it begins in the template
	end       int         // behind its last accessor
	value     value.Value // literal
	name      string      // call: the name as written
	fn        *function   // call: nil if there is no such function
	meant     string      // call without fn: a question, or nothing
	args      []*node
	accessors []accessor

	// What differs from one item of [Context.EvaluateItems] to the next, or from
	// one evaluation to the next: the call itself, and what its accessors select.
	callVaries, varies bool
	call               bool
}

// An accessor selects a member by name or, if index is set, by the value of an
// expression.
type accessor struct {
	offset int
	name   string
	index  *node
	safe   bool // written with ?
}

// A parser reads one expression from its scanner's position.
type parser struct {
	scanner
	start int // where the expression begins in the template
	tok   token
	end   int // of the token before tok
	depth int
}

// parse reads the whole expression: up to the end of the template or, inside an
// interpolation, up to its closing brace. The scanner then stands behind it.
func (p *parser) parse(interpolated bool) (*node, error) {
	p.advance()
	n, err := p.expr()
	if err != nil {
		return nil, err
	}
	if interpolated {
		if !p.at("}") {
			return nil, p.unexpected("want '}' at the end of the interpolation")
		}
		return n, nil
	}
	if p.tok.kind != tokenEnd {
		return nil, p.unexpected("want the end of the expression")
	}
	return n, nil
}

func (p *parser) advance() {
	p.end = p.pos
	p.tok = p.next()
}

// follow reads the token behind a value. A dot there is always an accessor,
// also if the name it selects begins with a digit.
func (p *parser) follow() {
	end := p.pos
	p.space()
	if p.pos < len(p.src) && p.src[p.pos] == '.' {
		p.tok = token{tokenPunct, ".", p.pos}
		p.pos++
	} else {
		p.advance()
	}
	p.end = end
}

func (p *parser) at(punct string) bool { return p.tok.kind == tokenPunct && p.tok.text == punct }

func (p *parser) fail(offset int, why string) error {
	text := p.src[p.start:]
	if len(text) > 256 {
		text = strings.ToValidUTF8(text[:256], "") + "…"
	}
	err := errorf("Unable to parse expression '%s': %s at position %d.", text, why, offset)
	err.Expression, err.Offset = text, offset
	return err
}

// unexpected reports the current token.
func (p *parser) unexpected(want string) error {
	what := "'" + p.tok.text + "' is not expected"
	switch p.tok.kind {
	case tokenEnd:
		what = "the expression ends too early"
	case tokenBad:
		return p.fail(p.tok.offset, p.tok.text)
	}
	return p.fail(p.tok.offset, what+", "+want)
}

func (p *parser) expr() (*node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxExpressionDepth {
		return nil, p.fail(p.tok.offset,
			"calls and brackets nest deeper than "+strconv.Itoa(maxExpressionDepth)+" levels")
	}
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	for n.call && p.tok.kind == tokenPunct {
		a := accessor{offset: p.tok.offset}
		switch p.tok.text {
		case ".", "?.":
			a.safe = p.tok.text == "?."
			p.tok = p.member()
			if p.tok.kind != tokenName {
				return nil, p.unexpected("want a property name")
			}
			a.name = p.tok.text
			p.follow()
		case "[", "?[":
			a.safe = p.tok.text == "?["
			p.advance()
			if a.index, err = p.expr(); err != nil {
				return nil, err
			}
			if !p.at("]") {
				return nil, p.unexpected("want ']'")
			}
			p.follow()
		default:
			n.end = p.end
			return n, nil
		}
		n.varies = n.varies || a.index != nil && a.index.varies
		n.accessors = append(n.accessors, a)
	}
	n.end = p.end
	return n, nil
}

func (p *parser) primary() (*node, error) {
	t := p.tok
	n := &node{offset: t.offset}
	switch t.kind {
	case tokenString:
		n.value = t.text
		p.follow()
		return n, nil
	case tokenNumber:
		v, ok := numberLiteral(t.text)
		if !ok {
			return nil, p.fail(t.offset, "the number "+t.text+" is out of range")
		}
		n.value = v
		p.follow()
		return n, nil
	case tokenName:
		p.follow()
		if p.at("(") {
			return n, p.arguments(n, t.text)
		}
		switch strings.ToLower(t.text) {
		case "true":
			n.value = true
		case "false":
			n.value = false
		case "null":
		default:
			return nil, p.fail(t.offset, "the name '"+t.text+"' is not followed by '('")
		}
		return n, nil
	}
	return nil, p.unexpected("want a function call or a literal")
}

// arguments reads the argument list of the call n, whose opening parenthesis is
// the current token.
func (p *parser) arguments(n *node, name string) error {
	n.call, n.name, n.fn = true, name, lookupFunction(name)
	if n.fn == nil {
		n.meant = meant(name)
	}
	n.callVaries = n.fn != nil && n.fn.varies
	n.varies = n.callVaries
	p.advance()
	if p.at(")") {
		p.follow()
		return nil
	}
	for {
		arg, err := p.expr()
		if err != nil {
			return err
		}
		n.args = append(n.args, arg)
		n.callVaries = n.callVaries || arg.varies
		n.varies = n.callVaries
		switch {
		case p.at(","):
			p.advance()
		case p.at(")"):
			p.follow()
			return nil
		default:
			return p.unexpected("want ',' or ')'")
		}
	}
}

func numberLiteral(text string) (value.Value, bool) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil && !math.IsInf(f, 0)
	}
	i, err := strconv.ParseInt(text, 10, 64)
	return i, err == nil
}
