package main

import (
	"context"
	"errors"
	"time"

	"switchyard/client"
	"switchyard/config"
)

// onBus are the settings of every command that works on a Service Bus namespace.
var onBus = []string{"data", "namespace", "connection-string", "timeout", "output"}

// answerPatience is how long a Switchyard may take to say that it is there, if the command
// has no --timeout.
const answerPatience = 5 * time.Second

// connect opens the namespace of a connection string, or of the Switchyard that runs on
// the data directory.
func connect(ctx context.Context, v *config.Values) (*client.Bus, error) {
	cs, timeout := v.String("connection-string"), v.Duration("timeout")
	if cs != "" && !v.Beats("data", "connection-string") && !v.Beats("namespace", "connection-string") {
		b, err := client.OpenBus(ctx, cs, timeout)
		if errors.Is(err, client.ErrConnectionString) {
			err = &config.UsageError{Msg: err.Error()}
		}
		return b, err
	}
	ep, err := client.Find(ctx, v.String("data"), timeout)
	if err != nil {
		return nil, err
	}
	n, err := ep.NamespaceNamed(v.String("namespace"))
	if err != nil {
		return nil, err
	}
	b, err := client.OpenBus(ctx, n.ConnectionString, timeout)
	if err != nil {
		return nil, err
	}
	b.Find = func(ctx context.Context) error {
		_, err := client.Find(ctx, v.String("data"), timeout)
		return err
	}
	return b, nil
}
