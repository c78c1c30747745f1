package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct{ in, want string }{
		{` [ 1 , -0 , 1.0, 1e2 ,-1.5E-3] `, `[1,0,1.0,100.0,-0.0015]`},
		{`{"b":1,"a":{"z":null,"y":[true,false]}}`, `{"b":1,"a":{"z":null,"y":[true,false]}}`},
		{`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{`"\u0041\ud83d\ude00\/\b\f\n\r\t\u0001\"\\"`, `"A😀/\b\f\n\r\t\u0001\"\\"`},
		{`"\ud83d x \ude00 \ud83d\u0041"`, "\"\uFFFD x \uFFFD \uFFFDA\""},
		{`"<a href='x'>&\u2028"`, "\"<a href='x'>&\u2028\""},
		{`9223372036854775807`, `9223372036854775807`},
		{`-9223372036854775808`, `-9223372036854775808`},
		{`9223372036854775808`, `9.223372036854776E+18`},
		{`1e21`, `1E+21`},
		{`0.000001`, `1E-06`},
		{`1e-7`, `1E-07`},
		{`[]`, `[]`},
		{`{}`, `{}`},
	}
	for _, tt := range tests {
		v, err := Parse([]byte(tt.in))
		if err != nil {
			t.Errorf("Parse(%s): %v", tt.in, err)
			continue
		}
		if got := string(Append(nil, v)); got != tt.want {
			t.Errorf("Parse(%s): got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		in           string
		line, column int
	}{
		{"", 1, 1},
		{"[1,\n 2,\n  x]", 3, 3},
		{"[1,]", 1, 4},
		{"[1 2]", 1, 4},
		{"{\"a\" 1}", 1, 6},
		{"{a:1}", 1, 2},
		{"{\"a\":1,}", 1, 8},
		{"\"abc", 1, 1},
		{"\"a\nb\"", 1, 3},
		{"\"\\x\"", 1, 2},
		{"\"\\u12g4\"", 1, 2},
		{"\"\xff\"", 1, 2},
		{"01", 1, 1},
		{"1.", 1, 3},
		{"-", 1, 2},
		{"1e+", 1, 4},
		{"1e999", 1, 1},
		{"nul", 1, 1},
		{"1 1", 1, 3},
		{"\ufeff1", 1, 1},
		{"'a'", 1, 1},
		{strings.Repeat("[", MaxDepth+1), 1, MaxDepth + 1},
		{strings.Repeat(`{"":`, MaxDepth+1), 1, 4*MaxDepth + 1},
	}
	for _, tt := range tests {
		v, err := Parse([]byte(tt.in))
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): got %v, %v, want a SyntaxError", tt.in, v, err)
			continue
		}
		if e.Line != tt.line || e.Column != tt.column {
			t.Errorf("Parse(%q): got %q, want line %d, column %d", tt.in, err, tt.line, tt.column)
		}
	}
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	if _, err := Parse([]byte(deep)); err != nil {
		t.Errorf("Parse of %d levels: %v", MaxDepth, err)
	}
}

func TestAppendOfWhatJSONCannotHold(t *testing.T) {
	v := Array{math.NaN(), math.Inf(-1), "\xff"}
	if got, want := string(Append(nil, v)), "[null,null,\"\uFFFD\"]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("Append of an int did not panic: it is not a Value")
		}
	}()
	Append(nil, Array{1})
}

func TestEqual(t *testing.T) {
	object := func(s string) Value {
		v, err := Parse([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true},
		{`9007199254740993`, `9007199254740992.0`, false},
		{`{"a":1,"b":[1,{"c":null}]}`, `{"b":[1.0,{"c":null}],"a":1}`, true},
		{`{"a":1}`, `{"A":1}`, false},
		{`{"a":null}`, `{"b":null}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`"1"`, `1`, false},
		{`true`, `1`, false},
		{`null`, `false`, false},
		{`[]`, `{}`, false},
		{`["a,b"]`, `["a","b"]`, false},
	}
	for _, tt := range tests {
		a, b := object(tt.a), object(tt.b)
		if got := Equal(a, b); got != tt.want {
			t.Errorf("Equal(%s, %s): got %v, want %v", tt.a, tt.b, got, tt.want)
		}
		if got := Equal(b, a); got != tt.want {
			t.Errorf("Equal(%s, %s): got %v, want %v", tt.b, tt.a, got, tt.want)
		}
		if got := bytes.Equal(AppendKey(nil, a), AppendKey(nil, b)); got != tt.want {
			t.Errorf("keys of %s and %s: equal is %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

// FuzzParse checks that what parses is what the standard library takes for
// JSON, and that writing and reading it again changes nothing.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e3,"x\u00e4\n",null,true],"b":{}}`, `[9223372036854775808,1e-7]`, `"\ud83d\ude00\ud800"`, ` 0 `, "[[[[", `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Parse(b)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(b) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("Parse(%q): got error %#v", b, err)
			}
			return
		}
		if !json.Valid(b) {
			t.Fatalf("Parse(%q): got %v for what is not JSON", b, v)
		}
		text := Append(nil, v)
		again, err := Parse(text)
		if err != nil || !Equal(v, again) {
			t.Fatalf("Parse(%q) wrote %q, which reads as %v, %v", b, text, again, err)
		}
		if second := Append(nil, again); !bytes.Equal(text, second) {
			t.Fatalf("Parse(%q) wrote %q and then %q", b, text, second)
		}
	})
}

