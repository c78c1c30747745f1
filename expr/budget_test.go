package expr_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/expr"
	"switchyard/value"
)

// large are values of some megabytes, what the functions of slowest take.
var large = sync.OnceValue(func() map[string]value.Value {
	const size = 2 << 20
	text := strings.Repeat("aä ", size/4)
	ints, texts, numbers := make(value.Array, size/16), make(value.Array, size/16), make(value.Array, size/16)
	o := &value.Object{}
	for i := range ints {
		ints[i], texts[i], numbers[i] = int64(i), "text", "1"
		o.Set("name"+string(rune('a'+i%26))+strings.Repeat("x", i%7)+string(rune(0x4E00+i%20000))+string(rune(0x4E00+i/20000)), int64(i))
	}
	json := "[" + strings.Repeat("1,", size/4) + "1]"
	return map[string]value.Value{
		"text": text, "spaces": strings.Repeat(" ", size), "ascii": strings.Repeat("a", size), "ints": ints, "texts": texts,
		"copy": slices.Clone(ints), "object": o, "same": o.Clone(), "json": json, "string": `["` + strings.Repeat(`\n`, size/2) + `"]`,
		"base64": strings.Repeat("QUJD", size/4), "escaped": strings.Repeat("%41", size/3),
		"datauri": "data:;base64," + strings.Repeat("QUJD", size/4), "plainuri": "data:," + strings.Repeat("%41", size/3),
		"jsonuri": "data:application/json," + json,
		"xml":     "<r>" + strings.Repeat("<a b='c'>x</a>", size/64) + "</r>",
		"tree":    value.NewObject(value.Member{Name: "r", Value: value.NewObject(value.Member{Name: "a", Value: texts})}),
	}
})

// slowest has, for each function whose work grows with its data, a call that
// takes long. The others return at once: they read a name, a number, a date or a
// format of at most 8 KB, or return a part of what they get.
var slowest = map[string][]string{
	"concat":               {"concat(variables('ints'), '')", "concat(variables('object'))"},
	"endsWith":             {"endsWith(variables('text'), 'x')"},
	"startsWith":           {"startsWith(variables('text'), 'x')"},
	"indexOf":              {"indexOf(variables('text'), 'xyz')", "indexOf(variables('ascii'), concat(variables('ascii'), 'b'))"},
	"lastIndexOf":          {"lastIndexOf(variables('text'), 'xyz')", "lastIndexOf(variables('text'), '')"},
	"replace":              {"replace(variables('text'), 'ä', 'b')", "replace(variables('text'), 'xyz', 'b')"},
	"split":                {"split(variables('text'), 'ä')", "split(variables('text'), 'xyz')"},
	"substring":            {"substring(variables('text'), 1, 100000)"},
	"toLower":              {"toLower(variables('text'))"},
	"toUpper":              {"toUpper(variables('text'))"},
	"trim":                 {"trim(variables('spaces'))", "trim(concat('x', variables('spaces')))"},
	"contains":             {"contains(variables('ints'), 'x')", "contains(variables('text'), 'xyz')", "contains(variables('object'), 'NAMEZ')"},
	"intersection":         {"intersection(variables('ints'), variables('copy'))", "intersection(variables('object'), variables('same'))"},
	"join":                 {"join(variables('ints'), ',')"},
	"length":               {"length(variables('text'))"},
	"skip":                 {"skip(variables('text'), 1000)"},
	"take":                 {"take(variables('text'), 1000)"},
	"union":                {"union(variables('ints'), variables('texts'))", "union(variables('object'), variables('same'))"},
	"equals":               {"equals(variables('ints'), variables('copy'))", "equals(variables('object'), variables('same'))"},
	"greater":              {"greater(variables('text'), concat(variables('text'), 'x'))", "greater(concat(variables('text'), 'é'), concat(variables('text'), 'éx'))"},
	"greaterOrEquals":      {"greaterOrEquals(variables('text'), concat(variables('text'), 'x'))"},
	"less":                 {"less(variables('text'), concat(variables('text'), 'x'))"},
	"lessOrEquals":         {"lessOrEquals(variables('text'), concat(variables('text'), 'x'))"},
	"array":                {"array(variables('tree'))"},
	"createArray":          {"createArray(variables('ints'))"},
	"base64":               {"base64(variables('text'))"},
	"base64ToBinary":       {"base64ToBinary(variables('base64'))"},
	"base64ToString":       {"base64ToString(variables('base64'))"},
	"decodeBase64":         {"decodeBase64(variables('base64'))"},
	"binary":               {"binary(variables('text'))"},
	"dataUri":              {"dataUri(variables('text'))"},
	"dataUriToBinary":      {"dataUriToBinary(variables('datauri'))"},
	"dataUriToString":      {"dataUriToString(variables('plainuri'))"},
	"decodeDataUri":        {"decodeDataUri(variables('jsonuri'))"},
	"decodeUriComponent":   {"decodeUriComponent(variables('escaped'))"},
	"uriComponentToBinary": {"uriComponentToBinary(variables('escaped'))"},
	"uriComponentToString": {"uriComponentToString(variables('escaped'))"},
	"encodeUriComponent":   {"encodeUriComponent(variables('ascii'))"},
	"uriComponent":         {"uriComponent(variables('ascii'))"},
	"json":                 {"json(variables('json'))", "json(variables('string'))", "json(xml(variables('xml')))", "json(concat('{a:''', variables('text'), '''}'))", "json(concat('/*', variables('text'), '*/'))"},
	"string":               {"string(variables('ints'))", "string(createArray(variables('text')))"},
	"xml":                  {"xml(variables('xml'))", "xml(variables('tree'))"},
	"xpath":                {"xpath(xml(variables('xml')), '//a')", "xpath(xml(variables('xml')), 'count(//a[. = \"y\"])')"},
	"max":                  {"max(variables('ints'))"},
	"min":                  {"min(variables('ints'))"},
	"range":                {"range(1, 100000)"},
	"accessor":             {"variables('object')?.NAMEZ"},
	"interpolation":        {"x@{variables('ints')}y"},
}

