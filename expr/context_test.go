package expr_test

import (
	"errors"
	"testing"
	"time"

	"switchyard/expr"
	"switchyard/expr/exprtest"
	"switchyard/value"
)

func parse(t testing.TB, s string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(s))
	if err != nil {
		t.Fatalf("Parse(%s): %v", s, err)
	}
	return v
}

func newContext(t testing.TB, s string) *expr.Context {
	t.Helper()
	c, err := exprtest.NewContext(parse(t, s).(*value.Object), exprtest.Now, 1)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEvaluateKeepsWhatHoldsNoExpression(t *testing.T) {
	v := parse(t, `{"a": ["x", {"b": 1}], "c": "me@b.com"}`).(*value.Object)
	got, err := new(expr.Context).Evaluate(v)
	if err != nil {
		t.Fatal(err)
	}
	if got.(*value.Object) != v {
		t.Error("a value without expressions was copied")
	}
}

func TestEvaluateDoesNotChangeItsArgument(t *testing.T) {
	const text = `{"a":["x","@{1}"],"b":{"c":"@2","d":{}},"e":{}}`
	v := parse(t, text).(*value.Object)
	got, err := new(expr.Context).Evaluate(v)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(value.Append(nil, got)), `{"a":["x","1"],"b":{"c":2,"d":{}},"e":{}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if s := string(value.Append(nil, v)); s != text {
		t.Errorf("the argument became %s, want %s", s, text)
	}
	e, _ := v.Get("e")
	if kept, _ := got.(*value.Object).Get("e"); kept != e {
		t.Error("a member without expressions was copied")
	}
}

func TestErrorPlace(t *testing.T) {
	tests := []struct {
		in, expression string
		offset         int
	}{
		{"@add(1, 'a')", "add(1, 'a')", 1},
		{"@concat('a', add(1, 'a'))", "concat('a', add(1, 'a'))", 13},
		{"ä @{item()} b", "item()", 5},
		{"@createArray(1)[2]", "createArray(1)[2]", 15},
		{"@createArray(1", "createArray(1", 14},
		{"x @{1} @{ 1 2 }", " 1 2 }", 12},
	}
	for _, tt := range tests {
		_, err := new(expr.Context).EvaluateString(tt.in)
		var e *expr.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an *expr.Error", tt.in, err)
			continue
		}
		if e.Expression != tt.expression || e.Offset != tt.offset || e.Code != expr.CodeInvalidTemplate {
			t.Errorf("%s: got %q at %d with code %q (%s), want %q at %d", tt.in, e.Expression, e.Offset, e.Code, e.Message, tt.expression, tt.offset)
		}
	}
}

// TestSeed checks that guid and rand repeat with the seed, and that two draws
// from one context differ, in one expression and in two evaluations.
func TestSeed(t *testing.T) {
	draw := func(seed uint64) []string {
		c := &expr.Context{Seed: seed}
		var out []string
		for range 2 {
			v, err := c.Evaluate(value.Array{"@guid()", "@{guid('N')} @{rand(0, 1000000000)}", "@concat(guid(), guid())"})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range v.(value.Array) {
				out = append(out, e.(string))
			}
		}
		return out
	}
	first, second, other := draw(1), draw(1), draw(2)
	seen := map[string]bool{}
	for i := range first {
		if first[i] != second[i] {
			t.Errorf("draw %d: got %s and %s from the same seed", i, first[i], second[i])
		}
		if first[i] == other[i] {
			t.Errorf("draw %d: got %s from two seeds", i, first[i])
		}
		if seen[first[i]] {
			t.Errorf("draw %d: got %s twice", i, first[i])
		}
		seen[first[i]] = true
	}
	if s := first[2]; s[:36] == s[36:] {
		t.Errorf("two guids in one expression are both %s", s[:36])
	}
}

func TestRandStaysInRange(t *testing.T) {
	c := &expr.Context{Seed: 7}
	seen := map[int64]int{}
	for range 3000 {
		v, err := c.EvaluateString("@rand(-1, 2)")
		if err != nil {
			t.Fatal(err)
		}
		seen[v.(int64)]++
	}
	for i := int64(-1); i < 2; i++ {
		if seen[i] < 800 {
			t.Errorf("rand(-1, 2) gave %d %d times of 3000", i, seen[i])
		}
	}
	if len(seen) != 3 {
		t.Errorf("rand(-1, 2) gave %v", seen)
	}
}

func TestNowInAnotherZone(t *testing.T) {
	now := time.Date(2018, 1, 1, 1, 0, 0, 123456789, time.FixedZone("", 3600))
	c := &expr.Context{Now: now}
	v, err := c.EvaluateString("@utcNow()")
	if want := "2018-01-01T00:00:00.1234567Z"; err != nil || v != want {
		t.Errorf("utcNow(): got %v, %v, want %s", v, err, want)
	}
}

func TestEvaluateTemplate(t *testing.T) {
	tpl, err := expr.Parse("v=@{variables('x')}")
	if err != nil {
		t.Fatal(err)
	}
	if tpl.IsLiteral() || tpl.String() != "v=@{variables('x')}" {
		t.Errorf("got literal %v, source %q", tpl.IsLiteral(), tpl)
	}
	for i := range int64(3) {
		c := &expr.Context{Variables: func(string) (value.Value, bool) { return i, true }}
		v, err := c.EvaluateTemplate(tpl)
		if want := "v=" + value.Text(i); err != nil || v != want {
			t.Errorf("got %v, %v, want %s", v, err, want)
		}
	}
}
