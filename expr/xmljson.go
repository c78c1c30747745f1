package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"switchyard/value"
)

// The conversion between XML and JSON that .NET's common JSON library defines
// [EXPR 8], and the functions xml and json that use it.

const xmlType = "application/xml;charset=utf-8"

// isXMLType reports whether content of the type is what the function xpath takes.
func isXMLType(mediaType string) bool {
	t, _, _ := strings.Cut(mediaType, ";")
	return strings.EqualFold(strings.TrimSpace(t), "application/xml")
}

// declarationAttributes are those of an XML declaration, in their order.
var declarationAttributes = [...]string{"version", "encoding", "standalone"}

// jsonNamespace is that of the attribute Array="true", which makes an element an array
// even if it is alone.
const jsonNamespace = "http://james.newtonking.com/projects/json"

// fnXML checks XML text and writes it anew, or writes an object with one root member as
// XML. Content only gets another type.
func fnXML(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case string:
		root, err := c.parseXML(v)
		if err != nil {
			return nil, err
		}
		text, err := c.ev.document(root)
		if err != nil {
			return nil, err
		}
		return c.binary(xmlType, []byte(text))
	case *value.Object:
		if err := c.ev.spend(contentSteps(v)); err != nil {
			return nil, err
		}
		if content, ok := value.ContentOf(v); ok {
			return c.binary(xmlType, content.Data)
		}
		text, err := c.ev.jsonToXML(v)
		if err != nil {
			return nil, err
		}
		if text != "" {
			if _, err := c.parseXML(text); err != nil {
				return nil, err
			}
		}
		return c.binary(xmlType, []byte(text))
	}
	return nil, c.wrong(0, "a string or an object")
}

// xmlToJSON converts a document.
func (ev *evaluation) xmlToJSON(root *xmlNode) (value.Value, error) {
	o := &value.Object{}
	for _, n := range root.children {
		switch n.kind {
		case xmlElement:
			v, err := ev.elementToJSON(n, root.arrays)
			if err != nil {
				return nil, err
			}
			if root.arrays && n.isArray() {
				v = value.Array{v}
			}
			o.Set(decodeXMLName(n.qualified()), v)
		case xmlInstruction:
			o.Set("?"+n.name, instructionToJSON(n))
		}
	}
	return o, nil
}

func instructionToJSON(n *xmlNode) value.Value {
	if n.name != "xml" {
		return n.text
	}
	o := &value.Object{}
	for _, name := range declarationAttributes {
		if v, ok := pseudoAttribute(n.text, name); ok {
			o.Set("@"+name, v)
		}
	}
	return o
}

// pseudoAttribute reads name="value" from an XML declaration.
func pseudoAttribute(text, name string) (string, bool) {
	_, rest, ok := strings.Cut(text, name)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t\r\n"), "=")
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", false
	}
	val, _, ok := strings.Cut(rest[1:], rest[:1])
	return val, ok
}

// elementSteps is what an element or attribute takes to become a member.
const elementSteps = 40

// isArray reports whether n has the attribute that makes it an array.
func (n *xmlNode) isArray() bool {
	for _, a := range n.attrs {
		if a.name == "Array" && a.value == "true" && n.isJSONAttribute(a) {
			return true
		}
	}
	return false
}

// isJSONAttribute reports whether a is for the conversion only: in, or the declaration of,
// its namespace.
func (n *xmlNode) isJSONAttribute(a xmlAttr) bool {
	if a.prefix == "xmlns" {
		return a.value == jsonNamespace
	}
	uri, _ := n.namespace(a.prefix)
	return a.prefix != "" && uri == jsonNamespace
}

