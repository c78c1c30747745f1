package main

import "runtime/debug"

// build returns the version that this program was built as, and its commit, "" if that is
// not known.
func build() (version, commit string) {
	version = "development"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit
}

// buildVersion is both in one text.
func buildVersion() string {
	version, commit := build()
	if commit != "" {
		version += " (" + commit + ")"
	}
	return version
}
