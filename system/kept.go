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

// Given says whether a namespace has been given the development key.
func (k kept) Given(namespace string) (bool, error) {
	b, err := k.Kept(metaDevelopmentKey + namespace)
	return b != nil, err
}

// Give notes that it is.
func (k kept) Give(u *commit.Unit, namespace string) {
	k.PutMeta(u, metaDevelopmentKey+strings.ToLower(namespace), []byte("given"))
}
