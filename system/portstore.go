package system

import (
	"errors"

	"switchyard/commit"
	"switchyard/store"
)

// portStore keeps the ports of namespaces, a [ports.Store].
type portStore struct{ *store.Store }

// Port returns nothing for a namespace whose port can't be read: it gets one as a new
// namespace does, and the log says so.
func (p portStore) Port(ns string) (string, error) {
	b, err := p.Meta(metaPort + ns)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return "", nil
	}
	return string(b), err
}

func (p portStore) Keep(u *commit.Unit, ns, port string) { p.PutMeta(u, metaPort+ns, []byte(port)) }
func (p portStore) Forget(u *commit.Unit, ns string)     { p.DeleteMeta(u, metaPort+ns) }
