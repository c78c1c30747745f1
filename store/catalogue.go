package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"switchyard/broker"
	"switchyard/commit"
)

// Flags of an entity record.
const (
	entityCreated = 1 << iota
	entityUpdated
	entityFlags = 1<<iota - 1
)

func appendNamespace(b []byte, r broker.NamespaceRecord) []byte {
	return appendBytes(appendBytes(b, r.Name), r.Definition)
}

func decodeNamespace(b []byte) (broker.NamespaceRecord, error) {
	d := decoder{b: b}
	r := broker.NamespaceRecord{Name: d.string(), Definition: d.clone()}
	return r, d.done()
}

func appendEntity(b []byte, r broker.EntityRecord) []byte {
	b = binary.AppendUvarint(b, uint64(r.Namespace))
	b = appendBytes(b, r.Path)
	flags := bitIf(!r.CreatedAt.IsZero(), entityCreated) | bitIf(!r.UpdatedAt.IsZero(), entityUpdated)
	b = binary.AppendUvarint(b, flags)
	if flags&entityCreated != 0 {
		b = appendTime(b, r.CreatedAt)
	}
	if flags&entityUpdated != 0 {
		b = appendTime(b, r.UpdatedAt)
	}
	return appendBytes(b, r.Definition)
}

func decodeEntity(b []byte) (broker.EntityRecord, error) {
	d := decoder{b: b}
	r := broker.EntityRecord{Namespace: broker.NamespaceID(d.uint32()), Path: d.string()}
	flags := d.flags(entityFlags)
	if flags&entityCreated != 0 {
		r.CreatedAt = d.time()
	}
	if flags&entityUpdated != 0 {
		r.UpdatedAt = d.time()
	}
	r.Definition = d.clone()
	return r, d.done()
}

// PutNamespace implements [broker.Store].
func (s *Store) PutNamespace(u *commit.Unit, r broker.NamespaceRecord) {
	key := namespaceKey(tableNamespace, r.ID)
	s.mended(u, key)
	u.Set(key, finish(key, appendNamespace(newRecord(8+len(r.Name)+len(r.Definition)), r)))
}

// DeleteNamespace implements [broker.Store]. It leaves the number behind.
func (s *Store) DeleteNamespace(u *commit.Unit, id broker.NamespaceID) {
	key := namespaceKey(tableNamespace, id)
	s.mended(u, key)
	u.Delete(key)
	u.Set(namespaceKey(tableRetiredNamespace, id), nil)
}

// PutEntity implements [broker.Store].
func (s *Store) PutEntity(u *commit.Unit, r broker.EntityRecord) {
	key := append(entityKey(tableEntity, r.ID), entityRecord)
	s.mended(u, key)
	u.Set(key, finish(key, appendEntity(newRecord(64+len(r.Path)+len(r.Definition)), r)))
}

// DeleteEntity implements [broker.Store]. It leaves the number behind.
func (s *Store) DeleteEntity(u *commit.Unit, id broker.EntityID) {
	prefix := entityKey(tableEntity, id)
	s.mended(u, append(entityKey(tableEntity, id), entityRecord))
	u.DeleteRange(prefix, end(prefix))
	u.Set(entityKey(tableRetiredEntity, id), nil)
}

// Catalogue implements [broker.Store].
func (s *Store) Catalogue() (broker.Catalogue, error) {
	var c broker.Catalogue
	v, err := s.view()
	if err != nil {
		return c, err
	}
	defer v.close()
	for _, read := range []func(*broker.Catalogue) error{v.namespaces, v.entities, v.retired} {
		if err := read(&c); err != nil {
			return broker.Catalogue{}, err
		}
	}
	return c, nil
}

func (v *view) namespaces(c *broker.Catalogue) error {
	table := []byte{tableNamespace}
	return v.each(table, end(table), false, func(key, value []byte, damage error) error {
		id, err := namespaceNumber(key)
		if err != nil {
			return err
		}
		r, damage := readLoosely(key, value, damage, decodeNamespace)
		r.ID, r.Damage = id, v.s.met(damage)
		c.Namespaces = append(c.Namespaces, r)
		c.LastNamespace = max(c.LastNamespace, id)
		return nil
	})
}

// readLoosely decodes a record. Of a damaged one it returns what its bytes seem to say.
func readLoosely[R any](key, value []byte, damage error, decode func([]byte) (R, error)) (r R, _ error) {
	if damage != nil {
		return r, damage
	}
	b, damage := payload(key, value)
	if damage != nil && len(value) > recordOverhead {
		b = value[1 : len(value)-crcLen]
	}
	r, err := decode(b)
	if damage == nil && err != nil {
		damage = damaged(key, err)
	}
	return r, damage
}

// entities seeks from one entity's record to the next, over its messages.
func (v *view) entities(c *broker.Catalogue) error {
	it, err := v.iterator([]byte{tableEntity}, []byte{tableEntity + 1})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; {
		key := it.Key()
		id, err := entityNumber(key)
		if err != nil {
			return err
		}
		if len(key) != 10 || key[9] != entityRecord {
			return damaged(key, fmt.Errorf("record without its entity"))
		}
		value, err := v.value(it)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		r, damage := readLoosely(key, value, err, decodeEntity)
		r.ID, r.Damage = id, damage
		v.s.note(damage)
		c.Entities = append(c.Entities, r)
		c.LastEntity = max(c.LastEntity, id)
		if id == math.MaxUint64 {
			break
		}
		ok = it.SeekGE(entityKey(tableEntity, id+1))
	}
	return v.s.readErrorAt([]byte{tableEntity}, it.Error())
}

// retired raises the greatest numbers to those of deleted things.
func (v *view) retired(c *broker.Catalogue) error {
	err := v.scan([]byte{tableRetiredNamespace}, []byte{tableRetiredNamespace + 1}, func(key, _ []byte) error {
		id, err := namespaceNumber(key)
		c.LastNamespace = max(c.LastNamespace, id)
		return err
	})
	if err != nil {
		return err
	}
	return v.scan([]byte{tableRetiredEntity}, []byte{tableRetiredEntity + 1}, func(key, _ []byte) error {
		id, err := entityNumber(key)
		c.LastEntity = max(c.LastEntity, id)
		return err
	})
}

func namespaceNumber(key []byte) (broker.NamespaceID, error) {
	if len(key) != 5 {
		return 0, damaged(key, errShort)
	}
	return broker.NamespaceID(binary.BigEndian.Uint32(key[1:])), nil
}

// entityNumber reads the number from the start of a key.
func entityNumber(key []byte) (broker.EntityID, error) {
	if len(key) < 9 {
		return 0, damaged(key, errShort)
	}
	return broker.EntityID(binary.BigEndian.Uint64(key[1:])), nil
}
