package system

import (
	"context"
	"errors"
	"strings"

	"switchyard/commit"
	"switchyard/store"
)

// kept is what packages without a table of their own keep in the store: an
// [identity.Store] and a [provision.Given].
type kept struct{ *store.Store }

// Kept returns what Keep has kept under a name, nil if there is nothing.
func (k kept) Kept(name string) ([]byte, error) {
	b, err := k.Meta(name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return b, err
}

// Keep makes a value durable.
func (k kept) Keep(name string, value []byte) error {
	return commit.Do(context.Background(), k.Store, len(value), nil, func(u *commit.Unit) { k.PutMeta(u, name, value) })
}

// Given says whether a namespace has been given the development key. That there is a
// record says it, whether or not it can be read; then it is made anew.
func (k kept) Given(namespace string) (bool, error) {
	name := metaDevelopmentKey + namespace
	b, err := k.Kept(name)
	if errors.Is(err, store.ErrCorrupt) {
		return true, k.Keep(name, []byte(given))
	}
	return b != nil, err
}

// given is what the record of a namespace says that has been given the key.
const given = "given"

// Give notes that it is.
func (k kept) Give(u *commit.Unit, namespace string) {
	k.PutMeta(u, metaDevelopmentKey+strings.ToLower(namespace), []byte(given))
}
