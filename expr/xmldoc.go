package expr

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// The XML document model behind xml, xpath and json: small, with limits, and
// keeping the prefixes and the order that the JSON conversion needs.

type xmlKind uint8

const (
	xmlRoot xmlKind = iota
	xmlElement
	xmlText
	xmlCDATA
	xmlComment
	xmlInstruction
)

// An xmlNode is a node of a document. Name is the target of an instruction,
// "xml" for the declaration.
type xmlNode struct {
	kind       xmlKind
	prefix     string
	name       string
	text       string
	attrs      []xmlAttr
	parent     *xmlNode
	children   []*xmlNode
	index      int  // position among the parent's children
	declaring  int  // attributes on it and around it
	order      int  // in the document
	selfClosed bool // written as <a/>
	preserve   bool // white space: xml:space="preserve"
	// Of a document: whether some element declares a default namespace, or the one
	// of [jsonNamespace].
	defaults, arrays bool
}

type xmlAttr struct{ prefix, name, value string }

const (
	xmlNamespace = "http://www.w3.org/XML/1998/namespace"
	maxXMLDepth  = 100
	xmlNodeCost  = 200
)

func (n *xmlNode) qualified() string { return qualifiedName(n.prefix, n.name) }

func qualifiedName(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + ":" + name
}

// declaration returns the namespace that a itself declares for a prefix.
func (a xmlAttr) declares(prefix string) bool {
	if prefix == "" {
		return a.prefix == "" && a.name == "xmlns"
	}
	return a.prefix == "xmlns" && a.name == prefix
}

// namespace returns what a prefix means at n.
func (n *xmlNode) namespace(prefix string) (string, bool) {
	if prefix == "xml" {
		return xmlNamespace, true
	}
	for e := n; e != nil; e = e.parent {
		for _, a := range e.attrs {
			if a.declares(prefix) {
				return a.value, true
			}
		}
	}
	return "", prefix == ""
}

func (n *xmlNode) add(child *xmlNode) {
	child.parent, child.index = n, len(n.children)
	n.children = append(n.children, child)
}

// value returns the string value of n as XPath defines it.
func (n *xmlNode) value() string {
	switch n.kind {
	case xmlRoot, xmlElement:
		var b strings.Builder
		n.appendText(&b)
		return b.String()
	}
	return n.text
}

func (n *xmlNode) appendText(b *strings.Builder) {
	for _, c := range n.children {
		switch c.kind {
		case xmlElement:
			c.appendText(b)
		case xmlText, xmlCDATA:
			b.WriteString(c.text)
		}
	}
}

// parseXML parses a well-formed document with one root element. Text of nothing but
// white space is dropped; document type declarations are refused.
func (c *call) parseXML(text string) (*xmlNode, error) {
	if err := c.ev.charge(len(text)); err != nil {
		return nil, err
	}
	root, err := c.ev.readXML(text)
	if err != nil {
		if e, ok := err.(*Error); ok {
			return nil, e
		}
		return nil, errorf(
			"The function '%s' parameter is not valid. The provided value cannot be parsed as XML: %s.", c.name, err)
	}
	return root, nil
}

// An xmlSource reads text and takes steps for it.
type xmlSource struct {
	ev   *evaluation
	rest string
}

// xmlSteps is what one byte of XML takes to be read.
const xmlSteps = 4

func (r *xmlSource) Read(p []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, r.ev.spend(xmlSteps * n)
}

