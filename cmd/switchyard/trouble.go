package main

import (
	"context"
	"fmt"
	"io"

	"switchyard/client"
)

// A trouble is a trigger that is started and takes no messages.
type trouble struct {
	Factory string `json:"factory"`
	Trigger string `json:"trigger"`
	Why     string `json:"why"` // and what mends it
}

// troublesOf asks a running Switchyard for its troubles. Where it has not said how it is,
// none are known.
func troublesOf(ctx context.Context, server client.Server) (list []trouble) {
	s, err := server.Status(ctx)
	if err != nil {
		return nil
	}
	for _, f := range s.Factories {
		for _, t := range f.Triggers {
			if t.Trouble != "" {
				list = append(list, trouble{f.Name, t.Name, t.Trouble})
			}
		}
	}
	return list
}

func printTroubles(w io.Writer, list []trouble) {
	for _, t := range list {
		fmt.Fprintf(w, "trigger %s of factory %s is started and takes no messages: %s\n", t.Trigger, t.Factory, printable(t.Why))
	}
}
