package main

import (
	"strings"
	"testing"
	"time"

	"switchyard/value"
)

// TestTrace: an expression as a tree, in 80 columns and in fewer.
func TestTrace(t *testing.T) {
	deep := strings.Repeat("string(", 20) + "item()" + strings.Repeat(")", 20)
	for _, c := range []struct {
		line    string
		columns int
		want    string
	}{
		{`{"expr":"@if(empty(item()), 1, div(6, length(item())))","context":{"item":"abc"}}`, 80, `
if(empty(item()), 1, div(6, length(item()))) = 2
  empty(item()) = false
    item() = "abc"
  div(6, length(item())) = 2
    length(item()) = 3
      item() = "abc"
`},
		{`{"expr":"@{pipeline().parameters.p}/@{formatDateTime('2026-03-01', 'yyyy')}","context":{"parameters":{"p":"in"}}}`, 80, `
@{pipeline().parameters.p}/@{formatDateTime('2026-03-01', 'yyyy')} = "in/2026"
  pipeline().parameters.p = "in"
  formatDateTime('2026-03-01', 'yyyy') = "2026"
`},
		{`{"expr":"@concat('a', string(activity('L').output.firstRow.name), toLower(item()))","context":{"activities":{"L":{"output":{"firstRow":{"id":7}}}}}}`, 80, `
concat('a', string(activity('L').output.firstRow.name), toLower(item()…  (fails)
  string(activity('L').output.firstRow.name)  (fails)
    activity('L').output.firstRow.name
      error: The expression 'concat('a',
      string(activity('L').output.firstRow.name), toLower(item()))' cannot be
      evaluated because property 'name' doesn't exist, available properties are
      'id'.
      activity('L').output.firstRow = {"id":7}
  toLower(item())  (not evaluated)
`},
		// What is long is cut, and says how long it is.
		{`{"expr":"@first(range(1, 5000))"}`, 40, `
first(range(1, 5000)) = 1
  range(1, 5000)
    = [1,2,3,4,5,… (array of 5000 items)
`},
		{`{"expr":"@length(item().ä)","context":{"item":{"ä":"` + strings.Repeat("ä", 50) + `"}}}`, 40, `
length(item().ä) = 50
  item().ä
    = "ääääääää… (text of 50 characters)
`},
		// Several lines become one, and what would move the cursor a blank.
		{`{"expr":"@concat(\n  item(),\n\t'b'\n)","context":{"item":"\u001b[2J\n"}}`, 80, `
concat( item(), 'b' ) = "\u001b[2J\nb"
  item() = "\u001b[2J\n"
`},
		// A whole value has its answer behind the trees of its strings.
		{`{"expr":{"a":"@item()","b":["x-@{item()}"]},"context":{"item":1}}`, 80, `
item() = 1
x-@{item()} = "x-1"
  item() = 1
= {"a":1,"b":["x-1"]}
`},
		{`{"expr":["@item()","@nope()"],"context":{"item":1}}`, 80, `
item() = 1
nope()
  error: The template function 'nope' is not defined or not valid.
`},
		{`{"expr":"plain"}`, 80, "\n= \"plain\"\n"},
		{`{"expr":"@add(1,"}`, 80, "\nerror: Unable to parse expression 'add(1,': the expression ends too early, want\na function call or a literal at position 7.\n    @add(1,\n           ^\n"},
		{`{"context":{}}`, 80, "\nerror: BadRequest: the member expr is missing\n"},
		// Secure values are masked, wherever they come up.
		{`{"expr":"@concat(item().k.value, '-', item().k.value)","context":{"item":{"k":{"type":"SecureString","value":"s3cret"}}}}`, 80, `
concat(item().k.value, '-', item().k.value) = "**********-**********"
  item().k.value = "**********"
  item().k.value = "**********"
`},
		{`{"expr":"@item()[item().k.value]","context":{"item":{"k":{"type":"SecureString","value":"s3cret"}}}}`, 80, `
item()[item().k.value]
  error: The expression 'item()[item().k.value]' cannot be evaluated because
  property '**********' doesn't exist, available properties are 'k'.
  item() = {"k":{"type":"SecureString","value":"**********"}}
  item().k.value = "**********"
`},
		// Deep ones begin with their depth.
		{`{"expr":"@` + deep + `","context":{"item":1}}`, 80, "DEEP"},
	} {
		q, bad := readQuestion([]byte(c.line), time.Now(), 1)
		var got strings.Builder
		tellTrace(&got, q, bad, c.columns)
		for line := range strings.Lines(got.String()) {
			if displayWidth(strings.TrimRight(line, "\n")) > c.columns || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("%s: line %q is too wide or moves the cursor", c.line, line)
			}
		}
		if c.want == "DEEP" {
			if want := strings.Repeat("  ", traceDepth) + "(20) item() = 1\n\n"; !strings.HasSuffix(got.String(), want) {
				t.Errorf("%s: got\n%swant at its end\n%s", c.line, got.String(), want)
			}
			continue
		}
		if want := strings.TrimPrefix(c.want, "\n") + "\n"; got.String() != want {
			t.Errorf("%s: got\n%swant\n%s", c.line, got.String(), want)
		}
	}
}

