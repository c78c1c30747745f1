package system

import (
	"switchyard/eventlog"
)

// startOf is what the log tells of a Switchyard that serves clients.
func startOf(s *System) eventlog.Start {
	x := eventlog.Start{Version: s.o.Version, Data: s.o.DataDir, HTTP: s.http.Addr().String(),
		Auth: string(s.identities.Mode()), Namespaces: len(s.broker.Namespaces()), Factories: len(s.factories.Names())}
	if s.amqp != nil {
		x.AMQP = s.amqp.Addr().String()
	}
	if s.o.Ephemeral {
		x.Data = "memory"
	}
	return x
}

// Waits says what [System.Stop] waits for, in words that follow "waits".
func (s *System) Waits() string {
	runs, activities := s.engine.Busy()
	return eventlog.Waits(s.o.Grace, runs, activities)
}
