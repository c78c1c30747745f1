package expr_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"switchyard/expr"
	"switchyard/value"
)

func isExprError(err error) bool {
	var e *expr.Error
	return errors.As(err, &e) && e.Code == expr.CodeInvalidTemplate && e.Message != "" && e.Offset >= 0
}

func FuzzParse(f *testing.F) {
	for _, v := range allVectors(f) {
		f.Add(value.Text(v.Expr))
	}
	f.Fuzz(func(t *testing.T, s string) {
		tpl, err := expr.Parse(s)
		if err != nil {
			var e *expr.Error
			if !isExprError(err) || errors.As(err, &e) && e.Offset > len(s) {
				t.Fatalf("Parse(%q): got error %#v", s, err)
			}
			return
		}
		if tpl.IsLiteral() != !strings.Contains(s, "@{") && !strings.HasPrefix(s, "@") {
			t.Fatalf("Parse(%q): literal is %v", s, tpl.IsLiteral())
		}
		for _, c := range tpl.References().Calls {
			if !strings.HasPrefix(s[c.Offset:], c.Name) {
				t.Fatalf("Parse(%q): the call of %s is not at %d", s, c.Name, c.Offset)
			}
		}
	})
}

// FuzzEvaluate checks that evaluation ends with a value that JSON can hold or
// with an error of the package, and does the same thing twice.
func FuzzEvaluate(f *testing.F) {
	for _, v := range allVectors(f) {
		f.Add(value.Text(v.Expr))
	}
	const context = `{"parameters":{"a":"b","myString":"foo","n":null,"o":{"x":[1,2.5,"é"]}},"globalParameters":{"env":"dev"},
		"variables":{"v":"<a x=\"1\"><b>2</b></a>","t":"2018-03-05T09:07:03.045Z"},"activities":{"A":{"output":{"v":[1]},"status":"Succeeded"}},"item":{"k":"v"}}`
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 || !utf8.ValidString(s) {
			return
		}
		v, err := newContext(t, context).EvaluateString(s)
		again, errAgain := newContext(t, context).EvaluateString(s)
		if err != nil {
			if !isExprError(err) || errAgain == nil || errAgain.Error() != err.Error() {
				t.Fatalf("EvaluateString(%q): got error %#v, then %#v", s, err, errAgain)
			}
			return
		}
		text := value.Append(nil, v)
		back, err := value.Parse(text)
		if err != nil || !value.Equal(back, v) || !value.Equal(again, v) {
			t.Fatalf("EvaluateString(%q): got %s, read back %v, %v, again %v", s, text, back, err, again)
		}
	})
}

// FuzzDateFormat formats any timestamp in any format; what the default format
// writes reads as the same time.
func FuzzDateFormat(f *testing.F) {
	for _, v := range allVectors(f) {
		tpl := value.Text(v.Expr)
		if args, ok := strings.CutPrefix(tpl, "@formatDateTime('"); ok {
			ts, format, _ := strings.Cut(strings.TrimSuffix(args, "')"), "','")
			f.Add(ts, format)
		}
	}
	for _, ts := range []string{
		"3/15/2018 1:00 PM", "Thu, 15 Mar 2018 13:00:00 GMT", "15-Mar-18", "13:00+05:30 3/15", "2.5", "2018-03-15 -8", "Mar 32 15",
		"9999-12-31T23:59:59.99999999Z", "1 PM", "0001-01-01T00:00:00+14:00",
	} {
		f.Add(ts, "o")
	}
	f.Fuzz(func(t *testing.T, ts, format string) {
		c := &expr.Context{Variables: func(name string) (value.Value, bool) {
			if name == "ts" {
				return ts, true
			}
			return format, true
		}}
		out, err := c.EvaluateString("@formatDateTime(variables('ts'), variables('format'))")
		if err != nil && !isExprError(err) {
			t.Fatalf("formatDateTime(%q, %q): got error %#v", ts, format, err)
		}
		if s, ok := out.(string); ok && len(s) > 16*len(format)+40 {
			t.Fatalf("formatDateTime(%q, %q): got %d bytes", ts, format, len(s))
		}
		first, err := c.EvaluateString("@formatDateTime(variables('ts'))")
		if err != nil {
			return
		}
		ts = first.(string)
		second, err := c.EvaluateString("@formatDateTime(variables('ts'))")
		if err != nil || second != first {
			t.Fatalf("%s reads as %v, %v", first, second, err)
		}
	})
}