func (ev *evaluation) readXML(text string) (*xmlNode, error) {
	d := xml.NewDecoder(&xmlSource{ev, text})
	// The text is decoded already, whatever encoding it declares.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := &xmlNode{kind: xmlRoot}
	at, depth, order := root, 0, 0
	for {
		before := d.InputOffset()
		tok, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := ev.charge(xmlNodeCost); err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return nil, errors.New("elements nest too deeply")
			}
			e := &xmlNode{kind: xmlElement, prefix: t.Name.Space, name: t.Name.Local, preserve: at.preserve}
			for _, a := range t.Attr {
				e.attrs = append(e.attrs, xmlAttr{a.Name.Space, a.Name.Local, a.Value})
				root.note(e, e.attrs[len(e.attrs)-1])
			}
			if err := ev.charge(len(t.Attr) * xmlNodeCost); err != nil {
				return nil, err
			}
			at.add(e)
			e.declaring = at.declaring + len(e.attrs)
			if err := e.check(ev); err != nil {
				return nil, err
			}
			at = e
		case xml.EndElement:
			if at == root || at.prefix != t.Name.Space || at.name != t.Name.Local {
				return nil, errors.New("the end tag " + qualifiedName(t.Name.Space, t.Name.Local) + " has no start tag")
			}
			at.selfClosed = before == d.InputOffset()
			at, depth = at.parent, depth-1
		case xml.CharData:
			// The decoder does not tell a CDATA section from text; the source does.
			cdata := strings.HasPrefix(text[before:], "<![CDATA[")
			if err := at.addText(string(t), cdata); err != nil {
				return nil, err
			}
		case xml.Comment:
			at.add(&xmlNode{kind: xmlComment, text: string(t)})
		case xml.ProcInst:
			if strings.EqualFold(t.Target, "xml") && (t.Target != "xml" || before != 0) {
				return nil, errors.New("the XML declaration is not at the beginning")
			}
			at.add(&xmlNode{kind: xmlInstruction, name: t.Target, text: string(t.Inst)})
		case xml.Directive:
			return nil, errors.New("document type declarations are not supported")
		}
		if n := len(at.children); n > 0 && at.children[n-1].order == 0 {
			order++
			at.children[n-1].order = order
		} else if at.order == 0 && at != root {
			order++
			at.order = order
		}
	}
	if at != root {
		return nil, errors.New("the element " + at.qualified() + " has no end tag")
	}
	if root.element() == nil {
		return nil, errors.New("there is no root element")
	}
	return root, nil
}

// mergeText makes one text of CDATA sections and the text beside them, which XPath does not
// tell apart.
func (n *xmlNode) mergeText() {
	kept := n.children[:0]
	for i := 0; i < len(n.children); {
		c := n.children[i]
		end := i + 1
		if c.isText() {
			for end < len(n.children) && n.children[end].isText() {
				end++
			}
			var b strings.Builder
			for _, piece := range n.children[i:end] {
				b.WriteString(piece.text)
			}
			c.kind, c.text = xmlText, b.String()
		}
		c.mergeText()
		c.index = len(kept)
		kept = append(kept, c)
		i = end
	}
	n.children = kept
}

func (n *xmlNode) isText() bool { return n.kind == xmlText || n.kind == xmlCDATA }

// note remembers what an attribute of the element e tells.
func (n *xmlNode) note(e *xmlNode, a xmlAttr) {
	switch {
	case a.prefix == "xml" && a.name == "space":
		e.preserve = a.value == "preserve"
	case a.declares(""):
		n.defaults = true
	case a.prefix == "xmlns" && a.value == jsonNamespace:
		n.arrays = true
	}
}

func (n *xmlNode) addText(text string, cdata bool) error {
	switch {
	case cdata && n.kind == xmlElement:
		n.add(&xmlNode{kind: xmlCDATA, text: text})
	case strings.Trim(text, " \t\r\n\ufeff") == "" && !n.preserve:
	case n.kind == xmlRoot:
		return errors.New("there is text outside the root element")
	default:
		n.add(&xmlNode{kind: xmlText, text: text})
	}
	return nil
}

// element returns the root element of a document.
func (n *xmlNode) element() *xmlNode {
	for _, c := range n.children {
		if c.kind == xmlElement {
			return c
		}
	}
	return nil
}

// check refuses what the decoder lets through: a second root, repeated
// attributes and prefixes that are not declared.
func (n *xmlNode) check(ev *evaluation) error {
	if n.parent.kind == xmlRoot && n.parent.element() != n {
		return errors.New("there is more than one root element")
	}
	if _, ok := n.namespace(n.prefix); !ok {
		return errors.New("the prefix " + n.prefix + " is not declared")
	}
	seen := make(map[string]bool, len(n.attrs))
	for _, a := range n.attrs {
		name := qualifiedName(a.prefix, a.name)
		if seen[name] {
			return errors.New("the attribute " + name + " occurs twice")
		}
		seen[name] = true
		if a.prefix == "" || a.prefix == "xmlns" {
			continue
		}
		if err := ev.spend(n.declaring); err != nil { // namespace may look at them all
			return err
		}
		if _, ok := n.namespace(a.prefix); !ok {
			return errors.New("the prefix " + a.prefix + " is not declared")
		}
	}
	return nil
}

// An xmlWriter writes nodes as .NET's OuterXml does.
type xmlWriter struct {
	ev    *evaluation
	b     strings.Builder
	scope []xmlAttr // namespaces declared around the current node, in the output
	err   error     // the first of the budget's
	// What is not beside text stands in a line of its own: with indent, at the
	// depth level, unless mixed.
	indent, mixed bool
	level         int
}

// outer returns the text of n alone, as .NET's OuterXml of a navigator has it: without the
// XML declaration, indented; a namespace that n inherits and uses is declared on it.
func (ev *evaluation) outer(n *xmlNode) (string, error) {
	w := xmlWriter{ev: ev, indent: true}
	w.node(n)
	return w.b.String(), w.err
}

