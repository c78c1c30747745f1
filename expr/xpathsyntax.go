package expr

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxXPathDepth is how deeply brackets may nest in a path, as in .NET.
const maxXPathDepth = 200

// xpathFunctions are those of XPath 1.0, with how many arguments they take.
var xpathFunctions = map[string][2]int{
	"last": {0, 0}, "position": {0, 0}, "count": {1, 1}, "id": {1, 1}, "local-name": {0, 1},
	"namespace-uri": {0, 1}, "name": {0, 1}, "string": {0, 1}, "concat": {2, maxXPathLength},
	"starts-with": {2, 2}, "contains": {2, 2}, "substring-before": {2, 2}, "substring-after": {2, 2},
	"substring": {2, 3}, "string-length": {0, 1}, "normalize-space": {0, 1}, "translate": {3, 3},
	"boolean": {1, 1}, "not": {1, 1}, "true": {0, 0}, "false": {0, 0}, "lang": {1, 1}, "number": {0, 1},
	"sum": {1, 1}, "floor": {1, 1}, "ceiling": {1, 1}, "round": {1, 1},
}

var xpathAxes = map[string]bool{
	"ancestor": true, "ancestor-or-self": true, "attribute": true, "child": true, "descendant": true,
	"descendant-or-self": true, "following": true, "following-sibling": true, "namespace": true,
	"parent": true, "preceding": true, "preceding-sibling": true, "self": true,
}

// noNamespace is the prefix that [checkXPath] writes before names that have none.
const noNamespace = "_"

// checkXPath reads a path as XPath 1.0 has it: the xpath package stops without an error at
// what it does not understand, and knows functions of version 2.0. It returns the path with
// the prefix [noNamespace] before each name of a node that has none.
func checkXPath(path string) (string, error) {
	p := xpathParser{src: path}
	p.next()
	p.expr()
	if p.err == nil && p.tok != "" {
		p.unexpected()
	}
	if p.err != nil {
		return "", p.err
	}
	p.out.WriteString(p.src[p.copied:])
	return p.out.String(), nil
}

// An xpathParser reads a path and keeps its first error; after it, every token is the end.
type xpathParser struct {
	src   string
	pos   int    // behind the current token
	start int    // of the current token
	tok   string // "" at the end
	depth int
	err   error

	out    strings.Builder
	copied int // how much of src is in out
}

func (p *xpathParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.tok, p.pos = "", len(p.src)
}

func (p *xpathParser) unexpected() {
	if p.tok == "" {
		p.fail("the path ends too early")
		return
	}
	p.fail("'%s' is not expected at position %d", p.tok, p.start)
}

// eat reads the token, if it is the current one.
func (p *xpathParser) eat(tok string) bool {
	if p.tok != tok || p.tok == "" {
		return false
	}
	p.next()
	return true
}

func (p *xpathParser) want(tok string) {
	if !p.eat(tok) {
		p.unexpected()
	}
}

// next reads a token: a number, a literal with its quotes, a name with its prefix, or
// punctuation.
func (p *xpathParser) next() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
	p.start = p.pos
	rest := p.src[p.pos:]
	n := 0
	switch {
	case rest == "":
	case rest[0] == '\'' || rest[0] == '"':
		if n = strings.IndexByte(rest[1:], rest[0]) + 2; n < 2 {
			p.fail("the text at position %d has no end", p.start)
			return
		}
	case isDigit(rest[0]) || rest[0] == '.' && len(rest) > 1 && isDigit(rest[1]):
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n = digits
		if n < len(rest) && rest[n] == '.' {
			n++
			n += len(rest[n:]) - len(strings.TrimLeft(rest[n:], "0123456789"))
		}
	case xpathName(rest) > 0:
		n = xpathName(rest)
		if strings.HasPrefix(rest[n:], ":*") {
			n += 2
		} else if m := xpathName(rest[min(n+1, len(rest)):]); rest[n:] != "" && rest[n] == ':' && m > 0 {
			n += 1 + m
		}
	default:
		n = 1
		for _, two := range []string{"::", "//", "..", "!=", "<=", ">="} {
			if strings.HasPrefix(rest, two) {
				n = 2
			}
		}
		if strings.IndexByte("()[].@,/|+-=<>*:!", rest[0]) < 0 || rest[0] == ':' && n == 1 || rest[0] == '!' && n == 1 {
			r, _ := utf8.DecodeRuneInString(rest)
			p.fail("%q is not expected at position %d", r, p.start)
			return
		}
	}
	p.pos += n
	p.tok = rest[:n]
}

