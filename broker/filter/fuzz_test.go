package filter_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"switchyard/broker/filter"
)

// FuzzSQL: any text is an error of the definition or a filter that can be
// matched; a filter and its negation never both match.
func FuzzSQL(f *testing.F) {
	for _, s := range []string{"1=1", "a = 1 AND NOT (b <> 2.5 OR color LIKE 'r%' ESCAPE '!')", "sys.Label IN ('a', @p, newid())", `"x""y" IS NOT NULL`, "EXISTS(user.[z]) or -a+2*3%4/5>=1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1000 {
			return
		}
		m, err := filter.Filter{Type: filter.SQLType, Expression: s, Parameters: filter.Values{"p": "x"}}.Compile()
		if err != nil {
			if !errors.Is(err, filter.ErrInvalid) {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		is, err := m.Match(order())
		if err != nil {
			if !errors.Is(err, filter.ErrEvaluation) {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		n, err := filter.Filter{Type: filter.SQLType, Expression: "NOT(" + s + ")", Parameters: filter.Values{"p": "x"}}.Compile()
		if err != nil {
			t.Fatalf("NOT(%q): %v", s, err)
		}
		if isNot, err := n.Match(order()); is && isNot || err != nil {
			t.Fatalf("%q: %v, its negation %v, error %v", s, is, isNot, err)
		}
	})
}

func FuzzAction(f *testing.F) {
	for _, s := range []string{"SET a = 1; REMOVE b", "SET sys.Label='x' SET [c]=p('a')+1", "SET x='a' SET x=x+x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := filter.Action{Expression: s}.Compile()
		if err != nil {
			if !errors.Is(err, filter.ErrInvalid) {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		if p == nil {
			return
		}
		if _, err := p.Run(order()); err != nil && !errors.Is(err, filter.ErrEvaluation) {
			t.Fatalf("%q: error %v", s, err)
		}
	})
}

// FuzzLike compares LIKE with a regular expression.
func FuzzLike(f *testing.F) {
	f.Add("abcabc", "a%b_")
	f.Add("mississippi", "%iss%ip%")
	f.Add("50%", "50!%")
	f.Fuzz(func(t *testing.T, value, pattern string) {
		value, pattern = strings.ToValidUTF8(value, "?"), strings.ToValidUTF8(pattern, "?")
		if len(value) > 50 || len(pattern) > 50 {
			return
		}
		m, err := filter.Filter{Expression: "@v LIKE @p ESCAPE '!'", Parameters: filter.Values{"v": value, "p": pattern}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Match(order())
		var re strings.Builder
		literal := false
		for _, r := range pattern {
			switch {
			case literal:
				re.WriteString(regexp.QuoteMeta(string(r)))
				literal = false
			case r == '!':
				literal = true
			case r == '%':
				re.WriteString(`.*`)
			case r == '_':
				re.WriteString(`.`)
			default:
				re.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		if literal {
			if err == nil {
				t.Fatalf("%q LIKE %q: no error for the escape at the end", value, pattern)
			}
			return
		}
		if want := regexp.MustCompile(`(?s)\A` + re.String() + `\z`).MatchString(value); got != want || err != nil {
			t.Fatalf("%q LIKE %q: got %v, error %v; want %v", value, pattern, got, err, want)
		}
	})
}

func BenchmarkSQL(b *testing.B) {
	m, err := filter.Filter{Expression: "color = 'red' AND a + 1 > 1 AND sys.Label LIKE 'Or%' AND b IN (5, 4, 3, 2)"}.Compile()
	if err != nil {
		b.Fatal(err)
	}
	c := order()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := m.Match(c); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
