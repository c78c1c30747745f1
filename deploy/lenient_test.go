package deploy

import (
	"encoding/json"
	"testing"
)

func TestBlankExtras(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a":1,}`, `{"a":1 }`},
		{"[1, 2, // two\n]", "[1, 2        \n]"},
		{`{"u":"http://x, ]","v":"a\",}"}`, `{"u":"http://x, ]","v":"a\",}"}`},
		{"/* a\nb */[1,/*x*/]", "    \n    [1      ]"},
		{`[1,2]`, `[1,2]`},
		{`[1 /*`, `[1 /*`},
		{`"\`, `"\`},
	} {
		got := string(blankExtras([]byte(c.in)))
		if got != c.want || len(got) != len(c.in) {
			t.Errorf("blankExtras(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestDecodeText(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string
		ok   bool
	}{
		{"{}", "{}", true},
		{"\xEF\xBB\xBF{}", "{}", true},
		{"\xFF\xFE{\x00}\x00", "{}", true},
		{"\xFE\xFF\x00{\x00}", "{}", true},
		{"\xFF\xFE{", "", false},
		{"\xC3(", "", false},
	} {
		got, err := decodeText([]byte(c.in))
		if (err == nil) != c.ok || string(got) != c.want {
			t.Errorf("decodeText(%q) = %q, %v; want %q, ok %v", c.in, got, err, c.want, c.ok)
		}
	}
}

func FuzzBlankExtras(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,],}`, "//x\n{}", `/**/`, `"\"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := blankExtras(b)
		if len(got) != len(b) {
			t.Fatalf("blankExtras(%q) changed the length to %d", b, len(got))
		}
		// What was JSON stays the same JSON.
		if json.Valid(b) && string(got) != string(b) {
			t.Fatalf("blankExtras(%q) = %q: valid JSON was changed", b, got)
		}
	})
}
