package expr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"switchyard/value"
)

// The conversion between XML and JSON that .NET's common JSON library defines
// [EXPR 8], and the functions xml and json that use it.

const xmlType = "application/xml;charset=utf-8"

// fnXML checks XML text, or writes an object with one root member as XML.
func fnXML(c *call) (value.Value, error) {
	text := ""
	switch v := c.args[0].(type) {
	case string:
		text = v
	case *value.Object:
		if content, ok := value.ContentOf(v); ok {
			text = content.Text()
			break
		}
		var err error
		if text, err = c.ev.jsonToXML(v); err != nil {
			return nil, err
		}
	default:
		return nil, c.wrong(0, "a string or an object")
	}
	if _, err := c.parseXML(text); err != nil {
		return nil, err
	}
	return c.binary(xmlType, []byte(text))
}

// xmlToJSON converts a document.
func (ev *evaluation) xmlToJSON(root *xmlNode) (value.Value, error) {
	o := &value.Object{}
	for _, n := range root.children {
		switch n.kind {
		case xmlElement:
			v, err := ev.elementToJSON(n)
			if err != nil {
				return nil, err
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
	for _, name := range []string{"version", "encoding", "standalone"} {
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

func (ev *evaluation) elementToJSON(n *xmlNode) (value.Value, error) {
	if err := ev.spend(elementSteps * (1 + len(n.attrs))); err != nil {
		return nil, err
	}
	content := n.children[:len(n.children):len(n.children)]
	if len(n.attrs) == 0 {
		if len(content) == 0 {
			return nil, nil
		}
		if len(content) == 1 && content[0].kind == xmlText {
			return content[0].text, nil
		}
	}
	o := &value.Object{}
	for _, a := range n.attrs {
		o.Set("@"+decodeXMLName(qualifiedName(a.prefix, a.name)), a.value)
	}
	// What has the same name goes into one array, in the place of the first.
	groups := map[string]value.Array{}
	for _, c := range content {
		name, v := "", value.Value(nil)
		switch c.kind {
		case xmlElement:
			var err error
			if v, err = ev.elementToJSON(c); err != nil {
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
		if len(group) == 1 {
			o.Set(name, v)
		} else {
			o.Set(name, group)
		}
	}
	if o.Len() == 0 { // comments only
		return nil, nil
	}
	return o, nil
}

// jsonToXML writes an object as a document: one root member and, if there is
// one, the XML declaration.
func (ev *evaluation) jsonToXML(o *value.Object) (string, error) {
	w := jsonXMLWriter{xmlWriter{ev: ev}}
	roots := 0
	for _, m := range o.Members() {
		switch {
		case m.Name == "?xml":
			w.declaration(m.Value)
			continue
		case strings.HasPrefix(m.Name, "?"), m.Name == "#comment":
			continue
		}
		if roots++; roots > 1 {
			break
		}
		if _, ok := m.Value.(value.Array); ok {
			return "", errorf("The function 'xml' expects the root property of its parameter not to be an array.")
		}
		w.element(m.Name, m.Value)
	}
	if roots != 1 {
		return "", errorf(
			"The function 'xml' expects its parameter to be an object with exactly one root property.")
	}
	return w.b.String(), w.err
}

type jsonXMLWriter struct{ xmlWriter }

func (w *jsonXMLWriter) declaration(v value.Value) {
	o, ok := v.(*value.Object)
	if !ok {
		return
	}
	w.b.WriteString("<?xml")
	for _, name := range []string{"version", "encoding", "standalone"} {
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

// element writes a member; an array becomes elements of the same name.
func (w *jsonXMLWriter) element(name string, v value.Value) {
	if !w.spend(elementSteps + len(name)) {
		return
	}
	if w.b.Len() > MaxText {
		w.err = errTooLong("the function 'xml'")
		return
	}
	encoded := encodeXMLName(name)
	switch v := v.(type) {
	case value.Array:
		for _, e := range v {
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
}

func (w *jsonXMLWriter) object(name string, o *value.Object) {
	w.b.WriteString("<" + name)
	inner := 0
	for _, m := range o.Members() {
		if strings.HasPrefix(m.Name, "@") && isScalar(m.Value) {
			w.attribute(encodeXMLName(m.Name[1:]), m.Value)
		} else {
			inner++
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
	case strings.HasPrefix(m.Name, "@") && isScalar(m.Value):
	default:
		w.element(m.Name, m.Value)
	}
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
	if b.Len() == 0 {
		return "_"
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
