package expr

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// upperRune and lowerRune map one character as the invariant culture does:
// one to one, and without the mappings that belong to a language.
func upperRune(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	if r == 'ı' {
		return r
	}
	return unicode.ToUpper(r)
}

func lowerRune(r rune) rune {
	if r == 'İ' {
		return r
	}
	return unicode.ToLower(r)
}

// units returns the length of s in UTF-16 code units.
func units(s string) int {
	if isASCII(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// isASCII reports whether byte and code-unit positions in s are the same.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// sliceUnits returns the code units of s from start up to end. Half a surrogate
// pair at a border becomes U+FFFD, since strings here are UTF-8.
func sliceUnits(s string, start, end int) string {
	if isASCII(s) {
		return s[start:end]
	}
	return string(utf16.Decode(utf16.Encode([]rune(s))[start:end]))
}
