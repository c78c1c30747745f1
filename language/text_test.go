package language

import (
	"slices"
	"strings"
	"testing"
)

func TestSentences(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"One. Two! Three?", []string{"One.", "Two!", "Three?"}},
		{"  One…  Two?! \n", []string{"One…", "Two?!"}},
		{"Mr. Smith paid 3.50 to Acme Inc. yesterday.", []string{"Mr. Smith paid 3.50 to Acme Inc. yesterday."}},
		{"See example.com. Thanks.", []string{"See example.com.", "Thanks."}},
		{"He said \"no.\" Then he left.", []string{"He said \"no.\"", "Then he left."}},
		{"line one\nline two", []string{"line one", "line two"}},
		{"Das gilt z. B. hier. Und bzw. dort.", []string{"Das gilt z. B. hier.", "Und bzw. dort."}},
		{"¿Qué? ¡No!", []string{"¿Qué?", "¡No!"}},
		{"一。二！", []string{"一。", "二！"}},
		{" \n ", nil},
	} {
		var got []string
		for _, s := range sentences(tt.text) {
			got = append(got, tt.text[s.from:s.to])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("sentences(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestTokenize(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Don't stop-me now!", "don't|stop-me|now|!"},
		{"L’été – c'est", "l'été|–|c'est"},
		{"a@b.c 3.5", "a|@|b|.|c|3|.|5"},
		{"'quoted'", "'|quoted|'"},
		{"a\x00b", "a|b"},
		{strings.Repeat("x", 65) + " y", "y"},
	} {
		var got []string
		for _, k := range tokenize(tt.text) {
			if k.mark != 0 {
				got = append(got, string(k.mark))
			} else {
				got = append(got, k.lower)
			}
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("tokenize(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestUnits counts by Unicode 8.0.0, where an emoji sequence is not one element.
func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		text                      string
		elements, points, utf16cu int
	}{
		{"abc", 3, 3, 3},
		{"e\u0301", 1, 2, 2},
		{"\r\n", 1, 2, 2},
		{"😀", 1, 1, 2},
		{"🇩🇪", 1, 2, 4},
		{"👩\u200d👧", 2, 3, 5},
		{"한국", 2, 2, 2},
		{"\u1112\u1161\u11ab", 1, 3, 3},
		{"नमस्ते", 4, 6, 6},
		{"ก\u0e33", 1, 2, 2},
		{"a\u00adb", 3, 3, 3},
		{"", 0, 0, 0},
	} {
		for unit, want := range []int{tt.elements, tt.points, tt.utf16cu} {
			c := &cursor{text: tt.text, unit: indexType(unit)}
			if got := c.at(len(tt.text)); got != want {
				t.Errorf("length of %+q in unit %d = %d, want %d", tt.text, unit, got, want)
			}
		}
		if got := countElements(tt.text, 100); got != tt.elements {
			t.Errorf("countElements(%+q) = %d, want %d", tt.text, got, tt.elements)
		}
	}
	c := &cursor{text: "😀 ab", unit: utf16CodeUnit}
	if off, n := c.span(5, 7); off != 3 || n != 2 {
		t.Errorf("span of ab = %d, %d, want 3, 2", off, n)
	}
	if off, n := c.span(0, 4); off != 0 || n != 2 {
		t.Errorf("span of the emoji after it = %d, %d, want 0, 2", off, n)
	}
}

func TestKeyPhrases(t *testing.T) {
	for _, tt := range []struct {
		lang, text string
		want       []string
	}{
		{"en", "The delivery service lost my parcel and the support team at help@example.com does not answer.",
			[]string{"delivery service lost", "support team", "parcel", "answer"}},
		{"en", "Card 4111-1111, see www.example.com/a.html or mail@example.org", []string{"Card", "mail"}[:1]},
		{"de", "Die Rechnung ist falsch. Die Rechnung hat eine falsche Adresse.", []string{"falsche Adresse", "Rechnung", "falsch"}},
		{"fr", "L’application mobile plante et le service client ne répond pas.", []string{"service client", "application mobile plante", "répond"}},
		{"es", "La fuente de alimentación está rota.", []string{"fuente", "alimentación", "rota"}},
		{"en", "and or the", []string{}},
	} {
		got := keyPhrases(tt.text, stopWordsOf(tt.lang))
		slices.Sort(got)
		want := slices.Sorted(slices.Values(tt.want))
		if !slices.Equal(got, want) {
			t.Errorf("%s %q: %q, want %q", tt.lang, tt.text, got, want)
		}
	}
}
