package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	keyFile   = "secret.key"
	keyPrefix = "switchyard-key-1:"
	keySize   = 32

	// sealVersion is the first byte of a sealed value; nonce and ciphertext with
	// tag follow.
	sealVersion = 1
)

// keyCheck is what the key check record holds sealed.
var keyCheck = []byte("switchyard")

// A sealer encrypts with AES-256-GCM under one key.
type sealer struct {
	aead cipher.AEAD
	key  []byte
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrKey, len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead, bytes.Clone(key)}, nil
}

func (s *sealer) seal(plain []byte) []byte {
	b := make([]byte, 1, 1+len(plain)+s.aead.Overhead())
	b[0] = sealVersion
	return s.aead.Seal(b, nil, plain, b[:1])
}

func (s *sealer) open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: unknown form", ErrSealed)
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], sealed[:1])
	if err != nil {
		return nil, fmt.Errorf("%w: changed, or sealed with another key", ErrSealed)
	}
	return plain, nil
}

// Seal encrypts a secret with the store's key: AES-256-GCM, 29 bytes longer than
// the secret, different each time.
func (s *Store) Seal(plain []byte) []byte { return s.sealer.seal(plain) }

// Open decrypts what [Store.Seal] returned. The error is [ErrSealed] if it was
// changed or sealed with another key.
func (s *Store) Open(sealed []byte) ([]byte, error) { return s.sealer.open(sealed) }

// Derive returns 32 bytes that follow from the store's key and from a purpose, and from
// which neither the key nor those of another purpose follow. They are the same as long as
// the store has this key.
func (s *Store) Derive(purpose string) []byte {
	b, err := hkdf.Expand(sha256.New, s.sealer.key, "switchyard "+purpose, sha256.Size)
	if err != nil {
		panic(fmt.Sprintf("store: %v", err)) // of lengths that are not these
	}
	return b
}

func parseKey(b []byte) ([]byte, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), keyPrefix)
	if !ok {
		return nil, errors.New("not a key file")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != keySize {
		return nil, errors.New("key is damaged")
	}
	return key, nil
}

func formatKey(key []byte) []byte {
	return []byte(keyPrefix + base64.StdEncoding.EncodeToString(key) + "\n")
}

// loadSealer takes the key from the options or the key file, which it makes if
// the directory is new. check is the key check record, nil in a new database.
func loadSealer(d directory, given, check []byte) (*sealer, error) {
	key, from := given, "the given key"
	if key == nil {
		var err error
		from = d.join(keyFile)
		if key, err = d.key(check == nil); err != nil {
			return nil, err
		}
	}
	s, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	if check != nil {
		if plain, err := s.open(check); err != nil || !bytes.Equal(plain, keyCheck) {
			return nil, fmt.Errorf("%s: %w: it is not the key that this directory was made with", from, ErrKey)
		}
	}
	return s, nil
}

// key reads the key file. In a new directory it is made if it is absent; it may
// be there already if making the directory was interrupted.
func (d directory) key(isNew bool) ([]byte, error) {
	name := d.join(keyFile)
	b, err := d.read(keyFile)
	switch {
	case errors.Is(err, errNoFile) && isNew:
		key := make([]byte, keySize)
		rand.Read(key)
		return key, d.write(keyFile, formatKey(key))
	case errors.Is(err, errNoFile):
		return nil, fmt.Errorf("%s: %w: the file is lost; without it no secret of this directory can be read",
			name, ErrKey)
	case err != nil:
		return nil, err
	}
	key, err := parseKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %v", name, ErrKey, err)
	}
	return key, nil
}
