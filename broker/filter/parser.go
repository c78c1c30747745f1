package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A node is a part of an expression: a predicate or an operand, never both.
type node struct {
	predicate predicate
	operand   operand
	offset    int
}

type parser struct {
	tokens     []token
	at         int
	parameters map[string]Value // by lower-case name
	action     bool             // SET and REMOVE are reserved
}

func newParser(s string, parameters Values, action bool) (*parser, error) {
	if err := checkValues("parameter", parameters); err != nil {
		return nil, err
	}
	tokens, err := scan(s)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, action: action, parameters: map[string]Value{}}
	for name, v := range parameters {
		p.parameters[strings.ToLower(strings.TrimPrefix(name, "@"))] = v
	}
	return p, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

func (p *parser) fail(t token, format string, args ...any) error {
	return &SyntaxError{t.offset, fmt.Sprintf(format, args...)}
}

// symbol takes the symbol if it is next.
func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind == symbolToken && t.text == s {
		p.at++
		return true
	}
	return false
}

// keyword takes the word if it is next.
func (p *parser) keyword(word string) bool {
	if isWord(p.peek(), word) {
		p.at++
		return true
	}
	return false
}

func isWord(t token, word string) bool { return t.kind == wordToken && strings.EqualFold(t.text, word) }

func (p *parser) expect(symbol string) error {
	if !p.symbol(symbol) {
		return p.fail(p.peek(), "expected %q, found %v", symbol, p.peek())
	}
	return nil
}

var reserved = []string{"AND", "OR", "NOT", "IN", "LIKE", "ESCAPE", "IS", "NULL", "EXISTS", "TRUE", "FALSE"}

func (p *parser) reserved(word string) bool {
	for _, r := range reserved {
		if strings.EqualFold(word, r) {
			return true
		}
	}
	return p.action && (strings.EqualFold(word, "SET") || strings.EqualFold(word, "REMOVE"))
}

// The levels of precedence, the loosest first: OR, AND, NOT, comparisons, + -,
// * / %, unary.

func (p *parser) or() (node, error) {
	return p.logic("OR", p.and, func(a, b predicate) predicate { return either{a, b} })
}

func (p *parser) and() (node, error) {
	return p.logic("AND", p.not, func(a, b predicate) predicate { return both{a, b} })
}

func (p *parser) logic(word string, tighter func() (node, error),
	join func(a, b predicate) predicate) (node, error) {
	left, err := tighter()
	for err == nil && p.keyword(word) {
		var right node
		if right, err = tighter(); err != nil {
			break
		}
		if err = p.wantPredicate(left); err == nil {
			err = p.wantPredicate(right)
		}
		if err == nil {
			left.predicate = join(left.predicate, right.predicate)
		}
	}
	return left, err
}

func (p *parser) not() (node, error) {
	t := p.peek()
	if !p.keyword("NOT") {
		return p.comparison()
	}
	n, err := p.not()
	if err == nil {
		err = p.wantPredicate(n)
	}
	return node{predicate: negation{n.predicate}, offset: t.offset}, err
}

func (p *parser) wantPredicate(n node) error {
	if n.predicate == nil {
		return &SyntaxError{n.offset, "a condition is needed here, not a value"}
	}
	return nil
}

func (p *parser) wantOperand(n node) error {
	if n.operand == nil {
		return &SyntaxError{n.offset, "a value is needed here, not a condition"}
	}
	return nil
}

// value parses an expression that is not a predicate.
func (p *parser) value() (operand, error) {
	n, err := p.sum()
	if err == nil {
		err = p.wantOperand(n)
	}
	return n.operand, err
}

var comparisons = map[string]comparison{"=": equal, "<>": notEqual, "!=": notEqual, "<": less,
	"<=": lessOrEqual, ">": greater, ">=": greaterOrEqual}

func (p *parser) comparison() (node, error) {
	left, err := p.sum()
	if err != nil {
		return left, err
	}
	t := p.peek()
	var result predicate
	switch {
	case t.kind == symbolToken && isComparison(t.text):
		p.at++
		var right operand
		if right, err = p.value(); err == nil {
			result = compared{comparisons[t.text], left.operand, right}
		}
	case isWord(t, "IS"):
		p.at++
		negated := p.keyword("NOT")
		property, ok := left.operand.(property)
		switch {
		case !ok:
			err = &SyntaxError{left.offset, "IS NULL is for properties"}
		case !p.keyword("NULL"):
			err = p.fail(p.peek(), "expected NULL, found %v", p.peek())
		default:
			result = negate(negated, isNull{property})
		}
	case isWord(t, "NOT") || isWord(t, "IN") || isWord(t, "LIKE"):
		negated := p.keyword("NOT")
		switch {
		case p.keyword("IN"):
			result, err = p.in(left.operand)
		case p.keyword("LIKE"):
			result, err = p.like(left.operand)
		default:
			err = p.fail(p.peek(), "expected IN or LIKE, found %v", p.peek())
		}
		result = negate(negated, result)
	default:
		return left, nil
	}
	if err == nil {
		err = p.wantOperand(left)
	}
	return node{predicate: result, offset: left.offset}, err
}

func isComparison(symbol string) bool { _, ok := comparisons[symbol]; return ok }

