package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// traceValue is how many bytes of a value's JSON text a trace as JSON has: what has more
// is cut.
const traceValue = 4096

// traceDepth is how deep the lines of a trace are indented. Deeper ones begin with how
// deep they are.
const traceDepth = 16

// A trace is the answer to one question with what its parts came to, as both may be
// shown.
type trace struct {
	mask  run.Masker
	value value.Value
	parts []*expr.Traced
	err   error
}

func traceOf(q question) trace {
	t := trace{mask: run.Masker{}.With(secretsIn(nil, q.given))}
	t.value, t.parts, t.err = q.context.Trace(q.expr)
	return t
}

// secretsIn appends the texts of the SecureString objects in a value.
func secretsIn(found []string, v value.Value) []string {
	switch v := v.(type) {
	case value.Array:
		for _, x := range v {
			found = secretsIn(found, x)
		}
	case *value.Object:
		if text, ok := pipeline.SecureString(v); ok {
			return append(found, text)
		}
		for _, m := range v.Members() {
			found = secretsIn(found, m.Value)
		}
	}
	return found
}

// tellTraceJSON answers a line with a line.
func tellTraceJSON(out io.Writer, q question, bad *value.Object) {
	if bad != nil {
		tellLine(out, bad)
		return
	}
	t := traceOf(q)
	answer := t.errorJSON(t.err)
	if t.err == nil {
		answer = value.NewObject(value.Member{Name: "value", Value: t.mask.Value(t.value)})
	}
	answer.Set("trace", t.json(t.parts))
	tellLine(out, answer)
}

func (t trace) errorJSON(err error) *value.Object {
	if err == nil {
		return &value.Object{}
	}
	return evalErrorAt(err, t.mask.Text(err.Error()))
}

// json is parts as an array.
func (t trace) json(parts []*expr.Traced) value.Array {
	list := value.Array{}
	for _, p := range parts {
		o := value.NewObject(value.Member{Name: "text", Value: t.mask.Text(p.Text)},
			value.Member{Name: "offset", Value: int64(p.Offset)}, value.Member{Name: "evaluated", Value: p.Evaluated})
		switch {
		case p.Err != nil:
			e, _ := t.errorJSON(p.Err).Get("error")
			o.Set("error", e)
		case p.Evaluated:
			v := t.mask.Value(p.Value)
			if text, whole := begins(v, traceValue); whole {
				o.Set("value", v)
			} else {
				o.Set("valueBegins", text)
				o.Set("valueIs", sizeOf(v))
			}
		}
		if len(p.Parts) > 0 {
			o.Set("parts", t.json(p.Parts))
		}
		list = append(list, o)
	}
	return list
}

// tellTrace answers a line with a tree and, if that does not end in it, the answer.
// Traces stand apart by an empty line.
func tellTrace(out io.Writer, q question, bad *value.Object, columns int) {
	var b strings.Builder
	if bad != nil {
		e := member(bad, "error")
		writeTraceError(&b, "", str(e, "code")+": "+str(e, "message"), columns)
	} else {
		t := traceOf(q)
		for _, p := range t.parts {
			t.write(&b, p, 0, columns)
		}
		switch said := len(t.parts) > 0 && t.err == t.parts[len(t.parts)-1].Err; {
		case t.err != nil && !said:
			writeTraceError(&b, "", t.mask.Text(t.err.Error()), columns)
			if text := excerptOf(q.expr, t.err); t.mask.Text(text) == text {
				b.WriteString(text)
			}
		case t.err == nil && (len(t.parts) != 1 || !isText(q.expr)):
			fmt.Fprintf(&b, "= %s\n", shortJSON(t.mask.Value(t.value), columns-len("= ")))
		}
	}
	_, _ = io.WriteString(out, b.String()+"\n")
}

// isText reports whether a value is one string with expressions, so that its trace ends
// in the answer.
func isText(v value.Value) bool {
	_, object := expr.ExpressionText(v)
	_, text := v.(string)
	return object || text
}

