package expr

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
	"strings"

	"github.com/antchfx/xpath"

	"switchyard/value"
)

// maxXPathSteps bounds the moves over the document that one path may take: a
// path of a few characters can visit every tuple of nodes.
const maxXPathSteps = 5_000_000

const maxXPathLength = 8192

// navigatorSteps is what one of these moves takes of the budget.
const navigatorSteps = 8

// errXPathSteps is thrown through the xpath package by a navigator.
var errXPathSteps = errors.New("the path takes too many steps")

// fnXPath evaluates an XPath 1.0 expression. Nodes are returned in an array, numbers as
// floats.
func fnXPath(c *call) (v value.Value, err error) {
	content, ok := value.ContentOf(c.args[0])
	if !ok || !isXMLType(content.MediaType) {
		return nil, c.wrong(0, "an XML object")
	}
	text := content.Text()
	path, ok := c.args[1].(string)
	if !ok {
		return nil, c.wrong(1, "a string")
	}
	if len(path) > maxXPathLength {
		return nil, errorf("The function 'xpath' expects its second parameter to have at most %d characters.",
			maxXPathLength)
	}
	shown := path
	if len(shown) > 256 {
		shown = strings.ToValidUTF8(shown[:256], "") + "…"
	}
	prefixed, err := checkXPath(path)
	if err != nil {
		return nil, errorf("The function 'xpath' cannot parse the path '%s': %v.", shown, err)
	}
	root, err := c.parseXML(text)
	if err != nil {
		return nil, err
	}
	if err := c.ev.charge(len(text)); err != nil { // texts that are put together
		return nil, err
	}
	root.mergeText()
	// The xpath package reports most mistakes in a path by panicking, some of
	// them only when it evaluates it.
	defer func() {
		p := recover()
		if e, ok := p.(*Error); ok {
			v, err = nil, e
		} else if p != nil {
			v, err = nil, errorf("The function 'xpath' cannot evaluate the path '%s': %v.", shown, p)
		}
	}()
	source := path
	if root.defaults { // else a name without a prefix can only be in no namespace
		source = prefixed
	}
	compiled, err := xpath.CompileWithNS(source, map[string]string{"xml": xmlNamespace, noNamespace: ""})
	if err != nil {
		return nil, errorf("The function 'xpath' cannot parse the path '%s': %v.", shown, err)
	}
	walk := &xpathWalk{ev: c.ev, left: maxXPathSteps, functions: 1 + strings.Count(path, "(")}
	switch r := compiled.Evaluate(&xmlNavigator{node: root, attr: -1, walk: walk}).(type) {
	case *xpath.NodeIterator:
		return c.nodes(r)
	case float64:
		return finite("xpath", r)
	case bool:
		return r, nil
	case string:
		return c.result(r)
	}
	return nil, errorf("The function 'xpath' cannot evaluate the path '%s'.", shown)
}

// nodes returns what a path found, in the order of the document.
func (c *call) nodes(it *xpath.NodeIterator) (value.Value, error) {
	var found []xmlNavigator
	for it.MoveNext() {
		nav := it.Current().(*xmlNavigator)
		if err := c.ev.spend(navigatorSteps); err != nil {
			return nil, err
		}
		found = append(found, *nav)
	}
	inDocument := func(a, b xmlNavigator) int {
		return cmp.Or(cmp.Compare(a.node.order, b.node.order), cmp.Compare(a.attr, b.attr))
	}
	if !slices.IsSortedFunc(found, inDocument) {
		if err := c.ev.spend(navigatorSteps * bits.Len(uint(len(found))) * len(found)); err != nil {
			return nil, err
		}
		slices.SortFunc(found, inDocument)
	}
	found = slices.CompactFunc(found, func(a, b xmlNavigator) bool { return a.node == b.node && a.attr == b.attr })
	out := value.Array{}
	for i := range found {
		v, err := found[i].result()
		if err != nil {
			return nil, err
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

// result is what the function returns for a node: an element as XML, an attribute as
// name="value", text as it is.
func (v *xmlNavigator) result() (value.Value, error) {
	switch {
	case v.attr >= 0:
		a := v.node.attrs[v.attr]
		return qualifiedName(a.prefix, a.name) + `="` + a.value + `"`, nil
	case v.node.kind == xmlComment:
		return nil, errorf("The function 'xpath' cannot return a comment.")
	case v.node.kind != xmlElement && v.node.kind != xmlRoot:
		return v.Value(), nil
	}
	ev := v.walk.ev
	outer, err := ev.outer(v.node)
	if err != nil {
		return nil, err
	}
	return value.NewContent(xmlType, []byte(outer)), ev.charge(len(outer))
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
