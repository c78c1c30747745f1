package system

import (
	"fmt"

	"switchyard/eventlog"
	"switchyard/identity"
)

// startOf is what the log tells of a Switchyard that serves clients.
func startOf(s *System) eventlog.Start {
	x := eventlog.Start{Version: s.o.Version, Data: s.o.DataDir, HTTP: s.http.Addr().String(),
		Auth: string(identity.Development), Namespaces: len(s.broker.Namespaces()), Factories: len(s.factories.Names())}
	if s.amqp != nil {
		x.AMQP = s.amqp.Addr().String()
	}
	if s.o.Ephemeral {
		x.Data = "memory"
	}
	if s.identities.Strict() {
		x.Auth = string(identity.Strict)
	}
	return x
}

// Waits says what [System.Stop] waits for, in words that follow "waits".
func (s *System) Waits() string {
	runs, activities := s.engine.Busy()
	if activities == 0 {
		return "for the last writes"
	}
	return fmt.Sprintf("up to %v for what executes: activities %d, of active runs %d; what does not end goes on at "+
		"the next start", s.o.Grace, activities, runs)
}
