package expr_test

import (
	"errors"
	"strings"
	"testing"

	"switchyard/expr"
	"switchyard/value"
)

// refuses checks that evaluating in fails with an *expr.Error that says why.
func refuses(t *testing.T, c *expr.Context, in value.Value, fragment string) {
	t.Helper()
	c.Budget = expr.NewBudget("", nil) // each has a full one
	v, err := c.Evaluate(in)
	var e *expr.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, fragment) {
		text := value.Text(in)
		t.Errorf("%.80s: got %.80s, %v, want an error with %q", text, value.Text(v), err, fragment)
	}
}

func TestExpressionLength(t *testing.T) {
	c := &expr.Context{}
	fits := "@'" + strings.Repeat("ä", expr.MaxExpression-2) + "'"
	if _, err := c.EvaluateString(fits); err != nil {
		t.Errorf("%d characters: %v", expr.MaxExpression, err)
	}
	refuses(t, c, "@'"+strings.Repeat("ä", expr.MaxExpression-1)+"'", "longer than the limit of 8192")
	refuses(t, c, "x@{'"+strings.Repeat("a", expr.MaxExpression)+"'}", "longer than the limit of 8192")
	// The text around interpolations does not count.
	long := strings.Repeat("x", 10*expr.MaxExpression) + "@{1}"
	if v, err := c.EvaluateString(long); err != nil || len(v.(string)) != len(long)-3 {
		t.Errorf("long text with an interpolation: %v", err)
	}
}

func TestExpressionDepth(t *testing.T) {
	c := &expr.Context{}
	nest := func(n int) string { return "@" + strings.Repeat("not(", n) + "true" + strings.Repeat(")", n) }
	if v, err := c.EvaluateString(nest(126)); err != nil || v != true {
		t.Errorf("126 calls deep: got %v, %v", v, err)
	}
	refuses(t, c, nest(128), "nest deeper than 128")
	refuses(t, c, "@"+strings.Repeat("not(", 2000), "nest deeper than 128")
	refuses(t, c, "@json('[]')"+strings.Repeat("[json('[]')", 500), "nest deeper than 128")
	chain := "@json('null')" + strings.Repeat("?.a", 2700)
	if v, err := c.EvaluateString(chain); err != nil || v != nil {
		t.Errorf("2700 accessors: got %v, %v", v, err)
	}
}

func TestValueDepth(t *testing.T) {
	deep := value.Value("x")
	for range expr.MaxValueDepth {
		deep = value.Array{deep}
	}
	c := &expr.Context{Variables: func(string) (value.Value, bool) { return deep, true }}
	if _, err := c.EvaluateString("@variables('v')"); err != nil {
		t.Errorf("a value as deep as allowed: %v", err)
	}
	refuses(t, c, "@createArray(variables('v'))", "nests deeper than the limit of 100")
	refuses(t, c, value.Array{"@variables('v')"}, "nests deeper than the limit of 100")
	refuses(t, c, value.NewObject(value.Member{Name: "a", Value: "@variables('v')"}), "nests deeper")
	refuses(t, c, value.Array{deep}, "nests deeper")
	refuses(t, c, "@json('"+strings.Repeat("[", 200)+"')", "nested deeper than 100")
	xml := strings.Repeat("<a>", 99) + strings.Repeat("</a>", 99)
	if _, err := c.EvaluateString("@xml('" + xml + "')"); err != nil {
		t.Errorf("99 elements deep: %v", err)
	}
	refuses(t, c, "@xml('"+strings.Repeat("<a>", 2000)+"')", "nest too deeply")
}

// TestSharedPartsAreCounted doubles a value in every evaluation: in memory it
// stays small, as text it would soon fill any disk.
func TestSharedPartsAreCounted(t *testing.T) {
	v := value.Value(strings.Repeat("x", 1000))
	c := &expr.Context{Variables: func(string) (value.Value, bool) { return v, true }}
	for i := range 40 {
		next, err := c.EvaluateString("@createArray(variables('v'), variables('v'))")
		if err != nil {
			if i < 10 {
				t.Errorf("refused after %d doublings: %v", i, err)
			}
			return
		}
		v = next
	}
	t.Error("40 doublings were accepted")
}

