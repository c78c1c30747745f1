package spelling_test

import (
	"testing"

	"switchyard/spelling"
)

func TestNearest(t *testing.T) {
	among := []string{"concat", "contains", "formatDateTime", "int", "if", "and", "add"}
	for word, want := range map[string]string{
		"cnocat":         "concat", // swapped
		"conkat":         "concat", // mistaken
		"concatt":        "concat", // put in
		"contain":        "contains",
		"CONTAIN":        "contains",
		"formatdatetim":  "formatDateTime",
		"formatDateTmie": "formatDateTime",
		"fromatDateTmie": "formatDateTime", // two slips
		"formDate":       "",
		"adn":            "and", // both "and" and "add" are one slip away
		"iff":            "if",
		"fi":             "", // too short
		"":               "",
	} {
		if got := spelling.Nearest(word, among); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
