package auth

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// MaxRules is how many rules a namespace, and each entity, may have.
const MaxRules = 12

const (
	// DefaultRuleName is the rule that every namespace is created with.
	DefaultRuleName = "RootManageSharedAccessKey"
	// DevelopmentKey is the key text of the emulator's connection string. It is
	// public, so it must not be accepted beyond the loopback interface.
	DevelopmentKey = "SAS_KEY_VALUE"
)

const (
	maxRuleName  = 256
	maxKeyLength = 256
	keyBytes     = 32
)

// An AuthorizationRule is a named pair of keys with rights.
type AuthorizationRule struct {
	Name         string    `json:"name"`
	PrimaryKey   string    `json:"primaryKey"`
	SecondaryKey string    `json:"secondaryKey,omitempty"` // empty: there is none
	Rights       Rights    `json:"rights"`
	CreatedAt    time.Time `json:"createdAt,omitzero"`
	ModifiedAt   time.Time `json:"modifiedAt,omitzero"`
}

// NewRule makes a rule with two random keys, read from rand.
func NewRule(name string, rights Rights, rand io.Reader) (AuthorizationRule, error) {
	r := AuthorizationRule{Name: name, Rights: rights}
	for _, key := range []*string{&r.PrimaryKey, &r.SecondaryKey} {
		k, err := GenerateKey(rand)
		if err != nil {
			return AuthorizationRule{}, err
		}
		*key = k
	}
	return r, r.Validate()
}

// GenerateKey makes a key as Azure does: 32 random bytes in base64, 44
// characters.
func GenerateKey(rand io.Reader) (string, error) {
	var b [keyBytes]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("generate key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b[:]), nil
}

// Validate checks the rule as Azure does when it is created. Errors wrap
// [ErrInvalidRule].
func (r AuthorizationRule) Validate() error {
	switch {
	case r.Name == "" || len(r.Name) > maxRuleName:
		return fmt.Errorf("%w: the name must have 1 to %d characters", ErrInvalidRule, maxRuleName)
	case strings.ContainsFunc(r.Name, func(c rune) bool { return !ruleNameRune(c) }):
		return fmt.Errorf("%w: the name %q may contain only letters, digits, '.', '-' and '_'",
			ErrInvalidRule, r.Name)
	case r.PrimaryKey == "" || len(r.PrimaryKey) > maxKeyLength || len(r.SecondaryKey) > maxKeyLength:
		return fmt.Errorf("%w: %q: a key must have 1 to %d bytes", ErrInvalidRule, r.Name, maxKeyLength)
	case r.Rights == 0 || r.Rights&^(Send|Listen|Manage) != 0:
		return fmt.Errorf("%w: %q has no rights", ErrInvalidRule, r.Name)
	case r.Rights&Manage != 0 && r.Rights != Send|Listen|Manage:
		return fmt.Errorf("%w: %q: the right Manage needs Send and Listen too", ErrInvalidRule, r.Name)
	}
	return nil
}

func ruleNameRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' ||
		c == '-' || c == '_'
}

// String describes the rule without its keys.
func (r AuthorizationRule) String() string { return fmt.Sprintf("%s (%s)", r.Name, r.Rights) }

// GoString describes the rule without its keys.
func (r AuthorizationRule) GoString() string { return r.String() }

// LogValue describes the rule without its keys.
func (r AuthorizationRule) LogValue() slog.Value { return slog.StringValue(r.String()) }
