package golden

import (
	"bytes"
	"testing"
)

func TestText(t *testing.T) {
	for _, test := range []struct{ bytes, text string }{
		{`{"a":"ü"}`, `{"a":"ü"}`},
		{"key: x\n", `"key: x\n"`},
		{"{\n}", `"{\n}"`},
		{"\x00\xff", "00ff"},
		{"{\x00", "7b00"},
		{"", ""},
	} {
		if got := text([]byte(test.bytes)); got != test.text {
			t.Errorf("text(%q) = %s, want %s", test.bytes, got, test.text)
		}
		if got, err := parse(test.text); err != nil || !bytes.Equal(got, []byte(test.bytes)) {
			t.Errorf("parse(%s) = %q, %v, want %q", test.text, got, err, test.bytes)
		}
	}
}

// What is there is read and never written again, even with -update.
func TestCheckKeepsLines(t *testing.T) {
	t.Chdir(t.TempDir())
	old := *Update
	*Update = true
	defer func() { *Update = old }()
	value := "a"
	records := func(version int) []Record {
		if version == 1 {
			return []Record{JSON("r", "a", nil)}
		}
		return []Record{JSON("r", value, nil)}
	}
	Check(t, "f", 1, records)
	value = "b"
	Check(t, "f", 2, records)
	for version, want := range map[int]string{1: `"a"`, 2: `"b"`} {
		if got := Read(t, "f", version)["r"]; string(got) != want {
			t.Errorf("version %d: got %s, want %s", version, got, want)
		}
	}
}