// TestTraceJSON: a trace as data.
func TestTraceJSON(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"expr":"@if(equals(item(), 1), 'a', string(item()))","context":{"item":1}}`,
			`{"value":"a","trace":[{"text":"if(equals(item(), 1), 'a', string(item()))","offset":1,"evaluated":true,"value":"a","parts":[` +
				`{"text":"equals(item(), 1)","offset":4,"evaluated":true,"value":true,"parts":[{"text":"item()","offset":11,"evaluated":true,"value":1}]},` +
				`{"text":"string(item())","offset":28,"evaluated":false}]}]}`},
		{`{"expr":"@nope()"}`,
			`{"error":{"code":"InvalidTemplate","message":"The template function 'nope' is not defined or not valid.","offset":1},"trace":[{"text":"nope()","offset":1,` +
				`"evaluated":true,"error":{"code":"InvalidTemplate","message":"The template function 'nope' is not defined or not valid.","offset":1}}]}`},
		{`{"expr":"@item()","context":{"item":{"type":"securestring","value":"x"}}}`,
			`{"value":{"type":"SecureString","value":"**********"},"trace":[{"text":"item()","offset":1,"evaluated":true,"value":{"type":"SecureString","value":"**********"}}]}`},
		{`{"expr":"plain"}`, `{"value":"plain","trace":[]}`},
		{`5`, `{"error":{"code":"BadRequest","message":"the line should be an object with the members expr and context"}}`},
	} {
		var got strings.Builder
		q, bad := readQuestion([]byte(c.line), time.Now(), 1)
		tellTraceJSON(&got, q, bad)
		if got.String() != c.want+"\n" {
			t.Errorf("%s\ngot  %swant %s", c.line, got.String(), c.want)
		}
	}
	// Values in the trace are cut, the answer is not.
	var got strings.Builder
	q, _ := readQuestion([]byte(`{"expr":"@range(1,3000)"}`), time.Now(), 1)
	tellTraceJSON(&got, q, nil)
	answer := record(t, got.String()).(*value.Object)
	whole, _ := answer.Get("value")
	parts, _ := answer.Get("trace")
	part := parts.(value.Array)[0].(*value.Object)
	_, has := part.Get("value")
	if is, begins := str(part, "valueIs"), str(part, "valueBegins"); len(whole.(value.Array)) != 3000 || has || is != "array of 3000 items" ||
		!strings.HasPrefix(begins, "[1,2,3,") || len(begins) < traceValue || len(begins) > traceValue+10 {
		t.Errorf("got %s", got.String())
	}
}

// TestBegins: the beginning of a value is that of its JSON text.
func TestBegins(t *testing.T) {
	v := record(t, `{"a":[1,2.5,null,true,{"b":"text \" with ä"}],"c":"`+strings.Repeat("x", 40)+`"}`)
	text := string(value.Append(nil, v))
	for n := range 200 {
		got, whole := begins(v, n)
		same := got
		if !whole { // a text that is cut is closed all the same
			same = strings.TrimRight(got, `"`)
		}
		if whole != (n >= len(text)) && n < len(text)-3 || !strings.HasPrefix(text, same) || !whole && len(got) < min(n, 3) {
			t.Errorf("begins(%d) = %s, %v", n, got, whole)
		}
	}
	if got := sizeOf(int64(1)) + ", " + sizeOf("ä") + ", " + sizeOf(value.Array{}); got != "Integer, text of 1 character, array of 0 items" {
		t.Errorf("got %s", got)
	}
}
