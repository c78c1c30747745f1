package arm

import (
	"errors"
	"time"

	"switchyard/commit"
)

// ErrNotFound is what [Store.Get] fails with for a key that is not there.
var ErrNotFound = errors.New("not found")

// A Store keeps the envelopes of resources and the records of operations. Put
// and Delete only add to a unit. Reads see what has been committed. Keys are
// printable ASCII.
type Store interface {
	// Get returns a value that the caller may keep; the error wraps
	// [ErrNotFound].
	Get(key string) ([]byte, error)
	// List calls f in the order of keys for those that begin with prefix. The
	// value is f's to keep. Of one that can't be read f gets the damage, which wraps
	// [commit.ErrDamaged], as Get returns it.
	List(prefix string, f func(key string, value []byte, damage error) error) error
	Put(u *commit.Unit, key string, value []byte)
	Delete(u *commit.Unit, key string)
}

// A Clock tells the time.
type Clock = interface{ Now() time.Time }
