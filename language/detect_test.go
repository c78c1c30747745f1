package language

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestDetectShort goes through messages of a few words in the 43 languages and
// scripts of testdata/detect.tsv: code, tab, text.
func TestDetectShort(t *testing.T) {
	f, err := os.Open("testdata/detect.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		want, text, ok := strings.Cut(s.Text(), "\t")
		if !ok {
			t.Fatalf("testdata/detect.tsv: no tab in %q", s.Text())
		}
		got, conf := detect(text, "")
		if got.Code != want {
			t.Errorf("detect(%q) = %s at %v, want %s", text, got.Code, conf, want)
		}
		if conf <= 0 || conf > 1 {
			t.Errorf("detect(%q): confidence %v, want above 0 and at most 1", text, conf)
		}
	}
}
