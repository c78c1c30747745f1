package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/commit"
)

// PutMeta keeps a small value under a name. It is for facts of the program
// itself: issuer keys (sealed by the caller), the clock mark, identities. Names
// are paths like "issuer/key"; they are compared byte by byte.
func (s *Store) PutMeta(u *commit.Unit, name string, value []byte) {
	key := metaKey(name)
	u.Set(key, record(key, value))
	s.mended(u, key)
}

// DeleteMeta removes a name; an absent one is no error.
func (s *Store) DeleteMeta(u *commit.Unit, name string) {
	key := metaKey(name)
	u.Delete(key)
	s.mended(u, key)
}

// Meta returns the committed value of a name. The error wraps [ErrNotFound] if
// there is none.
func (s *Store) Meta(name string) ([]byte, error) {
	b, err := s.get(metaKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return b, s.met(err)
}

// Metas calls f for every committed name that starts with prefix, in order,
// until f returns an error, which Metas returns. Of a value that can't be read f gets
// the damage.
func (s *Store) Metas(prefix string, f func(name string, value []byte, damage error) error) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer v.close()
	from := metaKey(prefix)
	return s.met(v.each(from, end(from), false, func(key, value []byte, damage error) error {
		if damage == nil {
			value, damage = payload(key, value)
		}
		if damage != nil {
			return f(string(key[1:]), nil, s.met(damage))
		}
		return f(string(key[1:]), bytes.Clone(value), nil)
	}))
}
