package expr

import (
	"cmp"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// asciiOrder lists what is not ignored of ASCII in the order of the invariant culture, that
// of Unicode's root collation. Letters differ from their capitals only if nothing else
// does.
const asciiOrder = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"

// asciiWeights has, for each character of ASCII, its place in asciiOrder from 1 on; 0 for
// what is ignored.
var asciiWeights = func() (w [utf8.RuneSelf]byte) {
	for i := range len(asciiOrder) {
		w[asciiOrder[i]] = byte(i + 1)
	}
	for c := 'A'; c <= 'Z'; c++ {
		w[c] = w[c|0x20]
	}
	return w
}()

// compareText orders two texts as the invariant culture does [EXPR 2.1].
func (ev *evaluation) compareText(a, b string) (int, error) {
	if err := ev.spend(1 + (len(a)+len(b))/bytesPerStep); err != nil {
		return 0, err
	}
	if isASCII(a) && isASCII(b) {
		return ev.compareASCII(a, b)
	}
	return ev.collate(a, b)
}

func (ev *evaluation) compareASCII(a, b string) (int, error) {
	tie, looked := 0, 0
	for {
		a, b = skipIgnored(a), skipIgnored(b)
		if a == "" || b == "" {
			return cmp.Or(cmp.Compare(len(a), len(b)), tie), nil
		}
		if c := cmp.Compare(asciiWeights[a[0]], asciiWeights[b[0]]); c != 0 {
			return c, nil
		}
		if tie == 0 {
			tie = cmp.Compare(b[0], a[0]) // small letters first
		}
		a, b = a[1:], b[1:]
		if looked++; looked%1024 == 0 {
			if err := ev.spend(1024); err != nil {
				return 0, err
			}
		}
	}
}

func skipIgnored(s string) string {
	for s != "" && asciiWeights[s[0]] == 0 {
		s = s[1:]
	}
	return s
}

// collators are not for several goroutines at once.
var collators = sync.Pool{New: func() any { return collate.New(language.Und) }}

// collateSteps is what a byte takes to be collated.
const collateSteps = 8

// collate orders texts of any characters. Long ones are worked on in blocks: what differs
// in one of them, if only in an accent, counts more than what differs in a later one.
func (ev *evaluation) collate(a, b string) (int, error) {
	c := collators.Get().(*collate.Collator)
	defer collators.Put(c)
	for {
		x, y := cutBlock(a), cutBlock(b)
		if err := ev.spend(1 + collateSteps*(len(x)+len(y))); err != nil {
			return 0, err
		}
		if x != y {
			if order := c.CompareString(x, y); order != 0 {
				return order, nil
			}
		}
		if a, b = a[len(x):], b[len(y):]; a == "" || b == "" {
			return strings.Compare(a, b), nil
		}
	}
}
