package config

import (
	"fmt"
	"strings"
)

// Markdown is docs/configuration.md: the table for people.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Settings\n\nA flag beats an environment variable, which beats `" + FileName +
		"` in the working directory, which beats the default. This page is made from `config/settings.go`.\n\n" +
		"| flag and key | variable | default | meaning |\n|---|---|---|---|\n")
	for _, s := range Settings {
		env, def := s.Env(), s.Default
		if env != "" {
			env = "`" + env + "`"
		}
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, env, def, s.Usage)
	}
	return b.String()
}
