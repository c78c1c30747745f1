package system

import (
	"context"
	"errors"

	"switchyard/clock"
	"switchyard/vault"
)

// WithVault calls f with the vault of a data directory that nobody serves.
func WithVault(o Options, f func(*vault.Vault) error) (err error) {
	o.defaults()
	s := &System{o: o, log: o.Logger, clock: clock.NewProcess(o.Clock)}
	if err := s.openStore(context.Background()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	return f(s.vault)
}
