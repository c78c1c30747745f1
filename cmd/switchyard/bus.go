package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"switchyard/client"
	"switchyard/config"
)

// onBus are the settings of every command that works on a Service Bus namespace.
var onBus = []string{"data", "namespace", "connection-string", "timeout", "output"}

// connect opens the namespace of a connection string, or of the Switchyard that runs on
// the data directory.
func connect(ctx context.Context, v *config.Values) (*client.Bus, error) {
	cs := v.String("connection-string")
	own := cs == "" || v.Beats("data", "connection-string") || v.Beats("namespace", "connection-string")
	if own {
		ep, err := client.Read(v.String("data"))
		if err != nil {
			return nil, err
		}
		n, err := ep.NamespaceNamed(v.String("namespace"))
		if err != nil {
			return nil, err
		}
		cs = n.ConnectionString
	}
	b, err := client.OpenBus(ctx, cs, v.Duration("timeout"))
	if _, ok := errors.AsType[*client.NotRunningError](err); ok && own {
		// A process that was killed leaves its file.
		err = fmt.Errorf("%w, which %s names", err, filepath.Join(v.String("data"), client.File))
	}
	return b, err
}