// elementToJSON converts an element. With arrays, some may say that they are arrays.
func (ev *evaluation) elementToJSON(n *xmlNode, arrays bool) (value.Value, error) {
	attrs := n.attrs
	if arrays {
		if err := ev.spend(n.declaring * (1 + len(n.attrs))); err != nil {
			return nil, err
		}
		attrs = slices.DeleteFunc(slices.Clone(attrs), n.isJSONAttribute)
	}
	if err := ev.spend(elementSteps * (1 + len(attrs))); err != nil {
		return nil, err
	}
	content := n.children[:len(n.children):len(n.children)]
	switch {
	case len(n.attrs) == 0 && len(content) == 0 && n.selfClosed:
		return nil, nil
	case len(n.attrs) == 0 && len(content) == 0:
		return "", nil
	case len(attrs) == 0 && len(content) == 1 && content[0].kind == xmlText:
		return content[0].text, nil
	}
	o := &value.Object{}
	for _, a := range attrs {
		o.Set("@"+decodeXMLName(qualifiedName(a.prefix, a.name)), a.value)
	}
	// What has the same name goes into one array, in the place of the first.
	groups := map[string]value.Array{}
	for _, c := range content {
		name, v := "", value.Value(nil)
		switch c.kind {
		case xmlElement:
			var err error
			if v, err = ev.elementToJSON(c, arrays); err != nil {
				return nil, err
			}
			name = decodeXMLName(c.qualified())
		case xmlText:
			name, v = "#text", c.text
		case xmlCDATA:
			name, v = "#cdata-section", c.text
		case xmlInstruction:
			name, v = "?"+c.name, c.text
		default:
			continue
		}
		group := append(groups[name], v)
		groups[name] = group
		if len(group) == 1 && !(arrays && c.isArray()) {
			o.Set(name, v)
		} else {
			o.Set(name, group)
		}
	}
	return o, nil
}

// jsonToXML writes an object as a document: one root member, with the XML declaration and
// instructions before it. No member makes no document.
func (ev *evaluation) jsonToXML(o *value.Object) (string, error) {
	w := jsonXMLWriter{xmlWriter{ev: ev}}
	roots := 0
	for _, m := range o.Members() {
		switch {
		case m.Name == "?xml":
			w.xmlDeclaration(m.Value)
			continue
		case strings.HasPrefix(m.Name, "?"):
			w.member(m)
			continue
		}
		if m.Name == "" || m.Name[0] == '@' || m.Name == "#text" || m.Name == "#cdata-section" {
			return "", errorf("The function 'xml' cannot make an element of the root property '%s'.", m.Name)
		}
		a, isArray := m.Value.(value.Array)
		if roots++; roots > 1 || len(a) > 1 {
			return "", errorf(
				"The function 'xml' expects its parameter to be an object with exactly one root property that is " +
					"not an array of several.")
		}
		if !isArray || len(a) == 1 {
			w.element(m.Name, m.Value)
		}
	}
	return w.b.String(), w.err
}

type jsonXMLWriter struct{ xmlWriter }

func (w *jsonXMLWriter) xmlDeclaration(v value.Value) {
	o, ok := v.(*value.Object)
	if !ok {
		return
	}
	w.b.WriteString("<?xml")
	for _, name := range declarationAttributes {
		if a, ok := o.Get("@" + name); ok {
			w.attribute(name, a)
		}
	}
	w.b.WriteString("?>")
}

func (w *jsonXMLWriter) attribute(name string, v value.Value) {
	w.b.WriteString(" " + name + `="`)
	w.escape(xmlScalar(v), true)
	w.b.WriteString(`"`)
}

// element writes a member; an array becomes elements of the same name, an array within
// it an element of them.
func (w *jsonXMLWriter) element(name string, v value.Value) {
	if !w.spend(elementSteps + len(name)) {
		return
	}
	if w.b.Len() > MaxText {
		w.err = errTooLong("the function 'xml'")
		return
	}
	mark := len(w.scope)
	o, _ := v.(*value.Object)
	w.declared(o)
	encoded := w.name(name)
	switch v := v.(type) {
	case value.Array:
		for _, e := range v {
			if nested, ok := e.(value.Array); ok && len(nested) > 0 {
				w.b.WriteString("<" + encoded + ">")
				w.element(name, nested)
				w.b.WriteString("</" + encoded + ">")
				continue
			}
			w.element(name, e)
		}
	case nil:
		w.b.WriteString("<" + encoded + " />")
	case *value.Object:
		w.object(encoded, v)
	default:
		w.b.WriteString("<" + encoded + ">")
		w.escape(xmlScalar(v), false)
		w.b.WriteString("</" + encoded + ">")
	}
	w.scope = w.scope[:mark]
}

// declared notes the prefixes that the attributes of o declare.
func (w *jsonXMLWriter) declared(o *value.Object) {
	for _, m := range o.Members() {
		if prefix, ok := strings.CutPrefix(m.Name, "@xmlns:"); ok {
			w.scope = append(w.scope, xmlAttr{"xmlns", prefix, xmlScalar(m.Value)})
		}
	}
}

