package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/expr"
	"switchyard/value"
)

// traced writes parts as lines, each deeper one indented further.
func traced(b *strings.Builder, parts []*expr.Traced, indent string) {
	for _, p := range parts {
		came := "not evaluated"
		switch {
		case p.Err != nil:
			came = "! " + p.Err.Error()
		case p.Evaluated:
			came = "= " + string(value.Append(nil, p.Value))
		}
		fmt.Fprintf(b, "%s%d %s %s\n", indent, p.Offset, p.Text, came)
		traced(b, p.Parts, indent+"  ")
	}
}

// TestTrace: each part with its text, its place and what it came to; what is lazy is
// told as not evaluated, and so is what stands behind a mistake.
func TestTrace(t *testing.T) {
	const context = `{"item":{"n":2,"list":["a","b"]},"parameters":{"p":"x","list":[5,6]},"activities":{"L":{"output":{"firstRow":{"id":7}}}}}`
	for _, c := range []struct{ in, want string }{
		{`"@add( item().n , 1 )"`, `
1 add( item().n , 1 ) = 3
  6 item().n = 2
`},
		{`"x-@{item().n}-@{ toUpper(pipeline().parameters.p) }"`, `
0 x-@{item().n}-@{ toUpper(pipeline().parameters.p) } = "x-2-X"
  4 item().n = 2
  17 toUpper(pipeline().parameters.p) = "X"
    25 pipeline().parameters.p = "x"
`},
		{`"@if(equals(item().n, 2), 'two', div(1, 0))"`, `
1 if(equals(item().n, 2), 'two', div(1, 0)) = "two"
  4 equals(item().n, 2) = true
    11 item().n = 2
  32 div(1, 0) not evaluated
`},
		{`"@or(and(bool(0), bool(1)), bool(1), item().no)"`, `
1 or(and(bool(0), bool(1)), bool(1), item().no) = true
  4 and(bool(0), bool(1)) = false
    8 bool(0) = false
    17 bool(1) not evaluated
  27 bool(1) = true
  36 item().no not evaluated
`},
		{`"@coalesce(item()?.no, item().n, item().list)"`, `
1 coalesce(item()?.no, item().n, item().list) = 2
  10 item()?.no = null
  22 item().n = 2
  32 item().list not evaluated
`},
		{`"@concat('a', string(div(1, sub(1, 1))), string(item().n))"`, `
1 concat('a', string(div(1, sub(1, 1))), string(item().n)) ! DIV
  13 string(div(1, sub(1, 1))) ! DIV
    20 div(1, sub(1, 1)) ! DIV
      27 sub(1, 1) = 0
  40 string(item().n) not evaluated
`},
		// A path is one part, unless it begins with a result or breaks off.
		{`"@first(item().list)"`, `
1 first(item().list) = "a"
  7 item().list = ["a","b"]
`},
		{`"@json('{\"a\":{\"b\":1}}').a.b"`, `
1 json('{"a":{"b":1}}').a.b = 1
  1 json('{"a":{"b":1}}') = {"a":{"b":1}}
`},
		{`"@activity('L').output.firstRow .name"`, `
1 activity('L').output.firstRow .name ! NAME
  1 activity('L').output.firstRow = {"id":7}
`},
		{`"@pipeline().parameters.list[sub(item().n, 1)]"`, `
1 pipeline().parameters.list[sub(item().n, 1)] = 6
  28 sub(item().n, 1) = 1
    32 item().n = 2
`},
		{`"@createArray(1)[add(0, 0)][nope(item())]"`, `
1 createArray(1)[add(0, 0)][nope(item())] ! The template function 'nope' is not defined or not valid.
  1 createArray(1)[add(0, 0)] = 1
    16 add(0, 0) = 0
  27 nope(item()) ! The template function 'nope' is not defined or not valid.
    32 item() not evaluated
`},
		{`"@null"`, "\n1 null = null\n"},
		{`"@@no expression"`, "\n"},
		{`"@item("`, "\n"},
		// The same text twice is evaluated twice.
		{`{"a":["@item().n",{"value":"@item().n","type":"Expression"}],"b":"plain","c":"@item().list[9]","d":"@item()"}`, `
1 item().n = 2
1 item().n = 2
1 item().list[9] ! INDEX
  1 item().list = ["a","b"]
`},
	} {
		var got strings.Builder
		v := parse(t, c.in)
		out, parts, err := newContext(t, context).Trace(v)
		traced(&got, parts, "")
		want := strings.NewReplacer(
			"DIV", "Attempt to divide an integral or decimal value by zero in function 'div'.",
			"NAME", "The expression 'activity('L').output.firstRow .name' cannot be evaluated because property 'name' doesn't exist, available properties are 'id'.",
			"INDEX", "The expression 'item().list[9]' cannot be evaluated because array index '9' is outside bounds (0, 1) of array.",
		).Replace(strings.TrimPrefix(c.want, "\n"))
		if got.String() != want {
			t.Errorf("%s: got\n%swant\n%s", c.in, got.String(), want)
		}
		plain, plainErr := newContext(t, context).Evaluate(v)
		if !value.Equal(out, plain) || fmt.Sprint(err) != fmt.Sprint(plainErr) {
			t.Errorf("%s: got %v, %v; Evaluate gives %v, %v", c.in, out, err, plain, plainErr)
		}
	}
}

// TestTraceOfEveryVector: a trace changes no result, each text is the part of the string
// at its offset, and stands within that of the part around it.
func TestTraceOfEveryVector(t *testing.T) {
	var check func(whole string, p, around *expr.Traced) bool
	check = func(whole string, p, around *expr.Traced) bool {
		if !strings.HasPrefix(whole[p.Offset:], p.Text) || p.Text != strings.TrimSpace(p.Text) && p.Text != whole {
			return false
		}
		if around != nil && (p.Offset < around.Offset || p.Offset+len(p.Text) > around.Offset+len(around.Text)) {
			return false
		}
		for _, x := range p.Parts {
			if !check(whole, x, p) {
				return false
			}
		}
		return p.Evaluated || len(p.Parts) == 0
	}
	parts := 0
	for _, v := range evaluatorVectors(t) {
		text, ok := v.Expr.(string)
		if !ok {
			continue
		}
		context := string(value.Append(nil, v.Context))
		plain, plainErr := newContext(t, context).Evaluate(text)
		out, list, err := newContext(t, context).Trace(text)
		if !value.Equal(out, plain) || fmt.Sprint(err) != fmt.Sprint(plainErr) {
			t.Errorf("%s: got %v, %v; Evaluate gives %v, %v", text, out, err, plain, plainErr)
		}
		for _, p := range list {
			if parts++; !check(text, p, nil) {
				t.Errorf("%s: %q at %d", text, p.Text, p.Offset)
			}
		}
	}
	if parts < 10000 {
		t.Errorf("%d expressions were traced", parts)
	}
}