func largeContext(b *expr.Budget) *expr.Context {
	return &expr.Context{Budget: b, Variables: func(name string) (value.Value, bool) { v, ok := large()[name]; return v, ok }}
}

func expressionOf(text string) string {
	if strings.Contains(text, "@{") {
		return text
	}
	return "@" + text
}

// TestLongCallsLook counts how often calls on megabytes look at the interrupt: at
// least every megabyte or 100,000 elements, which takes some milliseconds.
func TestLongCallsLook(t *testing.T) {
	for name, calls := range slowest {
		for _, call := range calls {
			b := expr.NewBudget("", nil)
			if _, err := largeContext(b).EvaluateString(expressionOf(call)); err != nil {
				t.Errorf("%s: %s: %v", name, call, err)
			}
			if least := 3; b.Looks() < least {
				t.Errorf("%s: %s looked %d times, want at least %d", name, call, b.Looks(), least)
			}
		}
	}
}

// TestEveryFunctionIsInterruptible asks for a row of every function whose
// arguments can be large.
func TestEveryFunctionIsInterruptible(t *testing.T) {
	// What these look at is short, or they return a part of what they get.
	short := []string{"guid", "rand", "empty", "first", "last", "and", "or", "not", "if", "coalesce", "bool", "int", "float",
		"add", "sub", "mul", "div", "mod"}
	for _, f := range expr.Functions() {
		if f.Family == expr.FamilyContext || f.Family == expr.FamilyDate || slices.Contains(short, f.Name) {
			continue
		}
		if len(slowest[f.Name]) == 0 {
			t.Errorf("%s has no row", f.Name)
		}
	}
}

// TestInterruptEndsCalls raises the interrupt while an argument is evaluated: no
// call returns a value any more.
func TestInterruptEndsCalls(t *testing.T) {
	for name, calls := range slowest {
		for _, call := range calls {
			var interrupt expr.Interrupt
			b := expr.NewBudget("", &interrupt)
			c := largeContext(b)
			inner := c.Variables
			c.Variables = func(name string) (value.Value, bool) {
				interrupt.Raise()
				return inner(name)
			}
			if name == "range" {
				interrupt.Raise()
			}
			v, err := c.EvaluateString(expressionOf(call))
			if err == nil || !b.Interrupted() {
				t.Errorf("%s: %s: got %.50v, %v, want it interrupted", name, call, value.TypeName(v), err)
			}
			interrupt.Lower()
			if _, err := c.EvaluateString("@add(1, 2)"); err == nil {
				t.Errorf("%s: the budget of an interrupted evaluation still serves", call)
			}
		}
	}
}

