package main

import (
	"context"

	"switchyard/config"
)

// health asks the Switchyard on the data directory whether all is well: what the health
// check of a container or a supervisor runs.
func health(ctx context.Context, e *env, v *config.Values, _ []string) int {
	ep, err := running(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	h, err := ep.Health(ctx)
	if err != nil {
		return e.fail(err)
	}
	if e.json {
		return e.answer(h)
	}
	e.printf("%s\n", printable(h.Message))
	return exitOK
}