// document returns the text of a document, without white space that means nothing.
func (ev *evaluation) document(root *xmlNode) (string, error) {
	w := xmlWriter{ev: ev}
	w.node(root)
	return w.b.String(), w.err
}

// line begins a line. The white space is bounded by how deeply XML nests and by what the
// budget takes for each node.
func (w *xmlWriter) line() {
	if w.indent && !w.mixed && w.b.Len() > 0 {
		w.b.WriteString("\n" + strings.Repeat("  ", w.level))
	}
}

// spend takes steps and reports whether to go on.
func (w *xmlWriter) spend(n int) bool {
	if w.err == nil {
		w.err = w.ev.spend(n)
	}
	return w.err == nil
}

func (w *xmlWriter) escape(s string, attribute bool) {
	if w.err == nil {
		w.err = w.ev.escapeXML(&w.b, s, attribute)
	}
}

func (w *xmlWriter) node(n *xmlNode) {
	if !w.spend(keySteps + len(n.text)/bytesPerStep) {
		return
	}
	switch n.kind {
	case xmlRoot:
		for _, c := range n.children {
			w.node(c)
		}
	case xmlElement:
		w.line()
		w.element(n)
	case xmlText:
		w.mixed = true
		w.escape(n.text, false)
	case xmlCDATA:
		w.mixed = true
		w.b.WriteString("<![CDATA[" + strings.ReplaceAll(n.text, "]]>", "]]]]><![CDATA[>") + "]]>")
	case xmlComment:
		w.line()
		w.b.WriteString("<!--" + n.text + "-->")
	case xmlInstruction:
		if n.name == "xml" {
			w.declaration(n.text)
			break
		}
		w.line()
		w.b.WriteString("<?" + n.name)
		if n.text != "" {
			w.b.WriteString(" " + n.text)
		}
		w.b.WriteString("?>")
	}
}

func (w *xmlWriter) element(n *xmlNode) {
	mark := len(w.scope)
	name := n.qualified()
	w.b.WriteString("<" + name)
	for _, a := range n.attrs {
		w.attribute(a)
	}
	w.declare(n, n.prefix)
	for _, a := range n.attrs {
		if a.prefix != "" && a.prefix != "xmlns" && a.prefix != "xml" {
			w.declare(n, a.prefix)
		}
	}
	if len(n.children) == 0 && n.selfClosed {
		w.b.WriteString(" />")
	} else {
		w.b.WriteString(">")
		mixed := w.mixed
		w.level++
		for _, c := range n.children {
			w.node(c)
		}
		w.level--
		if len(n.children) > 0 {
			w.line()
		}
		w.mixed = mixed
		w.b.WriteString("</" + name + ">")
	}
	w.scope = w.scope[:mark]
}

// declaration writes an XML declaration anew, unless the text is a part of a document.
func (w *xmlWriter) declaration(text string) {
	if w.indent {
		return
	}
	w.b.WriteString("<?xml")
	for _, name := range declarationAttributes {
		if v, ok := pseudoAttribute(text, name); ok {
			w.attribute(xmlAttr{"", name, v})
		}
	}
	w.b.WriteString("?>")
}

func (w *xmlWriter) attribute(a xmlAttr) {
	w.b.WriteString(" " + qualifiedName(a.prefix, a.name) + `="`)
	w.escape(a.value, true)
	w.b.WriteString(`"`)
	if a.prefix == "xmlns" || a.prefix == "" && a.name == "xmlns" {
		w.scope = append(w.scope, a)
	}
}

// declare writes the declaration of a prefix that n uses, unless the output has
// it in scope.
func (w *xmlWriter) declare(n *xmlNode, prefix string) {
	if prefix == "xml" || !w.spend(n.declaring+len(w.scope)) {
		return
	}
	want, _ := n.namespace(prefix)
	have := ""
	for _, a := range w.scope {
		if a.declares(prefix) {
			have = a.value
		}
	}
	if have == want {
		return
	}
	if prefix == "" {
		w.attribute(xmlAttr{"", "xmlns", want})
	} else {
		w.attribute(xmlAttr{"xmlns", prefix, want})
	}
}

var (
	xmlTextEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	xmlAttrEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", "&#xA;", "\r", "&#xD;")
)

func (ev *evaluation) escapeXML(b *strings.Builder, s string, attribute bool) error {
	escapes := xmlTextEscapes
	if attribute {
		escapes = xmlAttrEscapes
	}
	return ev.blocks(s, 4, func(part string) bool {
		_, _ = escapes.WriteString(b, part)
		return true
	})
}
