package system

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/store"
)

// Names of what system itself keeps in the store.
const (
	metaAuthority    = "auth/authority" // all authorization rules, as earlier versions kept them
	metaControlPlane = "arm/"
	metaPort         = "door/" // + namespace in lower case; these bytes are on disks, so the old word stays
	// metaDevelopmentKey + namespace in lower case: a folder's namespace that has
	// been given the development key.
	metaDevelopmentKey = "deploy/development-key/"
)

// records is the control plane's store: a part of the one database.
type records struct{ *store.Store }

func (r records) Get(key string) ([]byte, error) {
	b, err := r.Meta(metaControlPlane + key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", arm.ErrNotFound, err)
	}
	return b, err
}

func (r records) List(prefix string, f func(key string, value []byte, damage error) error) error {
	return r.Metas(metaControlPlane+prefix, func(name string, value []byte, damage error) error {
		return f(strings.TrimPrefix(name, metaControlPlane), value, damage)
	})
}

func (r records) Put(u *commit.Unit, key string, value []byte) {
	r.PutMeta(u, metaControlPlane+key, value)
}

func (r records) Delete(u *commit.Unit, key string) { r.DeleteMeta(u, metaControlPlane+key) }