// xpathName returns the length of the name without a prefix that s begins with.
func xpathName(s string) int {
	for i, r := range s {
		if !unicode.IsLetter(r) && r != '_' && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '-' && r != '.') {
			return i
		}
	}
	return len(s)
}

func (p *xpathParser) atName() bool { return xpathName(p.tok) > 0 }

// followedBy reports what stands behind the current token.
func (p *xpathParser) followedBy(s string) bool {
	return strings.HasPrefix(strings.TrimLeft(p.src[p.pos:], " \t\r\n"), s)
}

var errXPathDepth = errors.New("the path nests too deeply")

// expr reads paths with operators between them; which binds closer does not matter here.
func (p *xpathParser) expr() {
	if p.depth++; p.depth > maxXPathDepth {
		p.fail("%w", errXPathDepth)
	}
	defer func() { p.depth-- }()
	signs := true
	for p.err == nil {
		for signs && p.eat("-") {
		}
		p.path()
		switch p.tok {
		case "|", "+", "-", "*", "=", "!=", "<", "<=", ">", ">=", "and", "or", "div", "mod":
			signs = p.tok != "|"
			p.next()
		default:
			return
		}
	}
}

// path reads a value with predicates and steps, or a location path.
func (p *xpathParser) path() {
	switch {
	case p.eat("("):
		p.expr()
		p.want(")")
	case p.tok != "" && (p.tok[0] == '\'' || p.tok[0] == '"' || isDigit(p.tok[0]) || len(p.tok) > 1 && p.tok[0] == '.' && isDigit(p.tok[1])):
		p.next()
	case p.atName() && p.followedBy("(") && !isXPathNodeType(p.tok):
		p.call()
	default:
		if p.eat("//") || !p.eat("/") || p.atStep() {
			p.step()
			p.steps()
		}
		return
	}
	p.predicates()
	p.steps()
}

func (p *xpathParser) steps() {
	for p.eat("/") || p.eat("//") {
		p.step()
	}
}

func (p *xpathParser) atStep() bool {
	return p.atName() || p.tok == "*" || p.tok == "@" || p.tok == "." || p.tok == ".."
}

func (p *xpathParser) predicates() {
	for p.eat("[") {
		p.expr()
		p.want("]")
	}
}

func (p *xpathParser) call() {
	count, ok := xpathFunctions[p.tok]
	if !ok {
		p.fail("'%s' is no function of XPath 1.0", p.tok)
		return
	}
	name := p.tok
	p.next()
	p.next()
	n := 0
	for p.tok != ")" && p.err == nil {
		if n++; n > 1 {
			p.want(",")
		}
		p.expr()
	}
	p.want(")")
	if n < count[0] || n > count[1] {
		p.fail("the function '%s' does not take %d arguments", name, n)
	}
}

func isXPathNodeType(name string) bool {
	return name == "node" || name == "text" || name == "comment" || name == "processing-instruction"
}

// step reads an axis, which nodes, and predicates.
func (p *xpathParser) step() {
	if p.eat(".") || p.eat("..") {
		return
	}
	if !p.eat("@") && p.atName() && p.followedBy("::") {
		if !xpathAxes[p.tok] {
			p.fail("there is no axis '%s'", p.tok)
		}
		p.next()
		p.next()
	}
	switch {
	case p.eat("*"):
	case isXPathNodeType(p.tok) && p.followedBy("("):
		if p.tok == "processing-instruction" {
			p.fail("processing instructions are not supported")
		}
		p.next()
		p.next()
		p.want(")")
	case p.atName():
		if !strings.Contains(p.tok, ":") {
			p.out.WriteString(p.src[p.copied:p.start] + noNamespace + ":")
			p.copied = p.start
		}
		p.next()
	default:
		p.unexpected()
	}
	p.predicates()
}
