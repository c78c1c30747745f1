package issuer

import (
	"fmt"
	"io"
	"sync"
	"time"

	"switchyard/auth"
)

// A KeyStore keeps the issuer's key. What it is given is the key in clear, to be
// sealed.
type KeyStore interface {
	// Key returns what Keep has kept, nil if there is nothing.
	Key() ([]byte, error)
	Keep(key []byte) error
}

// LazyOptions are what [NewLazy] needs. All but OurHost are required.
type LazyOptions struct {
	Keys KeyStore
	Rand io.Reader
	// TenantID and URL are those of [Options].
	TenantID, URL string
	// OurHost is that of [Options]; it may be nil.
	OurHost func(host string) bool
}

// A Lazy issuer is made when it is first needed: an RSA key takes longer to make
// than everything else at the first start of a Switchyard. It is safe for concurrent
// use and an [auth.BearerVerifier].
type Lazy struct{ made func() (*Issuer, error) }

// NewLazy returns an issuer whose key is made, and kept, at most once.
func NewLazy(o LazyOptions) *Lazy { return &Lazy{sync.OnceValues(o.open)} }

// Issuer returns the issuer. What went wrong the first time is the error each time.
func (l *Lazy) Issuer() (*Issuer, error) { return l.made() }

// VerifyBearer is [Issuer.VerifyBearer].
func (l *Lazy) VerifyBearer(token string, audience func(string) bool, now time.Time) (auth.Principal, error) {
	i, err := l.made()
	if err != nil {
		return auth.Principal{}, err
	}
	return i.VerifyBearer(token, audience, now)
}

func (o LazyOptions) open() (*Issuer, error) {
	key, err := o.key()
	if err != nil {
		return nil, fmt.Errorf("issuer's key: %w", err)
	}
	return New(Options{Key: key, TenantID: o.TenantID, URL: o.URL, OurHost: o.OurHost})
}

func (o LazyOptions) key() (*Key, error) {
	kept, err := o.Keys.Key()
	if err != nil {
		return nil, err
	}
	if kept != nil {
		return ParseKey(kept)
	}
	key, err := GenerateKey(o.Rand)
	if err != nil {
		return nil, err
	}
	return key, o.Keys.Keep(key.Marshal())
}
