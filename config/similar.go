package config

import "switchyard/spelling"

// meant asks whether something similar was meant, "" if nothing is.
func meant(word string, among []string, prefix string) string {
	if s := spelling.Nearest(word, among); s != "" {
		return "; did you mean " + prefix + s + "?"
	}
	return ""
}
