package servicebusrp

import (
	"context"
	"fmt"
	"strings"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
)

// A Sealer encrypts what must not be readable on disk.
type Sealer interface {
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Keys keep the authorization rules of an authority in the broker's records, sealed.
type Keys struct {
	Authority *auth.Authority
	Sealer    Sealer
}

// SealRules makes of the authorization rules of a namespace or an entity what the
// broker keeps with it.
func (k Keys) SealRules(rules []auth.AuthorizationRule) []byte {
	return k.Sealer.Seal(auth.EncodeRules(rules))
}

// Load gives the authority what the broker keeps.
func (k Keys) Load(ns, path string, sealed []byte) error {
	plain, err := k.Sealer.Open(sealed)
	if err != nil {
		return fmt.Errorf("keys of %s/%s: %w", ns, path, err)
	}
	rules, err := auth.DecodeRules(plain)
	if err != nil {
		return fmt.Errorf("keys of %s/%s: %w", ns, path, err)
	}
	for _, r := range rules {
		if _, err := k.Authority.PutRule(ns, path, r); err != nil {
			return fmt.Errorf("keys of %s/%s: %w", ns, path, err)
		}
	}
	return nil
}

// Move moves the authorization rules of earlier versions, which are sealed as a
// whole, into the broker's records, before the broker is opened. Those of what is
// not there are dropped. forget removes the old record.
func (k Keys) Move(ctx context.Context, sealed []byte, b broker.Store, log commit.Log,
	forget func(u *commit.Unit)) error {
	plain, err := k.Sealer.Open(sealed)
	if err != nil {
		return err
	}
	all, err := auth.DecodeAuthority(plain)
	if err != nil {
		return err
	}
	c, err := b.Catalogue()
	if err != nil {
		return err
	}
	var namespaces []broker.NamespaceRecord
	var entities []broker.EntityRecord
	names := map[broker.NamespaceID]string{}
	for _, r := range c.Namespaces {
		names[r.ID] = strings.ToLower(r.Name)
		if r.Damage != nil {
			continue // it stays what it is
		}
		if rules := all[names[r.ID]][""]; len(rules) > 0 {
			if r.Definition, err = broker.UpgradeNamespace(r.Definition, k.SealRules(rules)); err != nil {
				return fmt.Errorf("namespace %q: %w", r.Name, err)
			}
			namespaces = append(namespaces, r)
		}
	}
	for _, r := range c.Entities {
		if r.Damage != nil {
			continue
		}
		if rules := all[names[r.Namespace]][strings.ToLower(r.Path)]; len(rules) > 0 {
			if r.Definition, err = broker.UpgradeAccess(r.Definition, k.SealRules(rules)); err != nil {
				return fmt.Errorf("entity %q: %w", r.Path, err)
			}
			entities = append(entities, r)
		}
	}
	return commit.Do(ctx, log, commit.Frees, nil, func(u *commit.Unit) {
		for _, r := range namespaces {
			b.PutNamespace(u, r)
		}
		for _, r := range entities {
			b.PutEntity(u, r)
		}
		forget(u)
	})
}
