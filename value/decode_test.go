package value_test

import (
	"testing"

	"switchyard/value"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, file, want, fail string }{
		{"UTF-8", "{ä}", "{ä}", ""},
		{"UTF-8 with mark", "\xEF\xBB\xBFä", "ä", ""},
		{"empty", "", "", ""},
		{"UTF-16, low byte first", "\xFF\xFEa\x00\xE4\x00\x3D\xD8\x00\xDE", "aä😀", ""},
		{"UTF-16, high byte first", "\xFE\xFF\x00a\x00\xE4", "aä", ""},
		{"half a pair", "\xFF\xFE\x3D\xD8", "\uFFFD", ""},
		{"odd UTF-16", "\xFF\xFEa", "", "UTF-16 text of an odd number of bytes"},
		{"Latin-1", "\xE4", "", "the file is neither UTF-8 nor UTF-16 with a byte-order mark"},
		{"mark before Latin-1", "\xEF\xBB\xBF\xE4", "", "the file is neither UTF-8 nor UTF-16 with a byte-order mark"},
	} {
		got, err := value.Decode([]byte(c.file))
		fail := ""
		if err != nil {
			fail = err.Error()
		}
		if string(got) != c.want || fail != c.fail {
			t.Errorf("%s: got %q, error %q, want %q, error %q", c.name, got, fail, c.want, c.fail)
		}
	}
}
