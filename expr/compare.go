package expr

import (
	"cmp"
	"unicode/utf8"
)

// compareFold orders two strings as the language does [EXPR 2.1]: by the UTF-16
// code units of their upper-cased text.
func compareFold(a, b string) int {
	for a != "" && b != "" {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		ra, rb = upperRune(ra), upperRune(rb)
		if ra != rb {
			// Code points beyond the basic plane are surrogates in UTF-16 and
			// sort before U+E000 and above.
			if surrogates := cmp.Compare(codeUnitRank(ra), codeUnitRank(rb)); surrogates != 0 {
				return surrogates
			}
			return cmp.Compare(ra, rb)
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
}

func codeUnitRank(r rune) int {
	switch {
	case r < 0xD800:
		return 0
	case r > 0xFFFF:
		return 1
	}
	return 2
}