// FuzzXML checks that what parses converts to JSON, and any path ends.
func FuzzXML(f *testing.F) {
	f.Add("<a x='1'><b>2</b><b/>t</a>", "//b[1]/text()")
	f.Add("<?xml version='1.0'?><p:a xmlns:p='u'><![CDATA[x]]><!--c--><?pi d?></p:a>", "count(//*) + sum(/a/@x)")
	f.Add("<a><b><c/></b></a>", "//*[name()='c']/ancestor::*|/a")
	f.Add("<a/>", "substring-before(concat('a', 'b'), string(//x[position() > 1]))")
	f.Fuzz(func(t *testing.T, doc, path string) {
		if len(doc) > 4000 || len(path) > 500 {
			return
		}
		c := &expr.Context{Variables: func(name string) (value.Value, bool) {
			if name == "doc" {
				return doc, true
			}
			return path, true
		}}
		v, err := c.EvaluateString("@json(xml(variables('doc')))")
		if err != nil {
			if !isExprError(err) {
				t.Fatalf("json(xml(%q)): got error %#v", doc, err)
			}
			return
		}
		value.Append(nil, v)
		nodes, err := c.EvaluateString("@xpath(xml(variables('doc')), variables('path'))")
		if err != nil && !isExprError(err) {
			t.Fatalf("xpath(%q, %q): got error %#v", doc, path, err)
		}
		a, _ := nodes.(value.Array)
		for _, n := range a {
			if _, ok := n.(*value.Object); !ok {
				continue
			}
			c := &expr.Context{Item: func() (value.Value, bool) { return n, true }}
			if _, err := c.EvaluateString("@xml(item())"); err != nil {
				t.Fatalf("xpath(%q, %q) gave %s, which is not XML: %v", doc, path, value.Text(n), err)
			}
		}
	})
}

func BenchmarkInterpolation(b *testing.B) {
	c := newContext(b, `{"parameters":{"folder":"in","day":"2018-03-15T13:00:00Z"},"item":{"name":"sales"}}`)
	const in = "@{pipeline().parameters.folder}/@{item().name}/@{formatDateTime(pipeline().parameters.day, 'yyyy/MM/dd')}.csv"
	b.ReportAllocs()
	for b.Loop() {
		if v, err := c.EvaluateString(in); err != nil || v != "in/sales/2018/03/15.csv" {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkPropertyAccess(b *testing.B) {
	c := newContext(b, `{"activities":{"Lookup":{"output":{"firstRow":{"Id":1,"table":"t"}}}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := c.EvaluateString("@activity('Lookup').output.firstRow.table"); err != nil || v != "t" {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	text := `[` + strings.Repeat(`{"id":12345,"name":"a name","tags":["x","y"],"score":0.25,"ok":true},`, 99) + `{}]`
	c := &expr.Context{Variables: func(string) (value.Value, bool) { return text, true }}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c.Budget = expr.NewBudget("", nil) // thousands of iterations take more than one
		if _, err := c.EvaluateString("@json(variables('v'))"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Parse("@if(equals(activity('A').output.count, 0), concat('none-', utcNow('yyyyMMdd')), item().name)"); err != nil {
			b.Fatal(err)
		}
	}
}

// greeting is an expression as pipelines have many.
const greeting = "@concat('a', toUpper(pipeline().parameters.name), '-', string(add(1,2)))"

// BenchmarkGreeting parses it, evaluates it parsed, and evaluates its text, which is parsed
// once.
func BenchmarkGreeting(b *testing.B) {
	c := newContext(b, `{"parameters":{"name":"x"}}`)
	parsed, err := expr.Parse(greeting)
	if err != nil {
		b.Fatal(err)
	}
	for _, x := range []struct {
		name string
		f    func() (value.Value, error)
	}{
		{"parse", func() (value.Value, error) { _, err := expr.Parse(greeting); return "aX-3", err }},
		{"evaluate", func() (value.Value, error) { return c.EvaluateTemplate(parsed) }},
		{"kept", func() (value.Value, error) { return c.EvaluateString(greeting) }},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%1000 == 0 {
					c.Budget = expr.NewBudget("", nil) // thousands of iterations take more than one
				}
				if v, err := x.f(); err != nil || v != "aX-3" {
					b.Fatal(v, err)
				}
			}
		})
	}
}

func BenchmarkEvaluateDefinition(b *testing.B) {
	c := newContext(b, `{"parameters":{"u":"http://x"},"item":{"id":7}}`)
	v := parse(b, `{"url":{"value":"@concat(pipeline().parameters.u, '/', item().id)","type":"Expression"},"method":"POST","headers":{"Content-Type":"application/json"},"body":{"id":"@item().id","list":["a","@{item().id}"]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Evaluate(v); err != nil {
			b.Fatal(err)
		}
	}
}
