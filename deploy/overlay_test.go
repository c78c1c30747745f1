package deploy

import (
	"strings"
	"testing"

	"switchyard/value"
)

// TestMerge: objects are merged, null takes away, elements with names are found by them,
// and everything else is replaced.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ base, over, want string }{
		{`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"D":4,"e":5}}`, `{"a":1,"b":{"c":2,"d":4,"e":5}}`},
		{`{"a":1,"b":2}`, `{"a":null,"c":null}`, `{"b":2}`},
		{`{"a":{"x":1}}`, `{"a":"text"}`, `{"a":"text"}`},
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
		{`{"a":[]}`, `{"a":[{"name":"n"}]}`, `{"a":[{"name":"n"}]}`},
		{`{"a":[{"name":"m","v":1,"w":2},{"Name":"n","v":3}]}`, `{"a":[{"name":"N","v":4},{"name":"o"}]}`,
			`{"a":[{"name":"m","v":1,"w":2},{"Name":"N","v":4},{"name":"o"}]}`},
		{`{"a":[{"name":"m"},1]}`, `{"a":[{"name":"m","v":1}]}`, `{"a":[{"name":"m","v":1}]}`},
	} {
		parse := func(text string) *value.Object {
			v, err := value.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return v.(*value.Object)
		}
		base := parse(c.base)
		if got := string(value.Append(nil, mergeObjects(base, parse(c.over)))); got != c.want {
			t.Errorf("%s with %s over it:\n got %s\nwant %s", c.base, c.over, got, c.want)
		}
		if got := string(value.Append(nil, base)); got != c.base {
			t.Errorf("%s was changed to %s", c.base, got)
		}
	}
}

// TestParseEnv: the forms of a line, and what is none.
func TestParseEnv(t *testing.T) {
	for _, c := range []struct{ line, name, want string }{
		{"A=b", "a", "b"},
		{"  export API_KEY = v # why ", "apiKey", "v"},
		{"api-key=a#b=c", "API_KEY", "a#b=c"},
		{"A='b # $x \\n'", "A", `b # $x \n`},
		{`A="b\n\"c\"\\\$\t" # why`, "A", "b\n\"c\"\\$\\t"},
		{"A=", "A", ""},
		{"A=''", "A", ""},
		{"A=b\r", "A", "b"},
		{"P__token=x", "Ptoken", "x"},
	} {
		e, ds := parseEnv(".env", []byte("# first\n\n"+c.line+"\n"))
		if got, ok := e.Lookup(c.name); len(ds) > 0 || !ok || got != c.want {
			t.Errorf("%q: %q, %v, %v; want %q", c.line, got, ok, ds, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"x", ".env:1:1: error: $: is not NAME=VALUE"},
		{"=x", "is not NAME=VALUE"}, {"a b=x", "is not NAME=VALUE"},
		{"A='x", "A: the closing ' is missing"},
		{"A='x' y", "A: something follows the closing '"},
		{"A_B=1\nab=2", ".env:2:1: error: $: ab is A_B, which is there already"},
	} {
		if _, ds := parseEnv(".env", []byte(c.text)); len(ds) != 1 || !strings.Contains(ds.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, ds, c.want)
		}
	}
}

// TestFind: a path leads to the value, or to what is around it; elements are found by
// index and by name.
func TestFind(t *testing.T) {
	const text = `{"a": {"b.c": 1, "list": [10, {"Name": "x", "v": [true]}]}}`
	for _, c := range []struct {
		path, named, at string
		whole           bool
	}{
		{"", "", `{"a"`, true}, {".A", ".A", `{"b.c"`, true}, {".a.b.c", ".a.b.c", "1, ", true},
		{".a.list[0]", ".a.list[0]", "10", true}, {".a.list[1].v[0]", ".a.list[x].v[0]", "true", true},
		{".a.list[X].v", ".a.list[x].v", "[true]", true}, {".a.list[2].v", ".a.list[2].v", "[10", false},
		{".a.gone.more", ".a.gone.more", `{"b.c"`, false}, {".lis", ".lis", `{"a"`, false},
	} {
		got := find([]byte(text), c.path)
		if got.named != c.named || got.whole != c.whole || !strings.HasPrefix(text[got.offset:], c.at) {
			t.Errorf("%s: %+v, at %.10s; want %s, %v, at %s", c.path, got, text[got.offset:], c.named, c.whole, c.at)
		}
	}
	for _, broken := range []string{"", "{", `{"a":`, `{"a" 1}`, "[1", "x"} {
		find([]byte(broken), ".a[0]") // does not panic
	}
}
