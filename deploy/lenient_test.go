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
