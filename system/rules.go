package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/store"
)

// sealRules makes of the authorization rules of a namespace or an entity what the
// broker keeps with it.
func (s *System) sealRules(rules []auth.AuthorizationRule) []byte {
	return s.store.Seal(auth.EncodeRules(rules))
}

// loadRules gives the authority what the broker keeps.
func (s *System) loadRules(ns, path string, sealed []byte) error {
	plain, err := s.store.Open(sealed)
	if err != nil {
		return fmt.Errorf("keys of %s/%s: %w", ns, path, err)
	}
	rules, err := auth.DecodeRules(plain)
	if err != nil {
		return fmt.Errorf("keys of %s/%s: %w", ns, path, err)
	}
	for _, r := range rules {
		if _, err := s.auth.PutRule(ns, path, r); err != nil {
			return fmt.Errorf("keys of %s/%s: %w", ns, path, err)
		}
	}
	return nil
}

// metaAuthority is where earlier versions kept all authorization rules.
const metaAuthority = "auth/authority"

// moveRules moves the authorization rules of earlier versions into the broker's
// records, before the broker is opened. Those of what is not there are dropped.
func (s *System) moveRules(ctx context.Context) error {
	sealed, err := s.store.Meta(metaAuthority)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	plain, err := s.store.Open(sealed)
	if err != nil {
		return err
	}
	all, err := auth.DecodeAuthority(plain)
	if err != nil {
		return err
	}
	c, err := s.store.Catalogue()
	if err != nil {
		return err
	}
	var namespaces []broker.NamespaceRecord
	var entities []broker.EntityRecord
	names := map[broker.NamespaceID]string{}
	for _, r := range c.Namespaces {
		names[r.ID] = strings.ToLower(r.Name)
		if rules := all[names[r.ID]][""]; len(rules) > 0 {
			if r.Definition, err = broker.UpgradeNamespace(r.Definition, s.sealRules(rules)); err != nil {
				return fmt.Errorf("namespace %q: %w", r.Name, err)
			}
			namespaces = append(namespaces, r)
		}
	}
	for _, r := range c.Entities {
		if rules := all[names[r.Namespace]][strings.ToLower(r.Path)]; len(rules) > 0 {
			if r.Definition, err = broker.UpgradeAccess(r.Definition, s.sealRules(rules)); err != nil {
				return fmt.Errorf("entity %q: %w", r.Path, err)
			}
			entities = append(entities, r)
		}
	}
	return commit.Do(ctx, s.store, (1+len(namespaces)+len(entities))<<12, nil, func(u *commit.Unit) {
		for _, r := range namespaces {
			s.store.PutNamespace(u, r)
		}
		for _, r := range entities {
			s.store.PutEntity(u, r)
		}
		s.store.DeleteMeta(u, metaAuthority)
	})
}
