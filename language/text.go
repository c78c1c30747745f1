package language

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longWord is the number of characters beyond which a word is left out, and
// warned of (LongWordsInDocument).
const longWord = 64

// A token is a word, or one mark between words, of a text.
type token struct {
	from, to int    // byte offsets
	lower    string // in lower case, typographic apostrophes made plain; "" for a mark
	mark     rune   // the mark; 0 for a word
	caps     bool   // a word of at least three letters, all capital
}

// tokenize splits s into words and marks. A word is a run of letters, digits
// and combining marks; an apostrophe or hyphen between two letters belongs to
// it. Words longer than longWord are left out.
func tokenize(s string) []token {
	tokens := make([]token, 0, len(s)/5+1)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isWordRune(r) {
			if !unicode.IsSpace(r) && r != 0 { // a mark of 0 would be a word
				tokens = append(tokens, token{from: i, to: i + n, mark: r})
			}
			i += n
			continue
		}
		from, count, upper, lower := i, 0, 0, 0
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if !isWordRune(r) {
				next, _ := utf8.DecodeRuneInString(s[i+n:])
				if !isJoiner(r) || !unicode.IsLetter(next) {
					break
				}
			}
			switch {
			case unicode.IsUpper(r):
				upper++
			case unicode.IsLower(r):
				lower++
			}
			count++
			i += n
		}
		if count > longWord {
			continue
		}
		w := strings.ToLower(s[from:i])
		if strings.Contains(w, "’") {
			w = strings.ReplaceAll(w, "’", "'")
		}
		tokens = append(tokens, token{from: from, to: i, lower: w, caps: upper >= 3 && lower == 0})
	}
	return tokens
}

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) && r != 0xfe0f
}

func isJoiner(r rune) bool { return r == '\'' || r == '’' || r == '-' }

// hasLongWord reports whether tokenize leaves out a word of s.
func hasLongWord(s string) bool {
	n := 0
	for _, r := range s {
		if !isWordRune(r) && !isJoiner(r) {
			n = 0
		} else if n++; n > longWord {
			return true
		}
	}
	return false
}

// A sentence is a range of bytes without surrounding space.
type sentence struct{ from, to int }

// Abbreviations after which a full stop ends no sentence, in any of the covered
// languages.
var abbreviations = wordSet(
	"mr mrs ms dr prof st no nr vs etc eg ie ca bzw usw zb ggf inkl evtl tel str abs art sr sra srta dña mme mlle pág núm av ref approx inc ltd gmbh co")

// sentences splits s at . ! ? … and their full-width forms where white space or
// the end follows, and at line breaks. A full stop after an abbreviation, a
// single letter or before a lower-case word doesn't split.
func sentences(s string) []sentence {
	var out []sentence
	from := 0
	flush := func(to int) {
		a, b := from, to
		for a < b {
			r, n := utf8.DecodeRuneInString(s[a:b])
			if !unicode.IsSpace(r) {
				break
			}
			a += n
		}
		for a < b {
			r, n := utf8.DecodeLastRuneInString(s[a:b])
			if !unicode.IsSpace(r) {
				break
			}
			b -= n
		}
		if a < b {
			out = append(out, sentence{a, b})
		}
		from = to
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch r {
		case '\n', '\r':
			flush(i)
		case '.', '!', '?', '…', '。', '！', '？', '؟':
			end := i + n
			for end < len(s) { // ?!, ..., and closing quotes
				r, n := utf8.DecodeRuneInString(s[end:])
				if !strings.ContainsRune(`.!?…"'”’»)]`, r) {
					break
				}
				end += n
			}
			if endsSentence(s, from, i, end, r) {
				flush(end)
			}
			i = end
			continue
		}
		i += n
	}
	flush(len(s))
	return out
}

// endsSentence decides about the mark r at s[i:end] of the sentence that began
// at from.
func endsSentence(s string, from, i, end int, r rune) bool {
	if r == '。' || r == '！' || r == '？' {
		return true
	}
	rest := s[end:]
	if rest == "" {
		return true
	}
	next, _ := utf8.DecodeRuneInString(rest)
	if !unicode.IsSpace(next) {
		return false
	}
	if r != '.' || end > i+1 {
		return true
	}
	w := s[from:i]
	if j := strings.LastIndexFunc(w, func(r rune) bool { return !isWordRune(r) }); j >= 0 {
		_, n := utf8.DecodeRuneInString(w[j:])
		w = w[j+n:]
	}
	if utf8.RuneCountInString(w) == 1 && !unicode.IsDigit(rune(w[0])) || abbreviations[strings.ToLower(w)] {
		return false
	}
	next, _ = utf8.DecodeRuneInString(strings.TrimLeftFunc(rest, unicode.IsSpace))
	return !unicode.IsLower(next)
}

// wordSet makes a set of the words of a list.
func wordSet(list string) map[string]bool {
	words := strings.Fields(list)
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// round2 rounds to two decimals, as the service prints scores.
func round2(f float64) float64 { return float64(int(f*100+0.5)) / 100 }
