package issuer

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
)

const keyBits = 2048

// A Key signs tokens.
type Key struct {
	private *rsa.PrivateKey
	public  PublicKey
}

// A PublicKey is what others need to verify tokens, in the form of a JSON web
// key (RFC 7517).
type PublicKey struct {
	KeyType   string `json:"kty"` // RSA
	Use       string `json:"use"` // sig
	KeyID     string `json:"kid"` // the key's thumbprint (RFC 7638)
	Algorithm string `json:"alg"` // RS256
	N         string `json:"n"`   // modulus, base64url
	E         string `json:"e"`   // exponent, base64url
}

// GenerateKey makes a new RSA key of 2048 bits. The library may draw from the
// operating system's source of randomness instead of rand.
func GenerateKey(rand io.Reader) (*Key, error) {
	k, err := rsa.GenerateKey(rand, keyBits)
	if err != nil {
		return nil, fmt.Errorf("generate the issuer's key: %w", err)
	}
	return newKey(k), nil
}

// ParseKey reads what [Key.Marshal] wrote. The error says nothing of the
// contents.
func ParseKey(b []byte) (*Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(b)
	if err != nil {
		return nil, errors.New("issuer's key is damaged")
	}
	k, ok := parsed.(*rsa.PrivateKey)
	if !ok || k.N.BitLen() < keyBits {
		return nil, fmt.Errorf("issuer's key is not an RSA key of at least %d bits", keyBits)
	}
	return newKey(k), nil
}

// Marshal returns the private key in clear (PKCS #8): the caller seals it.
func (k *Key) Marshal() []byte {
	b, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		panic(err) // an RSA key always has this form
	}
	return b
}

func newKey(k *rsa.PrivateKey) *Key {
	p := PublicKey{
		KeyType: "RSA", Use: "sig", Algorithm: "RS256",
		N: base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
	}
	sum := sha256.Sum256([]byte(`{"e":"` + p.E + `","kty":"RSA","n":"` + p.N + `"}`))
	p.KeyID = base64.RawURLEncoding.EncodeToString(sum[:])
	return &Key{private: k, public: p}
}
