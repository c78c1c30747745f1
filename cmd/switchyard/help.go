package main

import (
	"context"
	"fmt"
	"io"

	"switchyard/config"
)

// help tells about a command, or lists them.
func help(_ context.Context, e *env, _ *config.Values, operands []string) int {
	if len(operands) == 0 {
		printOverview(e.stdout)
		return exitOK
	}
	c, rest := find(operands)
	if len(rest) > 0 {
		return e.fail(unknown(c, rest[0]))
	}
	printHelp(e.stdout, c)
	return exitOK
}

func printOverview(w io.Writer) {
	fmt.Fprint(w, "Switchyard runs Azure Service Bus and Data Factory pipelines on this machine.\n\n"+
		"usage: switchyard COMMAND [flags] [operands]\n\n")
	printCommands(w, commands)
	fmt.Fprint(w, "\nswitchyard help COMMAND tells more. Try: switchyard demo\n")
}

// printCommands lists commands with their summaries in a column of their own.
func printCommands(w io.Writer, list []command) {
	width := 0
	for _, c := range list {
		width = max(width, len(c.path))
	}
	for _, c := range list {
		fmt.Fprintf(w, "  %-*s  %s\n", width, c.path, c.summary)
	}
}

func printHelp(w io.Writer, c *command) {
	fmt.Fprintf(w, "%s.\n\nusage: %s\n", upperFirst(c.summary), c.usage())
	if c.help != "" {
		fmt.Fprintf(w, "\n%s\n", c.help)
	}
	if len(c.commands) > 0 {
		fmt.Fprint(w, "\ncommands:\n")
		printCommands(w, c.commands)
	}
	if c.run != nil {
		fmt.Fprint(w, "\nflags:\n", config.FlagHelp(append(append([]string(nil), c.settings...), "config")))
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	if c := s[0]; 'a' <= c && c <= 'z' {
		return string(c-32) + s[1:]
	}
	return s
}
