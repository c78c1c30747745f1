package main

import (
	"strings"

	"switchyard/value"
)

// layoutJSON writes a JSON text for people: objects and arrays that fit into the
// columns stand on one line, others on a line for each member. Every line but the
// first begins with the indentation. What is no JSON is one line as it is. What would
// move the cursor of a terminal becomes a space.
func layoutJSON(text []byte, indent string, columns int) string {
	v, err := value.Parse(text)
	if err != nil {
		return printable(string(text))
	}
	var b strings.Builder
	writeJSON(&b, v, indent, len(indent), columns)
	return b.String()
}

// writeJSON writes a value behind what already takes some columns of its line.
func writeJSON(b *strings.Builder, v value.Value, indent string, taken, columns int) {
	open, end, parts := partsOf(v)
	if line := inline(v); len(parts) == 0 || taken+displayWidth(line)+len(",") <= columns {
		b.WriteString(line)
		return
	}
	inner := indent + "  "
	b.WriteString(open)
	for i, p := range parts {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + inner + p.label)
		writeJSON(b, p.value, inner, len(inner)+displayWidth(p.label), columns)
	}
	b.WriteString("\n" + indent + end)
}

// A part is a member of an object with its name, or an element of an array.
type part struct {
	label string
	value value.Value
}

func partsOf(v value.Value) (open, end string, parts []part) {
	switch v := v.(type) {
	case *value.Object:
		for _, m := range v.Members() {
			parts = append(parts, part{printable(string(value.AppendString(nil, m.Name))) + ": ", m.Value})
		}
		return "{", "}", parts
	case value.Array:
		for _, x := range v {
			parts = append(parts, part{"", x})
		}
		return "[", "]", parts
	}
	return "", "", nil
}

// inline is a value on one line.
func inline(v value.Value) string {
	open, end, parts := partsOf(v)
	if len(parts) == 0 {
		return printable(string(value.Append(nil, v)))
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.label + inline(p.value)
	}
	return open + strings.Join(words, ", ") + end
}
