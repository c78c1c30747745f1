package config

import (
	"slices"
	"strings"
)

// notSettings are beginnings of variables that look like settings and are none of ours to
// refuse.
var notSettings = []string{
	// What Kubernetes gives every program next to a service that is called switchyard.
	"SERVICE_", "PORT",
	// Of this project's own tests and examples.
	"TORTURE", "SOAK", "KILLS", "BENCH", "CONFORMANCE", "BINARY", "PULUMI",
}

// checkEnviron refuses a variable that is meant to be a setting and is none: a setting
// that is mistyped would be dropped. One without a value counts as absent.
func (src Source) checkEnviron(rows []Setting) error {
	if src.Environ == nil || !slices.ContainsFunc(rows, func(s Setting) bool { return s.Env() != "" }) {
		return nil
	}
	for _, line := range src.Environ() {
		name, value, _ := strings.Cut(line, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || value == "" {
			continue
		}
		known := slices.ContainsFunc(Settings, func(s Setting) bool { return s.Env() == name })
		if !known && !slices.ContainsFunc(notSettings, func(p string) bool { return strings.HasPrefix(rest, p) }) {
			return usagef("environment variable %.80s: there is no such setting%s; docs/configuration.md has them all", name,
				meant(name, variables(), ""))
		}
	}
	return nil
}

// variables are those that are settings.
func variables() (names []string) {
	for _, s := range Settings {
		if !s.FlagOnly {
			names = append(names, s.Env())
		}
	}
	return names
}
