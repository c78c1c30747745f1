package main

import (
	"context"
	"fmt"
	"strings"

	"switchyard/client"
	"switchyard/config"
)

// environment prints the variables with which Azure's tools find the Switchyard
// that runs on the data directory, for eval in a shell.
func environment(ctx context.Context, e *env, v *config.Values, _ []string) int {
	ep, err := client.WaitReady(ctx, v.String("data"), v.Duration("wait"))
	if err != nil {
		return e.fail(err)
	}
	vars := ep.Environment()
	if e.json {
		m := make(map[string]string, len(vars))
		for _, x := range vars {
			m[x.Name] = x.Value
		}
		return e.answer(m)
	}
	var b strings.Builder
	for _, x := range vars {
		fmt.Fprintf(&b, "export %s='%s'\n", x.Name, strings.ReplaceAll(x.Value, "'", `'\''`))
	}
	e.printf("%s", b.String())
	return exitOK
}
