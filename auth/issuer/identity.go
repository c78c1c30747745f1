package issuer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// principals is the namespace of the object ids that are derived from names.
var principals = uuid.MustParse("5c3e2b1a-7d94-5f0e-9a61-2f4b8c0d6e17")

// ObjectID returns the principal of a client id: a GUID that is the same at all
// times and in every installation, whatever the id's case.
func ObjectID(clientID string) string {
	return uuid.NewSHA1(principals, []byte("app:"+strings.ToLower(clientID))).String()
}

// UserObjectID returns the principal of a user's name, as [ObjectID] does.
func UserObjectID(name string) string {
	return uuid.NewSHA1(principals, []byte("user:"+strings.ToLower(name))).String()
}

// An Identity is a managed identity.
type Identity struct {
	ClientID    string // GUID
	PrincipalID string // GUID, the oid of its tokens
	ResourceID  string // of the resource that it belongs to, or of the identity itself if it is user-assigned
}

// Claims returns what a token for the identity says.
func (m Identity) Claims(audience string) Claims {
	return Claims{
		Audience: audience, AppID: m.ClientID, AppIDACR: "2", ObjectID: m.PrincipalID, IDType: "app",
		ManagedIdentity: m.ResourceID,
	}
}

// FactoryTokens gives the activities of data factories the tokens of their
// factories' identities. It is a pipeline/activity.Tokens.
type FactoryTokens struct {
	Issuer func() (*Issuer, error)
	Now    func() time.Time
	// Identity returns the identity that a factory has: its own if credential is
	// empty, else the user-assigned one that it knows by that name. The error says
	// that there is none.
	Identity func(factory, credential string) (Identity, error)
}

// Token issues a token of the factory's identity for a resource, which may be
// written as a scope with /.default.
func (f *FactoryTokens) Token(ctx context.Context, factory, credential, resource string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	audience, err := ParseResource(strings.TrimSuffix(resource, "/.default"))
	if err != nil {
		return "", err
	}
	id, err := f.Identity(factory, credential)
	if err != nil {
		return "", fmt.Errorf("managed identity of factory %s: %w", factory, err)
	}
	i, err := f.Issuer()
	if err != nil {
		return "", err
	}
	return i.Issue("", id.Claims(audience), f.Now())
}
