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
		"| flag and key | value | variable | default | meaning |\n|---|---|---|---|---|\n")
	for _, s := range Settings {
		env, def, value := s.Env(), s.Default, s.ValueName()
		if env != "" {
			env = "`" + env + "`"
		}
		if def != "" {
			def = "`" + def + "`"
		}
		if value != "" {
			value = "`" + strings.ReplaceAll(value, "|", "\\|") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Flag(), value, env, def, s.Usage)
	}
	return b.String()
}
