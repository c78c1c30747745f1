package language_test

import (
	"testing"

	"switchyard/language"
)

func TestResolve(t *testing.T) {
	for v, want := range map[any]any{
		language.Placeholder: "http://language.switchyard.localhost", "switchyard:Language": "switchyard:Language",
		"https://x.example": "https://x.example", 7: 7, nil: nil,
	} {
		if got := language.Resolve(v); got != want {
			t.Errorf("Resolve(%v) = %v, want %v", v, got, want)
		}
	}
}
