package system

import (
	"errors"
	"fmt"

	"switchyard/arm"
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
type records struct{ store.Metas }

func recordsIn(s *store.Store) records {
	return records{store.Metas{Store: s, Prefix: metaControlPlane}}
}

func (r records) Get(key string) ([]byte, error) {
	b, err := r.Metas.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", arm.ErrNotFound, err)
	}
	return b, err
}
