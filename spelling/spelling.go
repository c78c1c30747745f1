// Package spelling finds what a misspelt name may have meant. It holds no state.
package spelling

import (
	"strings"
	"unicode/utf8"
)

// Nearest finds what a word that is none of those may have meant: the closest of them, if
// it is one slip or two away and most of the word is right. It returns "" if there is none.
// Case does not matter.
func Nearest(word string, among []string) string {
	best, least := "", min(2, len(word)/3)+1
	runes := utf8.RuneCountInString(word)
	for _, a := range among {
		if n := utf8.RuneCountInString(a) - runes; n >= least || -n >= least {
			continue // so many letters are left out or put in
		}
		if d := slips(strings.ToLower(word), strings.ToLower(a)); d < least {
			best, least = a, d
		}
	}
	return best
}

// slips counts the letters that were left out, put in, mistaken or swapped with their
// neighbour (the distance of Damerau and Levenshtein, each letter touched once).
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			mistaken := 1
			if x[i-1] == y[j-1] {
				mistaken = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+mistaken)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
