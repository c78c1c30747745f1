package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The reasons for which a bearer token is refused, beside those that it shares
// with signatures: [ErrMalformed], [ErrSignature], [ErrExpired] and, for a wrong
// audience, [ErrScope].
var (
	// ErrNotYetValid means that the token's time has not come.
	ErrNotYetValid = errors.New("token is not valid yet")
	// ErrIssuer means that the token names an issuer that is not ours.
	ErrIssuer = errors.New("token was issued by somebody else")
	// ErrNoBearer means that bearer tokens are not accepted at all.
	ErrNoBearer = errors.New("bearer tokens are not accepted by this server")
)

// A Principal is whom a bearer token was issued to.
type Principal struct {
	ObjectID string    // GUID in lower case
	AppID    string    // the client id, as it was given to the issuer
	TenantID string    // GUID in lower case
	Audience string    // as in the token
	Expires  time.Time // end of the token
}

// A BearerVerifier verifies that a token was made by an issuer whose tokens
// count, for an audience that the function accepts, and is valid now. Its errors
// wrap those of this package.
type BearerVerifier interface {
	VerifyBearer(token string, audience func(string) bool, now time.Time) (Principal, error)
}

// A RoleSource knows role assignments.
type RoleSource interface {
	// DataRoles returns the names of the roles that a principal has been assigned
	// on an entity of a namespace or on anything above it: the namespace, its
	// resource group, its subscription. Path is the entity's in lower case, empty
	// for the namespace itself. Names of other roles than [RoleRights] knows are
	// allowed and give nothing.
	DataRoles(objectID, ns, path string) []string
}

// The roles of the data plane.
const (
	RoleDataOwner    = "Azure Service Bus Data Owner"
	RoleDataSender   = "Azure Service Bus Data Sender"
	RoleDataReceiver = "Azure Service Bus Data Receiver"
)

// RoleRights returns what a role gives on the data plane. The control plane's
// roles (Owner, Contributor) give nothing there, as in Azure.
func RoleRights(role string) Rights {
	switch {
	case strings.EqualFold(role, RoleDataOwner):
		return Manage | Listen | Send
	case strings.EqualFold(role, RoleDataSender):
		return Send
	case strings.EqualFold(role, RoleDataReceiver):
		return Listen
	}
	return 0
}

// AcceptBearer makes the authority accept the tokens that v verifies, with the
// rights of the roles that their principals have been assigned. With roles nil,
// which is for development, every such token has all rights. It is called before
// the first [Authority.VerifyJWT].
func (a *Authority) AcceptBearer(v BearerVerifier, roles RoleSource) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bearer, a.roles = v, roles
}

// VerifyJWT verifies a bearer token that is presented for an audience: the type
// jwt of put-token [SB-AMQP 4.2] and the Authorization header of the HTTP APIs.
// The token itself must be for Service Bus (https://servicebus.azure.net, with
// or without a slash at the end) or for the namespace (a URL of its host name).
// The grant is for the audience's entity and may have no rights at all, which
// an attach is told, not this call. Errors wrap [ErrNoBearer], [ErrMalformed],
// [ErrSignature], [ErrIssuer], [ErrScope], [ErrExpired] or [ErrNotYetValid].
func (a *Authority) VerifyJWT(ns, token, audience string, now time.Time) (Grant, error) {
	a.mu.RLock()
	bearer, roles := a.bearer, a.roles
	a.mu.RUnlock()
	if bearer == nil {
		return Grant{}, ErrNoBearer
	}
	target, err := ParseResource(audience)
	if err != nil {
		return Grant{}, err
	}
	p, err := bearer.VerifyBearer(token, func(aud string) bool { return forNamespace(aud, ns) }, now)
	if err != nil {
		return Grant{}, err
	}
	g := Grant{Path: strings.ToLower(target.Path), Rights: Manage | Listen | Send, Expires: p.Expires}
	if roles != nil {
		g.Rights, g.Entity = 0, g.Path != ""
		for _, role := range roles.DataRoles(p.ObjectID, ns, g.Path) {
			g.Rights |= RoleRights(role)
		}
	}
	return g, nil
}

// forNamespace reports whether a token with this audience may be presented to a
// namespace. A name of this machine alone will not do: it is the audience of
// tokens for the control plane.
func forNamespace(audience, ns string) bool {
	if _, _, ok := strings.Cut(audience, "://"); !ok {
		return false
	}
	r, err := ParseResource(audience)
	if err != nil || r.Path != "" {
		return false
	}
	if r.Host == "servicebus.azure.net" {
		return strings.HasPrefix(strings.ToLower(audience), "https://")
	}
	rest, ok := strings.CutPrefix(r.Host, strings.ToLower(ns)+".")
	return ok && (rest == "localhost" || strings.HasPrefix(rest, "servicebus."))
}

// BearerToken returns the token of an Authorization header, whose scheme is
// compared ignoring case. The error wraps [ErrMalformed] if there is none.
func BearerToken(header string) (string, error) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fmt.Errorf("%w: the Authorization header has no bearer token", ErrMalformed)
	}
	return token, nil
}
