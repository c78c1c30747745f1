package value

import (
	"bytes"
	"testing"
)

// TestPlain puts every byte at every place of a text.
func TestPlain(t *testing.T) {
	for size := range 35 {
		for at := range size {
			for c := range 256 {
				b := bytes.Repeat([]byte("a"), size)
				b[at] = byte(c)
				n, ascii := plain(b)
				stops := c < ' ' || c == '"' || c == '\\'
				want := size / 8 * 8
				if stops {
					want = min(want, at/8*8)
				}
				if n != want || ascii != (c < 0x80 || stops || at >= n) {
					t.Fatalf("%d bytes with %#x at %d: %d, ASCII %t; want %d", size, c, at, n, ascii, want)
				}
			}
		}
	}
}

// BenchmarkParseText is a text of 1 MiB.
func BenchmarkParseText(b *testing.B) {
	text := append(append([]byte(`"`), bytes.Repeat([]byte("words, "), 150_000)...), '"')
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
