// Package vault is a small key vault: named secrets of a data directory, sealed, which
// linked services of type AzureKeyVault answer with. It keeps the current value of a
// secret and no earlier versions. It has no goroutine.
package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/clock"
	"switchyard/commit"
)

// Errors of a vault. They are wrapped with the name of the secret.
var (
	ErrNotFound    = errors.New("there is no such secret")
	ErrInvalidName = errors.New("a secret's name has 1 to 127 letters, digits and hyphens")
	ErrTooLarge    = errors.New("a secret has at most 25600 bytes")
	ErrEmpty       = errors.New("a secret is not empty")
)

// MaxValue is the size of the greatest secret in bytes, as in Azure.
const MaxValue = 25600

// A Store keeps records by keys.
type Store interface {
	// Get returns a record; the error wraps NotFound of the options if there is none.
	Get(key string) ([]byte, error)
	// List calls f with every record whose key has the prefix, in the order of keys;
	// damage says that the value can't be read.
	List(prefix string, f func(key string, value []byte, damage error) error) error
	Put(u *commit.Unit, key string, value []byte)
	Delete(u *commit.Unit, key string)
}

// A Sealer encrypts what must not be readable on disk.
type Sealer interface {
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Options are what a [Vault] needs. All are required.
type Options struct {
	Store    Store
	NotFound error // that of Store
	Log      commit.Log
	Sealer   Sealer
	Clock    clock.Clock
}

// A Vault keeps secrets. Its methods are safe for concurrent use; names are compared
// ignoring case.
type Vault struct {
	o     Options
	given atomic.Pointer[func(name string) (value string, ok bool)]
}

// New returns the vault of a store.
func New(o Options) *Vault { return &Vault{o: o} }

// Give lets f answer for secrets that are not kept, such as those of an .env file.
func (v *Vault) Give(f func(name string) (value string, ok bool)) { v.given.Store(&f) }

// A record is one secret on disk, as JSON.
type record struct {
	Version int
	Name    string // as it was spelled when it was set last
	Updated time.Time
	Sealed  []byte
}

const recordVersion = 1

// prefix stands before a secret's name in lower case in the names of records.
const prefix = "vault/"

var validName = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)

// CheckName refuses what no secret can be called. The error wraps [ErrInvalidName].
func CheckName(name string) error { _, err := key(name); return err }

// key returns the name of a secret's record.
func key(name string) (string, error) {
	if !validName.MatchString(name) {
		return "", fmt.Errorf("%q: %w", name, ErrInvalidName)
	}
	return prefix + strings.ToLower(name), nil
}

// Set makes a secret, or gives it another value.
func (v *Vault) Set(ctx context.Context, name, value string) error {
	k, err := key(name)
	switch {
	case err != nil:
		return err
	case value == "":
		return fmt.Errorf("%s: %w", name, ErrEmpty)
	case len(value) > MaxValue:
		return fmt.Errorf("%s: %w", name, ErrTooLarge)
	}
	b, err := json.Marshal(record{recordVersion, name, v.o.Clock.Now().UTC(), v.o.Sealer.Seal([]byte(value))})
	if err != nil {
		return err
	}
	return commit.Do(ctx, v.o.Log, len(b), nil, func(u *commit.Unit) { v.o.Store.Put(u, k, b) })
}

// Delete removes a secret. The error wraps [ErrNotFound].
func (v *Vault) Delete(ctx context.Context, name string) error {
	k, err := key(name)
	if err != nil {
		return err
	}
	if _, err := v.o.Store.Get(k); errors.Is(err, v.o.NotFound) {
		return fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return commit.Do(ctx, v.o.Log, commit.Frees, nil, func(u *commit.Unit) { v.o.Store.Delete(u, k) })
}

// Value returns a secret: the one that is kept, or else the one that is given. The error
// wraps [ErrNotFound].
func (v *Vault) Value(name string) (string, error) {
	k, err := key(name)
	if err != nil {
		return "", err
	}
	b, err := v.o.Store.Get(k)
	if errors.Is(err, v.o.NotFound) {
		if f := v.given.Load(); f != nil {
			if value, ok := (*f)(name); ok {
				return value, nil
			}
		}
		return "", fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	r, err := decode(b)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	plain, err := v.o.Sealer.Open(r.Sealed)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	return string(plain), nil
}

func decode(b []byte) (r record, err error) {
	if err := json.Unmarshal(b, &r); err != nil {
		return r, err
	}
	if r.Version != recordVersion {
		return r, fmt.Errorf("the record has version %d, this program reads %d", r.Version, recordVersion)
	}
	return r, nil
}

// An Entry is a secret without its value.
type Entry struct {
	Name    string    `json:"name"`
	Updated time.Time `json:"updated"`
	// Damage says that the record can't be read; set the secret again, or delete it.
	Damage string `json:"damage,omitempty"`
}

// List returns what is kept, in the order of the names.
func (v *Vault) List() ([]Entry, error) {
	list := []Entry{}
	err := v.o.Store.List(prefix, func(name string, value []byte, damage error) error {
		e := Entry{Name: strings.TrimPrefix(name, prefix)}
		if damage == nil {
			var r record
			if r, damage = decode(value); damage == nil {
				e.Name, e.Updated = r.Name, r.Updated
			}
		}
		if damage != nil {
			e.Damage = damage.Error()
		}
		list = append(list, e)
		return nil
	})
	return list, err
}
