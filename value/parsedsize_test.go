package value_test

import (
	"runtime"
	"strings"
	"testing"

	"switchyard/value"
)

// TestParsedSize: parsing allocates no more than twice what is said, garbage included, and
// of long texts not a tenth.
func TestParsedSize(t *testing.T) {
	for _, c := range []struct {
		name, text string
		atMost     int // times the length of the text
	}{
		{"empty lists", "[" + strings.Repeat("[],", 100_000) + "[]]", 50},
		{"empty objects", "[" + strings.Repeat("{},", 100_000) + "{}]", 50},
		{"numbers", "[" + strings.Repeat("1000,", 100_000) + "1]", 30},
		{"digits", "[" + strings.Repeat("1,", 100_000) + "1]", 40},
		{"short texts", "[" + strings.Repeat(`"a",`, 100_000) + `""]`, 30},
		{"members", "[" + strings.Repeat(`{"a":1000},`, 100_000) + "1]", 30},
		{"a long text", `"` + strings.Repeat("a", 1<<20) + `"`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := []byte(c.text)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v, err := value.Parse(b)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			runtime.KeepAlive(v)
			said, took := value.ParsedSize(b), int64(after.TotalAlloc-before.TotalAlloc)
			if took > 2*said+64<<10 {
				t.Errorf("%d bytes were allocated, %d are said", took, said)
			}
			if most := int64(c.atMost * len(b)); said > most {
				t.Errorf("%d bytes are said, for a text of %d", said, len(b))
			}
		})
	}
}
