package language

import "testing"

func TestSentiment(t *testing.T) {
	for _, tt := range []struct{ lang, text, want string }{
		{"en", "The support was excellent.", "positive"},
		{"en", "The support was not good.", "negative"},
		{"en", "The support wasn't good.", "negative"},
		{"en", "Not bad at all.", "positive"},
		{"fr", "Merci de me rappeler.", "neutral"},
		{"fr", "Merci pour votre aide.", "positive"},
		{"en", "My order has not arrived.", "negative"},
		{"en", "My order has arrived.", "neutral"},
		{"en", "How do I change my password?", "neutral"},
		{"en", "It is slightly slow.", "neutral"},
		{"en", "It is extremely slow.", "negative"},
		{"en", "The lamp is nice, but it arrived broken and nobody helped.", "negative"},
		{"en", "Good morning, where is my parcel? Kind regards, Ann", "neutral"},
		{"de", "Guten Tag, wo ist mein Paket? Mit freundlichen Grüßen", "neutral"},
		{"es", "Buenos días, ¿dónde está mi paquete?", "neutral"},
		{"en", "The invoice is wrong.", "negative"},
		{"en", "I love it. I hate the box.", "mixed"},
		{"en", "I love it. It has a box.", "positive"},
		{"de", "Das Gerät funktioniert nicht.", "negative"},
		{"de", "Das Gerät funktioniert.", "neutral"},
		{"de", "Ich bin sehr zufrieden.", "positive"},
		{"de", "Ich bin nicht zufrieden.", "negative"},
		{"de", "Das gefällt mir überhaupt nicht.", "negative"},
		{"de", "Die Lieferung war schnell, aber der Spiegel ist kaputt.", "negative"},
		{"de", "Keine Probleme.", "neutral"},
		{"fr", "L'application ne fonctionne pas.", "negative"},
		{"fr", "Je suis très content.", "positive"},
		{"fr", "Je ne suis pas content.", "negative"},
		{"fr", "Ce n'est pas bon.", "negative"},
		{"fr", "Où est mon colis ?", "neutral"},
		{"es", "La aplicación no funciona.", "negative"},
		{"es", "Estoy muy contenta con el servicio.", "positive"},
		{"es", "No estoy contenta.", "negative"},
		{"es", "¿Dónde está mi paquete?", "neutral"},
		{"en", "😡😡", "negative"},
		{"en", "👍", "positive"},
	} {
		d := &document{ID: "1", Text: tt.text, lang: tt.lang}
		got := analyzeSentiment(&parameters{}, d).(*sentimentResult)
		if got.Sentiment != tt.want {
			t.Errorf("%s %q: %s %+v, want %s", tt.lang, tt.text, got.Sentiment, got.Scores, tt.want)
		}
		s := got.Scores
		if sum := s.Positive + s.Neutral + s.Negative; sum < 0.9999 || sum > 1.0001 {
			t.Errorf("%s %q: scores %+v add up to %v, want 1", tt.lang, tt.text, s, sum)
		}
	}
}

// TestDegrees: more emphasis is more confidence.
func TestDegrees(t *testing.T) {
	last := -1.0
	for _, text := range []string{"It is slightly bad.", "It is bad.", "It is bad!", "It is BAD!", "It is very bad!", "It is terrible!!!"} {
		got := analyzeSentiment(&parameters{}, &document{Text: text, lang: "en"}).(*sentimentResult).Scores.Negative
		if got <= last {
			t.Errorf("%q: negative %v, want more than %v of the one before", text, got, last)
		}
		last = got
	}
}

// TestLexicons: no word is in two lists of strength, and no prefix is too short
// to be found.
func TestLexicons(t *testing.T) {
	for lang, src := range map[string]*lexiconSource{"en": english, "de": german, "fr": french, "es": spanish} {
		seen := map[string]string{}
		for name, list := range map[string]string{"pos3": src.pos3, "pos2": src.pos2, "pos1": src.pos1, "neg1": src.neg1, "neg2": src.neg2, "neg3": src.neg3, "whenNegated": src.whenNegated} {
			for w := range wordSet(list) {
				if other := seen[w]; other != "" {
					t.Errorf("%s: %q is in %s and %s", lang, w, other, name)
				}
				seen[w] = name
				if w[len(w)-1] == '*' && len(w)-1 < minPrefix {
					t.Errorf("%s: prefix %q is shorter than %d bytes", lang, w, minPrefix)
				}
			}
		}
	}
}
