package issuer

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
)

// A keyStore keeps a key in memory.
type keyStore struct {
	key         []byte
	read, write error
	kept        int
}

func (s *keyStore) Key() ([]byte, error) { return s.key, s.read }

func (s *keyStore) Keep(key []byte) error {
	s.key = bytes.Clone(key)
	s.kept++
	return s.write
}

// TestLazy: the key is made when somebody needs it, once, and is the same after a
// restart.
func TestLazy(t *testing.T) {
	const tenant = "72f988bf-0000-4000-8000-2d7cd011db47"
	s := &keyStore{}
	lazy := func() *Lazy {
		return NewLazy(LazyOptions{Keys: s, Rand: rand.Reader, TenantID: tenant, URL: "https://127.0.0.1:8080"})
	}
	l := lazy()
	if s.key != nil {
		t.Fatal("a key was made before anybody needed it")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := l.Issuer(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first, err := l.Issuer()
	if err != nil || s.kept != 1 {
		t.Fatalf("kept %d keys, want 1 (%v)", s.kept, err)
	}
	token, err := first.Issue("", Identity{ClientID: "c", PrincipalID: "p"}.Claims("https://servicebus.azure.net"), noon)
	if err != nil {
		t.Fatal(err)
	}
	all := func(string) bool { return true }
	if p, err := lazy().VerifyBearer(token, all, noon); err != nil || p.ObjectID != "p" || p.TenantID != tenant {
		t.Errorf("after a restart: %+v, %v", p, err)
	}
	if s.kept != 1 {
		t.Errorf("kept %d keys, want 1", s.kept)
	}
	s.key = []byte("damaged")
	if _, err := lazy().VerifyBearer(token, all, noon); err == nil || err.Error() != "issuer's key: issuer's key is damaged" {
		t.Errorf("a damaged key: %v", err)
	}
	s.read = errors.New("no disk")
	if _, err := lazy().Issuer(); !errors.Is(err, s.read) {
		t.Errorf("error %v, want that of the store", err)
	}
	s.key, s.read, s.write = nil, nil, errors.New("disk full")
	if _, err := lazy().Issuer(); !errors.Is(err, s.write) {
		t.Errorf("error %v, want that of the store: a key that is not kept is not used", err)
	}
}