func TestBudgetIsShared(t *testing.T) {
	big := strings.Repeat("x", 40<<20)
	c := &expr.Context{Budget: expr.NewBudget("the activity 'A'", nil),
		Variables: func(string) (value.Value, bool) { return big, true }}
	var err error
	n := 0
	for ; err == nil && n < 20; n++ {
		_, err = c.EvaluateString("@concat(variables('v'), 'y')")
	}
	var e *expr.Error
	if !errors.As(err, &e) || e.Code != expr.CodeLimitExceeded || n != 7 ||
		!strings.HasPrefix(e.Message, "The expressions of the activity 'A' produce more than the limit of 268435456 bytes") {
		t.Errorf("evaluation %d: got %v, want the seventh to fail by the limit of bytes", n, err)
	}
}

// TestFoldKey: two texts share a key exactly if they are equal ignoring case.
func TestFoldKey(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	runes := []rune("aAbBkK\u212asSſßẞıIİiµμΜσςΣǅǆǄΩω\u2126åÅ\u212b1_")
	word := func() string {
		w := make([]rune, r.IntN(3))
		for i := range w {
			w[i] = runes[r.IntN(len(runes))]
		}
		return string(w)
	}
	for range 200_000 {
		a, b := word(), word()
		if got, want := expr.FoldKey(a) == expr.FoldKey(b), strings.EqualFold(a, b); got != want {
			t.Fatalf("%q and %q: one key is %t, equal is %t", a, b, got, want)
		}
	}
}

// TestBlocksChangeNothing compares calls on long texts, which are worked on in
// blocks, with what package strings makes of them.
func TestBlocksChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	pieces := []string{"a", "ä", "€", "\U0001F600", " ", "ab", "ba", strings.Repeat("ab", 40_000), strings.Repeat("€", 30_000), "x"}
	for range 25 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		s := b.String()
		sub := pieces[r.IntN(len(pieces))]
		if r.IntN(2) == 0 && s != "" {
			from := r.IntN(len(s))
			for from > 0 && s[from]&0xC0 == 0x80 {
				from--
			}
			sub = s[from:]
		}
		c := &expr.Context{Variables: func(name string) (value.Value, bool) {
			return map[string]string{"s": s, "sub": sub}[name], true
		}}
		units := 0
		for _, x := range s {
			units += 1 + min(1, int(x)>>16)
		}
		for _, tt := range []struct {
			expression string
			want       value.Value
		}{
			{"@contains(variables('s'), variables('sub'))", strings.Contains(s, sub)},
			{"@join(split(variables('s'), variables('sub')), variables('sub'))", s},
			{"@length(split(variables('s'), variables('sub')))", int64(max(1, len(strings.Split(s, sub))))},
			{"@replace(variables('s'), variables('sub'), 'yz')", strings.ReplaceAll(s, sub, "yz")},
			{"@trim(variables('s'))", strings.TrimSpace(s)},
			{"@length(variables('s'))", int64(units)},
			{"@string(json(string(createArray(variables('s')))))", string(value.Append(nil, value.Array{s}))},
			{"@toLower(variables('s'))", strings.ToLower(s)},
			{"@base64ToString(base64(variables('s')))", s},
			{"@uriComponentToString(uriComponent(variables('s')))", s},
			{"@equals(sub(lastIndexOf(variables('s'), variables('sub')), indexOf(variables('s'), variables('sub'))), 0)",
				strings.Index(strings.ToUpper(s), strings.ToUpper(sub)) == strings.LastIndex(strings.ToUpper(s), strings.ToUpper(sub))},
		} {
			if sub == "" {
				continue
			}
			c.Budget = expr.NewBudget("", nil)
			got, err := c.EvaluateString(tt.expression)
			if err != nil || got != tt.want {
				t.Errorf("%s of %d bytes, %d bytes: got %.40v, %v, want %.40v", tt.expression, len(s), len(sub), got, err, tt.want)
			}
		}
	}
}

// TestLaterXPathFunctions: the service's XPath is version 1.0.
func TestLaterXPathFunctions(t *testing.T) {
	c := &expr.Context{}
	for _, path := range []string{`//a[matches(., "(a*)*b")]`, `replace(/r, "a", "b")`, `string-join(//a, "x")`} {
		refuses(t, c, "@xpath(xml('<r><a/></r>'), '"+path+"')", "is no function of XPath 1.0")
	}
	v, err := c.EvaluateString(`@xpath(xml('<r><matches>replace(1)</matches></r>'), 'count(//matches[. = "replace(1)"])')`)
	if err != nil || v != 1.0 {
		t.Errorf("a name and a text that look like one: got %v, %v", v, err)
	}
}
