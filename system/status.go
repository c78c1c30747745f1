package system

import (
	"os"

	"switchyard/client"
	"switchyard/identity"
	"switchyard/status"
)

// status is where the answer of "switchyard status" comes from.
func statusOptions(s *System) status.Options {
	auth := identity.Development
	if s.identities.Strict() {
		auth = identity.Strict
	}
	return status.Options{
		Token: s.token, Now: s.o.Clock.Now, Broker: s.broker, Address: s.ports.Address, FactoryNames: s.factories.Names,
		Factory: s.factories.Factory, Engine: s.engine, Trouble: s.starter.Trouble, Clients: s.dialects.options.Shared,
		Base: client.Status{Version: s.o.Version, PID: os.Getpid(), Since: s.o.Clock.Now().UTC(), DataDir: s.o.absDataDir(), Ephemeral: s.o.Ephemeral,
			Auth: string(auth), HTTP: s.http.Addr().String()},
		Requests: func() (int64, uint64) { return s.dialects.server.Web.Bodies.Usage() }, // it is made later
		Disk: func() *client.Disk {
			used, free, ok := s.store.Usage()
			if !ok {
				return nil
			}
			return &client.Disk{Used: used, Free: free}
		},
	}
}
