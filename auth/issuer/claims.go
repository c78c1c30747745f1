package issuer

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are the contents of a token [ARM 4.3]. [Issuer.Issue] sets those from
// Issuer to Version itself.
type Claims struct {
	Audience string `json:"aud"` // the resource exactly as it was asked for

	Issuer           string           `json:"iss"` // https://HOST/TENANT/
	IssuedAt         *jwt.NumericDate `json:"iat"`
	NotBefore        *jwt.NumericDate `json:"nbf"`
	Expires          *jwt.NumericDate `json:"exp"`
	TenantID         string           `json:"tid"`
	IdentityProvider string           `json:"idp"` // https://HOST/TENANT/
	Version          string           `json:"ver"` // 1.0

	AppID string `json:"appid,omitempty"` // client id
	// "1" secret, "2" certificate or managed identity, "0" public client
	AppIDACR   string   `json:"appidacr,omitempty"`
	ObjectID   string   `json:"oid,omitempty"`         // principal
	Subject    string   `json:"sub,omitempty"`         // principal; default: ObjectID
	IDType     string   `json:"idtyp,omitempty"`       // app or user
	Scopes     string   `json:"scp,omitempty"`         // of users
	UPN        string   `json:"upn,omitempty"`         // of users
	UniqueName string   `json:"unique_name,omitempty"` // of users
	Roles      []string `json:"roles,omitempty"`

	// ManagedIdentity is the resource id of what the identity belongs to.
	ManagedIdentity string `json:"xms_mirid,omitempty"`
	// Capabilities are those that the client said it has.
	Capabilities []string `json:"xms_cc,omitempty"`
	// Nonce and PreferredUsername are for tokens that tell a client who logged in.
	Nonce             string `json:"nonce,omitempty"`
	PreferredUsername string `json:"preferred_username,omitempty"`
}

// The methods by which the jwt package reads times, issuer and audience.

func (c *Claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }
func (c *Claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.IssuedAt, nil }
func (c *Claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore, nil }
func (c *Claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *Claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *Claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Audience}, nil }

// The header's typ keeps the kinds of tokens apart: one is not good for the
// other, whatever its audience.
const (
	typeAccess  = "JWT"
	typeID      = "id+jwt"
	typeRefresh = "refresh+jwt"
)

const (
	audienceRefresh = "urn:switchyard:refresh"
	refreshLifetime = 90 * 24 * time.Hour
)

// Issue signs an access token for clients that know us as base
// (scheme://host[:port]; empty: Options.URL). Audience, AppID and ObjectID are
// required.
func (i *Issuer) Issue(base string, c Claims, now time.Time) (string, error) {
	if c.Audience == "" || c.AppID == "" || c.ObjectID == "" {
		return "", errors.New("issue token: audience, client and principal are required")
	}
	if c.IDType == "" {
		c.IDType = "app"
	}
	return i.sign(typeAccess, base, c, i.lifetime, now)
}

// IssueID signs a token that tells the client c.AppID who logged in. It opens
// nothing.
func (i *Issuer) IssueID(base string, c Claims, now time.Time) (string, error) {
	c.Audience, c.AppID, c.AppIDACR, c.Scopes = c.AppID, "", "", ""
	return i.sign(typeID, base, c, i.lifetime, now)
}

// IssueRefresh signs a token for which [Issuer.VerifyRefresh] gives back the
// client and the principal. It opens nothing.
func (i *Issuer) IssueRefresh(base string, c Claims, now time.Time) (string, error) {
	c.Audience = audienceRefresh
	return i.sign(typeRefresh, base, c, refreshLifetime, now)
}

func (i *Issuer) sign(typ, base string, c Claims, lifetime time.Duration, now time.Time) (string, error) {
	if base == "" {
		base = i.url
	}
	c.Issuer = i.issuer(base)
	if !i.ours(c.Issuer) {
		return "", fmt.Errorf("issue token: %.200q is not a URL of this installation", base)
	}
	c.IdentityProvider, c.TenantID, c.Version = c.Issuer, i.tenant, "1.0"
	if c.Subject == "" {
		c.Subject = c.ObjectID
	}
	c.IssuedAt, c.NotBefore = jwt.NewNumericDate(now.Add(-backdate)), jwt.NewNumericDate(now.Add(-backdate))
	c.Expires = jwt.NewNumericDate(now.Add(lifetime))
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, &c)
	t.Header["typ"], t.Header["kid"] = typ, i.key.public.KeyID
	return t.SignedString(i.key.private)
}
