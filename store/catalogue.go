package store

import (
	"encoding/binary"
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
	u.Set(key, finish(key, appendNamespace(newRecord(8+len(r.Name)+len(r.Definition)), r)))
}

// DeleteNamespace implements [broker.Store]. It leaves the number behind.
func (s *Store) DeleteNamespace(u *commit.Unit, id broker.NamespaceID) {
	u.Delete(namespaceKey(tableNamespace, id))
	u.Set(namespaceKey(tableRetiredNamespace, id), nil)
}

// PutEntity implements [broker.Store].
func (s *Store) PutEntity(u *commit.Unit, r broker.EntityRecord) {
	key := append(entityKey(tableEntity, r.ID), entityRecord)
	u.Set(key, finish(key, appendEntity(newRecord(64+len(r.Path)+len(r.Definition)), r)))
}

// DeleteEntity implements [broker.Store]. It leaves the number behind.
func (s *Store) DeleteEntity(u *commit.Unit, id broker.EntityID) {
	prefix := entityKey(tableEntity, id)
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
	return v.scan([]byte{tableNamespace}, []byte{tableNamespace + 1}, func(key, value []byte) error {
		id, err := namespaceNumber(key)
		if err != nil {
			return err
		}
		b, err := payload(key, value)
		if err != nil {
			return err
		}
		r, err := decodeNamespace(b)
		if err != nil {
			return damaged(key, err)
		}
		r.ID = id
		c.Namespaces = append(c.Namespaces, r)
		c.LastNamespace = max(c.LastNamespace, id)
		return nil
	})
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
		if err != nil {
			return err
		}
		b, err := payload(key, value)
		if err != nil {
			return err
		}
		r, err := decodeEntity(b)
		if err != nil {
			return damaged(key, err)
		}
		r.ID = id
		c.Entities = append(c.Entities, r)
		c.LastEntity = max(c.LastEntity, id)
		if id == math.MaxUint64 {
			break
		}
		ok = it.SeekGE(entityKey(tableEntity, id+1))
	}
	return v.s.readError(it.Error())
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