func TestTextLimits(t *testing.T) {
	big := strings.Repeat("x", 30<<20)
	c := &expr.Context{Variables: func(string) (value.Value, bool) { return big, true }}
	four := strings.Repeat(",variables('v')", 4)[1:]
	refuses(t, c, "@concat("+four+")", "longer than the limit of 104857600 characters")
	refuses(t, c, "@{"+strings.ReplaceAll(four, ",", "}@{")+"}", "longer than the limit of 104857600")
	refuses(t, c, "@join(createArray("+four+"),'')", "longer than the limit of 104857600")
	refuses(t, c, "@replace(variables('v'),'x','yyyy')", "longer than the limit of 104857600")
	refuses(t, c, "@length(split(variables('v'),'x'))", "intermediate results")
}

func TestErrorsAreShort(t *testing.T) {
	big := strings.Repeat("ä", 1<<20)
	c := &expr.Context{Item: func() (value.Value, bool) { return big, true }}
	for _, in := range []string{
		"@variables(item())", "@activity(item())", "@json('{}')[item()]", "@guid(item())", "@utcNow(item())",
		"@ticks(item())", "@convertFromUtc('2018-01-01', item())", "@addToTime('2018-01-01', 1, item())",
		"@xpath(xml('<a/>'), item())", "@json(item())", "@xml(item())", "@float('1', item())", "@int(item())",
	} {
		_, err := c.EvaluateString(in)
		if err == nil || len(err.Error()) > 5000 {
			t.Errorf("%s: got %.100v, want a short error", in, err)
		}
	}
}

// TestNestedGrowth evaluates expressions within the length limit whose result
// would be exponential in it.
func TestNestedGrowth(t *testing.T) {
	c := &expr.Context{}
	replace := "'a'"
	for range 60 {
		replace = "replace(" + replace + ",'a','aaaaaaaaaa')"
	}
	refuses(t, c, "@"+replace, "limit of")
	arrays := "@length(createArray(" + strings.Repeat("range(1,100000),", 400) + "1))"
	refuses(t, c, arrays, "intermediate results")
}

// TestXPathSteps evaluates paths that visit every tuple of nodes.
func TestXPathSteps(t *testing.T) {
	doc := "<r>" + strings.Repeat("<a><b/></a>", 2000) + "</r>"
	c := &expr.Context{Variables: func(string) (value.Value, bool) { return doc, true }}
	for _, path := range []string{
		"//*[count(//*[count(//*) > 0]) > 0]",
		"count(//*/following::*/following::*)",
		"//a[//b[//a]]/preceding::*//*",
		"//*[. = //*]",
	} {
		v, err := c.EvaluateString("@xpath(xml(variables('v')), '" + path + "')")
		if err == nil {
			t.Logf("%s: %.40s", path, value.Text(v))
			continue
		}
		if !strings.Contains(err.Error(), "too many steps") {
			t.Errorf("%s: got %v, want the limit on steps", path, err)
		}
	}
	refuses(t, c, "@xpath(xml(variables('v')), '//*[count(//*[count(//*) > 0]) > 0]')", "too many steps")
}

// TestXPathDepth: a path is read by calls within calls, here and in the xpath package.
func TestXPathDepth(t *testing.T) {
	c := &expr.Context{}
	nest := func(open, within, end string, n int) string {
		return "@xpath(xml('<a/>'), '" + strings.Repeat(open, n) + within + strings.Repeat(end, n) + "')"
	}
	if v, err := c.EvaluateString(nest("(", "1", ")", 150)); err != nil || v != 1.0 {
		t.Errorf("150 brackets: got %v, %v", v, err)
	}
	for _, in := range []string{nest("(", "1", ")", 2000), nest("a[", "1", "]", 2000), nest("not(", "1", ")", 1500), nest("(", "", "", 4000)} {
		refuses(t, c, in, "nests too deeply")
	}
	for _, in := range []string{nest("-", "1", "", 7000), nest("a/", "b", "", 3500), nest("a|", "b", "", 3500), nest("1+", "1", "", 3500)} {
		if _, err := c.EvaluateString(in); err != nil && !isExprError(err) {
			t.Errorf("%.40s…: got error %#v", in, err)
		}
	}
}