// name returns what is written for the name of a member: without its prefix, if no
// element around declares that.
func (w *jsonXMLWriter) name(name string) string {
	encoded := encodeXMLName(name)
	prefix, local, ok := strings.Cut(encoded, ":")
	if !ok || prefix == "xml" || prefix == "xmlns" || !w.spend(len(w.scope)) {
		return encoded
	}
	for _, a := range w.scope {
		if a.name == prefix {
			return encoded
		}
	}
	return local
}

func (w *jsonXMLWriter) object(name string, o *value.Object) {
	w.b.WriteString("<" + name)
	inner := 0
	for _, m := range o.Members() {
		attribute, ok := strings.CutPrefix(m.Name, "@")
		switch {
		case m.Name == "":
			w.fail(errorf("The function 'xml' cannot make an element of a property without a name."))
		case !ok:
			if !isEmptyArray(m.Value) {
				inner++
			}
		case attribute == "" || !isScalar(m.Value):
			w.fail(errorf("The function 'xml' expects the property '%s' to have a name and the value of an attribute.", m.Name))
		default:
			w.attribute(w.name(attribute), m.Value)
		}
	}
	if inner == 0 {
		w.b.WriteString(" />")
		return
	}
	w.b.WriteString(">")
	for _, m := range o.Members() {
		w.member(m)
	}
	w.b.WriteString("</" + name + ">")
}

func (w *jsonXMLWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// member writes what an element holds; attributes are written already.
func (w *jsonXMLWriter) member(m value.Member) {
	special := func(write func(string)) {
		a, ok := m.Value.(value.Array)
		if !ok {
			a = value.Array{m.Value}
		}
		for _, v := range a {
			write(xmlScalar(v))
		}
	}
	switch {
	case m.Name == "#text":
		special(func(s string) { w.escape(s, false) })
	case m.Name == "#cdata-section":
		special(func(s string) { w.node(&xmlNode{kind: xmlCDATA, text: s}) })
	case strings.HasPrefix(m.Name, "?"):
		special(func(s string) {
			w.node(&xmlNode{kind: xmlInstruction, name: m.Name[1:], text: s})
		})
	case strings.HasPrefix(m.Name, "@"):
	default:
		w.element(m.Name, m.Value)
	}
}

func isEmptyArray(v value.Value) bool {
	a, ok := v.(value.Array)
	return ok && len(a) == 0
}

func isScalar(v value.Value) bool {
	switch v.(type) {
	case value.Array, *value.Object:
		return false
	}
	return true
}

// xmlScalar is the text of a value inside XML: as [EXPR 2.5], but with the
// booleans of XML.
func xmlScalar(v value.Value) string {
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	return value.Text(v)
}

// encodeXMLName escapes the characters of a member name that an XML name cannot
// have as _xHHHH_, as .NET does. One colon, between prefix and name, stays.
func encodeXMLName(name string) string {
	var b strings.Builder
	colon := false
	for i, r := range name {
		start := i == 0 || strings.HasSuffix(name[:i], ":")
		switch {
		case r == ':' && i > 0 && i < len(name)-1 && !colon:
			colon = true
			b.WriteByte(':')
		case isXMLNameRune(r, start) && !(r == '_' && isXMLEscape(name[i:])):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, "_x%08X_", r)
		default:
			fmt.Fprintf(&b, "_x%04X_", r)
		}
	}
	return b.String()
}

func isXMLNameRune(r rune, start bool) bool {
	switch {
	case r == utf8.RuneError:
		return false
	case isNameStart(r) && r != '$':
		return true
	case start || r == '$':
		return false
	}
	return isNamePart(r) || r == '-' || r == '.' || r == '·'
}

// isXMLEscape reports whether s begins with _xHHHH_.
func isXMLEscape(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	for _, c := range []byte(s[2:6]) {
		if unhex(c) < 0 {
			return false
		}
	}
	return true
}

func decodeXMLName(name string) string {
	if !strings.Contains(name, "_x") {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		if name[i] == '_' && isXMLEscape(name[i:]) {
			r, _ := strconv.ParseUint(name[i+2:i+6], 16, 16)
			b.WriteRune(rune(r))
			i += 7
			continue
		}
		b.WriteByte(name[i])
		i++
	}
	return b.String()
}
