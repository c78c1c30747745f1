package store

import (
	"bytes"
	"strings"

	"switchyard/commit"
)

// Metas are what is kept under the names that begin with a prefix, which a key leaves out. See
// [Store.PutMeta].
type Metas struct {
	Store  *Store
	Prefix string
}

// Put is [Store.PutMeta].
func (m Metas) Put(u *commit.Unit, key string, value []byte) { m.Store.PutMeta(u, m.Prefix+key, value) }

// Delete is [Store.DeleteMeta].
func (m Metas) Delete(u *commit.Unit, key string) { m.Store.DeleteMeta(u, m.Prefix+key) }

// Get is [Store.Meta].
func (m Metas) Get(key string) ([]byte, error) { return m.Store.Meta(m.Prefix + key) }

// List is [Store.Metas].
func (m Metas) List(prefix string, f func(key string, value []byte, damage error) error) error {
	return m.Store.Metas(m.Prefix+prefix, func(name string, value []byte, damage error) error {
		return f(strings.TrimPrefix(name, m.Prefix), value, damage)
	})
}

// Range calls f for every committed key from one on and before another, in order or backwards,
// until f returns false or an error, which Range returns. Of a value that can't be read f gets
// the damage.
func (m Metas) Range(from, to string, backwards bool,
	f func(key string, value []byte, damage error) (more bool, err error)) error {
	if from >= to {
		return nil
	}
	s := m.Store
	v, err := s.view()
	if err != nil {
		return err
	}
	defer v.close()
	return s.met(v.each(metaKey(m.Prefix+from), metaKey(m.Prefix+to), backwards, func(key, value []byte, damage error) error {
		if damage == nil {
			value, damage = payload(key, value)
		}
		if damage != nil {
			value, damage = nil, s.met(damage)
		}
		more, err := f(strings.TrimPrefix(string(key[1:]), m.Prefix), bytes.Clone(value), damage)
		if err == nil && !more {
			return errStop
		}
		return err
	}))
}
