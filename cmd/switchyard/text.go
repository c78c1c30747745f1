package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable replaces what would move the cursor of a terminal, or reverse its
// text, by a space: message bodies come from anywhere.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// cut shortens a text to n runes.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}