func negate(negated bool, p predicate) predicate {
	if negated {
		return negation{p}
	}
	return p
}

func (p *parser) in(left operand) (predicate, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list []operand
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if !p.symbol(",") {
			return among{left, list}, p.expect(")")
		}
	}
}

func (p *parser) like(left operand) (predicate, error) {
	pattern, err := p.value()
	if err != nil {
		return nil, err
	}
	l := like{value: left, pattern: pattern}
	if t := p.peek(); p.keyword("ESCAPE") {
		if l.escape, err = p.value(); err != nil {
			return nil, err
		}
		if c, ok := l.escape.(constant); ok {
			if s, ok := c.v.(string); c.v != nil && (!ok || utf8.RuneCountInString(s) != 1) {
				return nil, p.fail(t, "ESCAPE needs one character")
			}
		}
	}
	return l, nil
}

func (p *parser) sum() (node, error) { return p.arithmetic("+-", p.product) }

func (p *parser) product() (node, error) { return p.arithmetic("*/%", p.unary) }

func (p *parser) arithmetic(symbols string, tighter func() (node, error)) (node, error) {
	left, err := tighter()
	for err == nil {
		t := p.peek()
		if t.kind != symbolToken || !strings.Contains(symbols, t.text) {
			break
		}
		p.at++
		var right node
		if right, err = tighter(); err != nil {
			break
		}
		if err = p.wantOperand(left); err == nil {
			err = p.wantOperand(right)
		}
		left.operand = computed{t.text[0], left.operand, right.operand}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	t := p.peek()
	negative := p.symbol("-")
	if !negative && !p.symbol("+") {
		return p.primary()
	}
	if next := p.peek(); negative && next.kind == integerToken {
		p.at++
		v, err := p.integer(next, "-"+next.text)
		return node{operand: v, offset: t.offset}, err
	}
	n, err := p.unary()
	if err == nil {
		err = p.wantOperand(n)
	}
	return node{operand: signed{negative, n.operand}, offset: t.offset}, err
}

func (p *parser) integer(t token, text string) (operand, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, p.fail(t, "the number %s does not fit 64 bits", text)
	}
	return constant{n}, nil
}

func (p *parser) primary() (n node, err error) {
	t := p.next()
	n.offset = t.offset
	switch t.kind {
	case integerToken:
		n.operand, err = p.integer(t, t.text)
	case realToken:
		f, parseErr := strconv.ParseFloat(t.text, 64)
		if parseErr != nil {
			return n, p.fail(t, "the number %s does not fit a double", t.text)
		}
		n.operand = constant{f}
	case textToken:
		n.operand = constant{t.text}
	case parameterToken:
		v, ok := p.parameters[strings.ToLower(t.text)]
		if !ok {
			return n, p.fail(t, "the parameter @%s has no value", t.text)
		}
		n.operand = constant{v}
	case quotedToken:
		n.operand = property{user: t.text}
	case wordToken:
		return p.word(t)
	case symbolToken:
		if t.text != "(" {
			return n, p.fail(t, "unexpected %v", t)
		}
		if n, err = p.or(); err == nil {
			err = p.expect(")")
		}
		n.offset = t.offset
	default:
		return n, p.fail(t, "unexpected end")
	}
	return n, err
}

// word parses what begins with a word: a constant, a function, a property or
// EXISTS.
func (p *parser) word(t token) (n node, err error) {
	n.offset = t.offset
	call := p.peek().kind == symbolToken && p.peek().text == "("
	switch {
	case isWord(t, "TRUE") || isWord(t, "FALSE"):
		n.operand = constant{isWord(t, "TRUE")}
	case isWord(t, "NULL"):
		n.operand = constant{nil}
	case isWord(t, "EXISTS"):
		if err := p.expect("("); err != nil {
			return n, err
		}
		property, err := p.property()
		if err != nil {
			return n, err
		}
		n.predicate = exists{property}
		return n, p.expect(")")
	case call && isWord(t, "newid"):
		p.at++
		n.operand = newID{}
		return n, p.expect(")")
	case call && (isWord(t, "property") || isWord(t, "p")):
		p.at++
		name, err := p.value()
		if err != nil {
			return n, err
		}
		n.operand = property{name: name}
		return n, p.expect(")")
	case call:
		return n, p.fail(t, "there is no function %s; functions are newid, property and p", t.text)
	default:
		p.at--
		n.operand, err = p.property()
	}
	return n, err
}

// property parses [sys.|user.]identifier.
func (p *parser) property() (property, error) {
	t := p.next()
	scope := ""
	if dot := p.peek(); t.kind == wordToken && dot.kind == symbolToken && dot.text == "." {
		p.at++
		scope = strings.ToLower(t.text)
		if scope != "sys" && scope != "user" {
			return property{}, p.fail(t, "there is no scope %s; scopes are sys and user", t.text)
		}
		t = p.next()
	}
	if t.kind != quotedToken && (t.kind != wordToken || p.reserved(t.text)) {
		return property{}, p.fail(t, "expected the name of a property, found %v", t)
	}
	if scope != "sys" {
		return property{user: t.text}, nil
	}
	system, ok := systemByName[strings.ToLower(t.text)]
	if !ok {
		return property{}, p.fail(t, "there is no system property %s", t.text)
	}
	return property{system: system}, nil
}
