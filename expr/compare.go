package expr

import (
	"cmp"
	"unicode/utf8"
)

// compareFold orders two strings as the language does [EXPR 2.1]: by the UTF-16
// code units of their upper-cased text.
func (ev *evaluation) compareFold(a, b string) (int, error) {
	for n := 1; a != "" && b != ""; n++ {
		if n%1024 == 0 {
			if err := ev.spend(1024); err != nil {
				return 0, err
			}
		}
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		ra, rb = upperRune(ra), upperRune(rb)
		if ra != rb {
			// Code points beyond the basic plane are surrogates in UTF-16 and
			// sort before U+E000 and above.
			if surrogates := cmp.Compare(codeUnitRank(ra), codeUnitRank(rb)); surrogates != 0 {
				return surrogates, nil
			}
			return cmp.Compare(ra, rb), nil
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b)), nil
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
