package issuer

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/auth"
)

// maxToken bounds what is parsed before a signature was seen.
const maxToken = 16 << 10

// Verify verifies an access token that this issuer issued, for an audience that
// the function accepts. Errors wrap [auth.ErrMalformed], [auth.ErrSignature]
// (also for another key or algorithm than ours), [auth.ErrIssuer],
// [auth.ErrScope], [auth.ErrNotYetValid], or are an [*auth.ExpiredError].
func (i *Issuer) Verify(token string, audience func(string) bool, now time.Time) (Claims, error) {
	c, err := i.parse(typeAccess, token, now)
	if err != nil {
		return Claims{}, err
	}
	if c.AppID == "" || c.ObjectID == "" {
		return Claims{}, fmt.Errorf("%w: it names no principal", auth.ErrMalformed)
	}
	if !audience(c.Audience) {
		return Claims{}, fmt.Errorf("%w: its audience is %.200q", auth.ErrScope, c.Audience)
	}
	return c, nil
}

// VerifyBearer is [Issuer.Verify] for [auth.Authority].
func (i *Issuer) VerifyBearer(token string, audience func(string) bool, now time.Time) (
	auth.Principal, error) {
	c, err := i.Verify(token, audience, now)
	if err != nil {
		return auth.Principal{}, err
	}
	return auth.Principal{ObjectID: c.ObjectID, AppID: c.AppID, TenantID: c.TenantID, Audience: c.Audience,
		Expires: c.Expires.Time}, nil
}

// VerifyRefresh verifies a token of [Issuer.IssueRefresh]. Errors are those of
// [Issuer.Verify].
func (i *Issuer) VerifyRefresh(token string, now time.Time) (Claims, error) {
	c, err := i.parse(typeRefresh, token, now)
	if err == nil && c.Audience != audienceRefresh {
		return Claims{}, auth.ErrScope
	}
	return c, err
}

func (i *Issuer) parse(typ, token string, now time.Time) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, fmt.Errorf("%w: it is longer than %d bytes", auth.ErrMalformed, maxToken)
	}
	var c Claims
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithNotBeforeRequired(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != i.key.public.KeyID {
			return nil, errors.New("the key is not known")
		}
		if t.Header["typ"] != typ {
			return nil, errors.New("it is a token of another kind")
		}
		return &i.key.private.PublicKey, nil
	})
	if err != nil {
		return Claims{}, refusal(err, &c)
	}
	// All claims are from our own hand by now, unless the key is somebody else's
	// too: the same key with another tenant is another directory.
	if !i.ours(c.Issuer) || c.TenantID != i.tenant {
		return Claims{}, fmt.Errorf("%w: %.200q", auth.ErrIssuer, c.Issuer)
	}
	return c, nil
}

// refusal translates an error of the jwt package, which joins several.
func refusal(err error, c *Claims) error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return fmt.Errorf("%w: it is not a JSON web token", auth.ErrMalformed)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return fmt.Errorf("%w: it is not signed by this issuer", auth.ErrSignature)
	case errors.Is(err, jwt.ErrTokenExpired):
		return &auth.ExpiredError{Expires: c.Expires.Time}
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return fmt.Errorf("%w: it is from %s", auth.ErrNotYetValid, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("%w: %.200s", auth.ErrMalformed, err)
}
