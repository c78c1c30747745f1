package main

import (
	"context"

	"switchyard/client"
	"switchyard/config"
)

// running finds the Switchyard that runs on the data directory. Each of its answers may
// take as long as --timeout says.
func running(ctx context.Context, v *config.Values) (client.Server, error) {
	return client.Find(ctx, v.String("data"), v.Duration("timeout"))
}
