package main

import (
	"context"
	"encoding/json"
	"strings"

	"switchyard/client"
	"switchyard/config"
)

// environment prints the variables with which Azure's tools find the Switchyard
// that runs on the data directory, for eval in a shell.
func environment(_ context.Context, e *env, v *config.Values, _ []string) int {
	ep, err := client.Read(v.String("data"))
	if err != nil {
		return e.fail(err)
	}
	vars := ep.Environment()
	if v.String("output") == "json" {
		m := make(map[string]string, len(vars))
		for _, x := range vars {
			m[x.Name] = x.Value
		}
		b, err := json.Marshal(m)
		if err != nil {
			return e.fail(err)
		}
		e.printf("%s\n", b)
		return exitOK
	}
	for _, x := range vars {
		e.printf("export %s='%s'\n", x.Name, strings.ReplaceAll(x.Value, "'", `'\''`))
	}
	return exitOK
}