// TestParseLax covers what the JSON library of .NET reads [EXPR 8].
func TestParseLax(t *testing.T) {
	tests := []struct{ in, want string }{
		{``, `null`},
		{" \u00a0// nothing", `null`},
		{`{'one':1,"it's":'a"b\'c'}`, `{"one":1,"it's":"a\"b'c"}`},
		{`{a:1, $b_2 : [ ] , 3:{},ä:null,}`, `{"a":1,"$b_2":[],"3":{},"ä":null}`},
		{`[1,2,]`, `[1,2]`},
		{"/* [ */ [1, //]\n 2/**/,/* , */]", `[1,2]`},
		{`[1] x`, `[1]`},
		{`{"a":1}{`, `{"a":1}`},
		{`true,`, `true`},
		{"\"a\n\tb\\u0041\\\"\"", `"a\n\tbA\""`},
		{`[.5,-.5,5.,1.e3,0x1F,017,00,-017,-0,0.5,0e1]`, `[0.5,-0.5,5.0,1000.0,31,15,0,-17,0,0.5,0.0]`},
		{`[99999999999999999999]`, `[1E+20]`},
	}
	for _, tt := range tests {
		v, err := ParseLax([]byte(tt.in), MaxDepth, nil)
		if err != nil {
			t.Errorf("ParseLax(%s): %v", tt.in, err)
			continue
		}
		if got := string(Append(nil, v)); got != tt.want {
			t.Errorf("ParseLax(%s): got %s, want %s", tt.in, got, tt.want)
		}
	}
	for _, in := range []string{
		`{`, `[1`, `{"a":1`, `{"a":`, `[`, `]`, `}`, `{,}`, `[,]`, `[1,,2]`, `{"a":,}`, `{"a" 1}`, `{a b:1}`, `{a-b:1}`, `{"a"/**/:1}`, `{:1}`, `[1 2]`,
		`{"a":1 "b":2}`, `[1}`, `{"a":1]`, `"a`, `'a"`, `"\a"`, `"\x41"`, `"\u00"`, `"\`, `/* c`, `/ c`, `True`, `trueish`, `nul`, `NaN`, `-Infinity`, `undefined`,
		`new Date(5)`, `08`, `01.5`, `0x`, `+1`, `1e`, `--1`, `1-1`, `-`, `.`, `1_000`, `1x`, `1e400`, `abc`, `<a/>`, `:`, "\"\xff\"", "\ufeff1", strings.Repeat("[", MaxDepth+1),
	} {
		if v, err := ParseLax([]byte(in), MaxDepth, nil); err == nil {
			t.Errorf("ParseLax(%q): got %s, want an error", in, Append(nil, v))
		}
	}
}

// TestParseLaxSpends: the reader of one long token or comment ends when told so.
func TestParseLaxSpends(t *testing.T) {
	stop := errors.New("stop")
	long := strings.Repeat("x", 1<<20)
	for _, in := range []string{"'" + long + "'", "/*" + long + "*/ 1", "//" + long, "[" + strings.Repeat("'',", 1<<20) + "]"} {
		calls := 0
		_, err := ParseLax([]byte(in), MaxDepth, func(int, int) error {
			if calls++; calls == 3 {
				return stop
			}
			return nil
		})
		if err != stop {
			t.Errorf("%.10s…: got %v, want the error of spend", in, err)
		}
	}
}

// FuzzParseLax checks that what is JSON reads the same, and that nothing ends it.
func FuzzParseLax(f *testing.F) {
	for _, s := range []string{`{a:1,'b':[.5,0x1F,],/* c */"d":"\u0041"}`, `[1]`, `'it\'s'`, "//\n1", `{"a":{"b":null}} rest`, `-017`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		lax, err := ParseLax([]byte(s), MaxDepth, nil)
		strict, bad := Parse([]byte(s))
		switch {
		case bad == nil && err != nil:
			t.Fatalf("ParseLax(%q): %v, but it is JSON", s, err)
		case bad == nil && !Equal(lax, strict):
			t.Fatalf("ParseLax(%q) = %s, want %s", s, Append(nil, lax), Append(nil, strict))
		case err == nil:
			if again, err := Parse(Append(nil, lax)); err != nil || !Equal(again, lax) {
				t.Fatalf("ParseLax(%q) = %s, which does not read back: %v", s, Append(nil, lax), err)
			}
		}
	})
}
