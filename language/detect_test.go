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

// TestDetectNothing: without letters, or without evidence, there is no language.
func TestDetectNothing(t *testing.T) {
	for _, text := range []string{"", "  ", "12345", "😡👎", "☎ +49", "\u200b"} {
		if got, conf := detect(text, "DE"); got.Code != "(Unknown)" || conf != 0 {
			t.Errorf("detect(%q) = %s at %v, want (Unknown) at 0", text, got.Code, conf)
		}
	}
}

// TestDetectHint: the country settles what the text leaves open, and no more.
func TestDetectHint(t *testing.T) {
	for _, tt := range []struct{ text, hint, want string }{
		{"Account 4711", "IT", "it"},
		{"Account 4711", "GB", "en"},
		{"Ich kann mich nicht anmelden", "US", "de"},
	} {
		if got, conf := detect(tt.text, tt.hint); got.Code != tt.want {
			t.Errorf("detect(%q, %s) = %s at %v, want %s", tt.text, tt.hint, got.Code, conf, tt.want)
		}
	}
}

// TestDetectConfidence: more text of one language is more confidence, a second
// language is less.
func TestDetectConfidence(t *testing.T) {
	_, short := detect("Wo bleibt mein Geld?", "")
	_, long := detect("Wo bleibt mein Geld? Ich warte seit zwei Wochen auf die Rückzahlung und niemand antwortet mir.", "")
	_, mixed := detect("Wo bleibt mein Geld? Where is my money, please?", "")
	if !(mixed < short && short <= long) {
		t.Errorf("confidence mixed %v, short %v, long %v, want rising", mixed, short, long)
	}
}
