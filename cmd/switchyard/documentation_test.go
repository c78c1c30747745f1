package main

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/config"
	"switchyard/internal/golden"
)

// TestDocumentation: docs/commands.md is the table of commands.
func TestDocumentation(t *testing.T) {
	golden.Page(t, "../../docs/commands.md", commandsPage())
}

// commandsPage is docs/commands.md: the table of commands for people.
func commandsPage() string {
	var b strings.Builder
	b.WriteString("# Commands\n\nThis page is made from `cmd/switchyard/commands.go`; `switchyard help COMMAND` says the " +
		"same. Flags and operands may be mixed; what follows `--` is operands. What a flag is without being given " +
		"stands in [configuration.md](configuration.md).\n\n| command | |\n|---|---|\n")
	list := all(commands)
	for _, c := range list {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.path, strings.ReplaceAll("switchyard "+c.path, " ", "-"), c.summary)
	}
	b.WriteString("\n## Answers and exit codes\n\nAnswers go to standard output, everything else to standard error. " +
		"The exit code is 0 for success, 1 when what was asked for was tried and did not succeed, 2 when it can't be " +
		"understood, and 130 when Ctrl-C ended at once a command that was stopping already.\n\nWith `--output json` an answer is one " +
		"JSON object a line, and an error is the last line of standard error: " +
		"`{\"error\":{\"code\":\"UsageError\",\"message\":\"…\"}}`. New members may come; what is there keeps " +
		"its name and meaning. The codes are:\n\n| code | exit code | meaning |\n|---|---|---|\n")
	for _, f := range failures {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", f.code, f.exit, f.meaning)
	}
	for _, c := range list {
		fmt.Fprintf(&b, "\n## switchyard %s\n\n", c.path)
		b.WriteString("```\n" + c.usage() + "\n```\n\n" + upperFirst(c.summary) + ".\n")
		if c.help != "" {
			b.WriteString("\n" + helpMarkdown(c.help))
		}
		if c.run == nil {
			continue
		}
		b.WriteString("\n| flag | meaning |\n|---|---|\n")
		for _, n := range append(append([]string(nil), c.settings...), "config") {
			s, _ := config.Lookup(n)
			flag := strings.TrimSpace("--" + s.Flag() + " " + strings.ReplaceAll(s.ValueName(), "|", "\\|"))
			fmt.Fprintf(&b, "| `%s` | %s |\n", flag, s.Usage)
		}
	}
	return b.String()
}

// helpMarkdown makes a help text Markdown: what is indented is code.
func helpMarkdown(help string) string {
	var b strings.Builder
	code := false
	lines := strings.Split(help, "\n")
	for i, line := range lines {
		indented := strings.HasPrefix(line, "  ")
		if code && line == "" && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "  ") {
			indented = true // an empty line within
		}
		if indented != code {
			if indented {
				b.WriteString("```sh\n")
			} else {
				b.WriteString("```\n")
			}
			code = indented
		}
		b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
	}
	if code {
		b.WriteString("```\n")
	}
	return b.String()
}