// write writes a part and those in it.
func (t trace) write(b *strings.Builder, p *expr.Traced, depth, columns int) {
	indent := strings.Repeat("  ", min(depth, traceDepth))
	if depth > traceDepth {
		indent += fmt.Sprintf("(%d) ", depth)
	}
	room := columns - len(indent)
	text := oneLine(t.mask.Text(p.Text))
	switch came := t.mask.Value(p.Value); {
	case !p.Evaluated:
		writeCut(b, indent, text, "  (not evaluated)", room)
	case p.Err != nil && slices.ContainsFunc(p.Parts, func(x *expr.Traced) bool { return x.Err != nil }):
		writeCut(b, indent, text, "  (fails)", room)
	case p.Err != nil:
		writeCut(b, indent, text, "", room)
		writeTraceError(b, indent+"  ", t.mask.Text(p.Err.Error()), columns)
	default:
		if behind := " = " + shortJSON(came, room); displayWidth(text)+displayWidth(behind) <= room {
			writeCut(b, indent, text, behind, room)
			break
		}
		writeCut(b, indent, text, "", room)
		fmt.Fprintf(b, "%s  = %s\n", indent, shortJSON(came, room-len("  = ")))
	}
	for _, x := range p.Parts {
		t.write(b, x, depth+1, columns)
	}
}

// writeCut writes a text that is cut, and what stands behind it.
func writeCut(b *strings.Builder, indent, text, behind string, room int) {
	fmt.Fprintf(b, "%s%s%s\n", indent, shorten(text, max(room-len(behind), 1)), behind)
}

func writeTraceError(b *strings.Builder, indent, message string, columns int) {
	b.WriteString(wrapped(printable("error: "+message), indent, columns))
}

// oneLine makes one line of an expression that is written on several.
func oneLine(text string) string {
	var words []string
	for part := range strings.Lines(text) {
		words = append(words, strings.TrimSpace(part))
	}
	return printable(strings.Join(words, " "))
}

// shortJSON is a value as JSON in one line, cut to so many columns with a note of its size.
func shortJSON(v value.Value, columns int) string {
	text, whole := begins(v, 4*columns) // a character takes at most four bytes
	text = printable(text)
	if whole && displayWidth(text) <= columns {
		return text
	}
	note := " (" + sizeOf(v) + ")"
	return shorten(text, max(columns-len(note), 1)) + note
}

// sizeOf says what a value is that is too long to show.
func sizeOf(v value.Value) string {
	switch v := v.(type) {
	case string:
		return "text of " + plural(utf8.RuneCountInString(v), "character")
	case value.Array:
		return "array of " + plural(len(v), "item")
	case *value.Object:
		return "object of " + plural(v.Len(), "member")
	}
	return value.TypeName(v)
}

// begins is the beginning of a value's JSON text, of some more than n bytes if it has
// more, and whether that is all of it. It looks at no more of the value.
func begins(v value.Value, n int) (text string, whole bool) {
	b, whole := appendBeginning(nil, v, n)
	return string(b), whole
}

func appendBeginning(b []byte, v value.Value, n int) ([]byte, bool) {
	whole := true
	switch v := v.(type) {
	case string:
		if left := n - len(b); len(v) > left {
			return value.AppendString(b, strings.ToValidUTF8(v[:max(left, 0)], "")), false
		}
		b = value.AppendString(b, v)
	case value.Array:
		b = append(b, '[')
		for i, x := range v {
			if len(b) > n {
				return b, false
			}
			if i > 0 {
				b = append(b, ',')
			}
			if b, whole = appendBeginning(b, x, n); !whole {
				return b, false
			}
		}
		b = append(b, ']')
	case *value.Object:
		b = append(b, '{')
		for i, m := range v.Members() {
			if len(b) > n {
				return b, false
			}
			if i > 0 {
				b = append(b, ',')
			}
			if b, whole = appendBeginning(b, m.Name, n); !whole {
				return b, false
			}
			if b, whole = appendBeginning(append(b, ':'), m.Value, n); !whole {
				return b, false
			}
		}
		b = append(b, '}')
	default:
		b = value.Append(b, v)
	}
	return b, len(b) <= n
}
