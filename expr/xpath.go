package expr

import (
	"errors"
	"math"
	"regexp"
	"strings"

	"github.com/antchfx/xpath"

	"switchyard/value"
)

// maxXPathSteps bounds the moves over the document that one path may take: a
// path of a few characters can visit every tuple of nodes.
const maxXPathSteps = 5_000_000

const maxXPathLength = 8192

// laterFunction finds calls of functions of XPath 2.0 that the xpath package has
// and the service, which knows version 1.0, has not: a regular expression of a
// user can take hours, and a replacement any size.
var (
	laterFunction = regexp.MustCompile(`(?:^|[^\w.-])(matches|replace|string-join|lower-case|ends-with|reverse)\s*\(`)
	xpathQuoted   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// navigatorSteps is what one of these moves takes of the budget.
const navigatorSteps = 8

// errXPathSteps is thrown through the xpath package by a navigator.
var errXPathSteps = errors.New("the path takes too many steps")

// fnXPath evaluates an XPath 1.0 expression. Elements are returned as content
// objects and other nodes as strings, always in an array.
func fnXPath(c *call) (v value.Value, err error) {
	text := ""
	switch v := c.args[0].(type) {
	case string:
		text = v
	case *value.Object:
		content, ok := value.ContentOf(v)
		if !ok {
			return nil, c.wrong(0, "an XML content")
		}
		text = content.Text()
	default:
		return nil, c.wrong(0, "an XML content")
	}
	path, ok := c.args[1].(string)
	if !ok {
		return nil, c.wrong(1, "a string")
	}
	if len(path) > maxXPathLength {
		return nil, errorf("The function 'xpath' expects its second parameter to have at most %d characters.",
			maxXPathLength)
	}
	if name := laterFunction.FindStringSubmatch(xpathQuoted.ReplaceAllString(path, "''")); name != nil {
		return nil, errorf("The function 'xpath' cannot parse the path '%s': '%s' is no function of XPath 1.0.",
			path, name[1])
	}
	root, err := c.parseXML(text)
	if err != nil {
		return nil, err
	}
	// The xpath package reports most mistakes in a path by panicking, some of
	// them only when it evaluates it.
	defer func() {
		p := recover()
		if e, ok := p.(*Error); ok {
			v, err = nil, e
		} else if p != nil {
			v, err = nil, errorf("The function 'xpath' cannot evaluate the path '%s': %v.", path, p)
		}
	}()
	compiled, err := xpath.CompileWithNS(path, map[string]string{"xml": xmlNamespace})
	if err != nil {
		return nil, errorf("The function 'xpath' cannot parse the path '%s': %v.", path, err)
	}
	walk := &xpathWalk{ev: c.ev, left: maxXPathSteps, functions: 1 + strings.Count(path, "(")}
	switch r := compiled.Evaluate(&xmlNavigator{node: root, attr: -1, walk: walk}).(type) {
	case *xpath.NodeIterator:
		return c.nodes(r)
	case float64:
		if i, ok := value.Integral(r); ok && math.Abs(r) < 1<<53 {
			return i, nil
		}
		return finite("xpath", r)
	case bool:
		return r, nil
	case string:
		return c.result(r)
	}
	return nil, errorf("The function 'xpath' cannot evaluate the path '%s'.", path)
}

func (c *call) nodes(it *xpath.NodeIterator) (value.Value, error) {
	out := value.Array{}
	for it.MoveNext() {
		nav := it.Current().(*xmlNavigator)
		var v value.Value = nav.Value()
		if nav.attr < 0 && (nav.node.kind == xmlElement || nav.node.kind == xmlRoot) {
			outer, err := c.ev.outer(nav.node)
			if err != nil {
				return nil, err
			}
			if err := c.ev.charge(len(outer)); err != nil {
				return nil, err
			}
			v = value.NewContent(xmlType, []byte(outer))
		}
		text, err := c.ev.text(v, "the function 'xpath'")
		if err != nil {
			return nil, err
		}
		if err := c.ev.charge(len(text) + elementCost); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// An xmlNavigator is a cursor over a document. Namespace declarations are no
// attributes to XPath, and instructions are left out: the xpath package has no
// node type for them.
type xmlNavigator struct {
	node *xmlNode
	attr int // index of the current attribute, or -1
	walk *xpathWalk
}

// An xpathWalk counts the moves of all navigators of one evaluation.
type xpathWalk struct {
	ev        *evaluation
	left      int
	functions int // how many functions of the path may work on one text
}

// step takes n moves. The xpath package has no other way to be ended than a panic.
func (v *xmlNavigator) step(n int) {
	if v.walk.left -= n; v.walk.left < 0 {
		panic(errXPathSteps)
	}
	if err := v.walk.ev.spend(navigatorSteps * n); err != nil {
		panic(err)
	}
}

func (v *xmlNavigator) NodeType() xpath.NodeType {
	switch {
	case v.attr >= 0:
		return xpath.AttributeNode
	case v.node.kind == xmlRoot:
		return xpath.RootNode
	case v.node.kind == xmlElement:
		return xpath.ElementNode
	case v.node.kind == xmlComment:
		return xpath.CommentNode
	}
	return xpath.TextNode
}

func (v *xmlNavigator) LocalName() string {
	if v.attr >= 0 {
		return v.node.attrs[v.attr].name
	}
	return v.node.name
}

func (v *xmlNavigator) Prefix() string {
	if v.attr >= 0 {
		return v.node.attrs[v.attr].prefix
	}
	return v.node.prefix
}

// NamespaceURL returns the namespace of the node; the xpath package looks for
// this method.
func (v *xmlNavigator) NamespaceURL() string {
	v.step(1 + v.node.declaring/bytesPerStep)
	prefix := v.Prefix()
	if v.attr >= 0 && prefix == "" {
		return ""
	}
	uri, _ := v.node.namespace(prefix)
	return uri
}

func (v *xmlNavigator) Value() string {
	if v.attr >= 0 {
		return v.node.attrs[v.attr].value
	}
	s := v.node.value()
	// Each function of the path may go through all of it, and looks at no budget.
	v.step(1 + len(s)/64*v.walk.functions)
	return s
}

func (v *xmlNavigator) Copy() xpath.NodeNavigator {
	v.step(1)
	n := *v
	return &n
}

func (v *xmlNavigator) MoveToRoot() {
	v.step(1)
	v.attr = -1
	for v.node.parent != nil {
		v.node = v.node.parent
	}
}

func (v *xmlNavigator) MoveToParent() bool {
	v.step(1)
	if v.attr >= 0 {
		v.attr = -1
		return true
	}
	if v.node.parent == nil {
		return false
	}
	v.node = v.node.parent
	return true
}

func (v *xmlNavigator) MoveToNextAttribute() bool {
	v.step(1)
	for i := v.attr + 1; i < len(v.node.attrs); i++ {
		if a := v.node.attrs[i]; a.prefix != "xmlns" && (a.prefix != "" || a.name != "xmlns") {
			v.attr = i
			return true
		}
	}
	return false
}

func (v *xmlNavigator) MoveToChild() bool {
	v.step(1)
	return v.attr < 0 && v.visible(v.node.children, 0, 1)
}

// visible moves to the first node from index i on, in direction d, that XPath
// can see.
func (v *xmlNavigator) visible(nodes []*xmlNode, i, d int) bool {
	for ; i >= 0 && i < len(nodes); i += d {
		if nodes[i].kind != xmlInstruction {
			v.node = nodes[i]
			return true
		}
	}
	return false
}

func (v *xmlNavigator) siblings() []*xmlNode {
	v.step(1)
	if v.attr >= 0 || v.node.parent == nil {
		return nil
	}
	return v.node.parent.children
}

func (v *xmlNavigator) MoveToFirst() bool {
	nodes := v.siblings()
	return nodes != nil && v.visible(nodes, 0, 1)
}

func (v *xmlNavigator) MoveToNext() bool {
	return v.visible(v.siblings(), v.node.index+1, 1)
}

func (v *xmlNavigator) MoveToPrevious() bool {
	return v.visible(v.siblings(), v.node.index-1, -1)
}

func (v *xmlNavigator) MoveTo(other xpath.NodeNavigator) bool {
	n, ok := other.(*xmlNavigator)
	if !ok {
		return false
	}
	v.step(1)
	v.node, v.attr = n.node, n.attr
	return true
}

// String is what the xpath package prints for a node.
func (v *xmlNavigator) String() string { return strings.TrimSpace(v.Value()) }
