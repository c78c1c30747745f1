package issuer

import (
	"bytes"
	"crypto"
	"crypto/pbkdf2"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/auth"
)

// ErrApplication means that a registered application can't be read.
var ErrApplication = errors.New("invalid application")

// An Application is a client that may log in where only registered ones may.
type Application struct {
	// ID is the client id, compared ignoring case.
	ID string `json:"id"`
	// SecretHashes are of its secrets, made with [HashSecret].
	SecretHashes []string `json:"secretHashes,omitempty"`
	// Keys are the certificates or RSA public keys, in PEM, with which it signs
	// assertions.
	Keys []string `json:"keys,omitempty"`
	// Roles are what it may do beside what role assignments give its principal.
	Roles []ApplicationRole `json:"roles,omitempty"`

	keys []*rsa.PublicKey // of Keys
}

// An ApplicationRole is a built-in role of Azure that an application has from the
// start: the first owner, who can assign roles to others.
type ApplicationRole struct {
	Role  string `json:"role"`            // name or GUID
	Scope string `json:"scope,omitempty"` // resource ID; default: everything
}

// Applications are the registered ones.
type Applications struct {
	byID  map[string]Application // by the id in lower case
	dummy string                 // what the secret of an unknown application is compared with
}

// List returns the applications in the order of their ids.
func (s *Applications) List() []Application {
	var all []Application
	for _, id := range slices.Sorted(maps.Keys(s.byID)) {
		all = append(all, s.byID[id])
	}
	return all
}

// ParseApplications reads {"applications":[{"id","secretHashes":[…],"keys":[…],"roles":[{"role","scope"}]}]}.
// Unknown members are refused. Errors wrap [ErrApplication].
func ParseApplications(b []byte) (*Applications, error) {
	var file struct {
		Applications []Application `json:"applications"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrApplication, err)
	}
	return NewApplications(file.Applications...)
}

// NewApplications checks applications and puts them together. Errors wrap
// [ErrApplication].
func NewApplications(list ...Application) (*Applications, error) {
	all := &Applications{
		byID:  map[string]Application{},
		dummy: formatHash(secretIterations, make([]byte, saltSize), make([]byte, sha256.Size)),
	}
	for _, a := range list {
		if err := a.parse(); err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrApplication, a.ID, err)
		}
		key := strings.ToLower(a.ID)
		if _, ok := all.byID[key]; ok {
			return nil, fmt.Errorf("%w %q: it is there twice", ErrApplication, a.ID)
		}
		all.byID[key] = a
	}
	return all, nil
}

func (a *Application) parse() error {
	if a.ID == "" {
		return errors.New("it has no id")
	}
	if len(a.SecretHashes) == 0 && len(a.Keys) == 0 {
		return errors.New("it has neither a secret nor a key")
	}
	for _, h := range a.SecretHashes {
		if _, _, _, err := parseHash(h); err != nil {
			return err
		}
	}
	for _, r := range a.Roles {
		if r.Role == "" {
			return errors.New("one of its roles has no name: it is {\"role\",\"scope\"}")
		}
	}
	a.keys = nil
	for _, text := range a.Keys {
		k, err := parsePublicKey(text)
		if err != nil {
			return err
		}
		a.keys = append(a.keys, k)
	}
	return nil
}

func parsePublicKey(text string) (*rsa.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("a key is not one PEM block")
	}
	var key any
	var err error
	switch block.Type {
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = c.PublicKey
		}
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a key is a PEM block of type %q, want CERTIFICATE or PUBLIC KEY", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("a key can't be read: %w", err)
	}
	k, ok := key.(*rsa.PublicKey)
	if !ok || k.N.BitLen() < keyBits {
		return nil, fmt.Errorf("a key is not an RSA key of at least %d bits", keyBits)
	}
	return k, nil
}

// VerifySecret reports whether a secret is one of the application's. An unknown
// application takes as long as a wrong secret.
func (s *Applications) VerifySecret(id, secret string) bool {
	hashes := s.byID[strings.ToLower(id)].SecretHashes
	if len(hashes) == 0 {
		sameSecret(s.dummy, secret)
		return false
	}
	return slices.ContainsFunc(hashes, func(h string) bool { return sameSecret(h, secret) })
}

// VerifyAssertion verifies a client assertion (RFC 7523): signed with RS256 or
// PS256 by one of the application's keys, from and about the application, for one
// of the audiences, valid now. Errors wrap those of package auth.
func (s *Applications) VerifyAssertion(id, assertion string, audiences []string, now time.Time) error {
	keys := s.byID[strings.ToLower(id)].keys
	if len(keys) == 0 {
		return fmt.Errorf("%w: no key is registered for the application", auth.ErrUnknownKey)
	}
	if len(assertion) > maxToken {
		return fmt.Errorf("%w: it is longer than %d bytes", auth.ErrMalformed, maxToken)
	}
	set := jwt.VerificationKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, crypto.PublicKey(k))
	}
	var c jwt.RegisteredClaims
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodPS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(backdate), // the client's clock is another
		jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(assertion, &c, func(*jwt.Token) (any, error) { return set, nil })
	if err != nil {
		times := Claims{Expires: c.ExpiresAt, NotBefore: c.NotBefore}
		return refusal(err, &times)
	}
	if !strings.EqualFold(c.Issuer, id) || !strings.EqualFold(c.Subject, id) {
		return fmt.Errorf("%w: it is of another application", auth.ErrIssuer)
	}
	if !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(audiences, a) }) {
		return fmt.Errorf("%w: its audience is %.200q", auth.ErrScope, c.Audience)
	}
	return nil
}

// The form of a hash is pbkdf2-sha256$ITERATIONS$SALT$HASH, both in base64.
const (
	hashName         = "pbkdf2-sha256"
	secretIterations = 100_000
	maxIterations    = 10_000_000
	saltSize         = 16
)

// HashSecret makes the hash of a secret that is registered for an application.
func HashSecret(secret string, rand io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return "", fmt.Errorf("hash a secret: %w", err)
	}
	sum, err := pbkdf2.Key(sha256.New, secret, salt, secretIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash a secret: %w", err)
	}
	return formatHash(secretIterations, salt, sum), nil
}

func formatHash(iterations int, salt, sum []byte) string {
	e := base64.RawStdEncoding
	return hashName + "$" + strconv.Itoa(iterations) + "$" + e.EncodeToString(salt) + "$" + e.EncodeToString(sum)
}

func parseHash(h string) (iterations int, salt, sum []byte, err error) {
	bad := errors.New("a secret's hash is not of the form " + hashName + "$ITERATIONS$SALT$HASH")
	f := strings.Split(h, "$")
	if len(f) != 4 || f[0] != hashName {
		return 0, nil, nil, bad
	}
	if iterations, err = strconv.Atoi(f[1]); err != nil || iterations < 1000 || iterations > maxIterations {
		return 0, nil, nil, bad
	}
	if salt, err = base64.RawStdEncoding.DecodeString(f[2]); err != nil || len(salt) < 8 {
		return 0, nil, nil, bad
	}
	if sum, err = base64.RawStdEncoding.DecodeString(f[3]); err != nil || len(sum) != sha256.Size {
		return 0, nil, nil, bad
	}
	return iterations, salt, sum, nil
}

func sameSecret(hash, secret string) bool {
	iterations, salt, want, err := parseHash(hash)
	if err != nil {
		return false
	}
	got, err := pbkdf2.Key(sha256.New, secret, salt, iterations, len(want))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
