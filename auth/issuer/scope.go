package issuer

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ErrInvalidScope means that a scope or resource can't be the audience of a token.
var ErrInvalidScope = errors.New("invalid scope")

const maxResource = 1024

// ParseResource checks that a resource can be the audience of a token, which it
// is unchanged: an absolute URI or a GUID. The error wraps [ErrInvalidScope].
func ParseResource(resource string) (string, error) {
	if resource == "" || len(resource) > maxResource || strings.ContainsFunc(resource, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || r == '"' || r == '\\'
	}) {
		return "", fmt.Errorf("%w: %.200q is not a resource", ErrInvalidScope, resource)
	}
	if u, err := url.Parse(resource); err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "") {
		return resource, nil
	}
	if _, err := uuid.Parse(resource); err == nil && len(resource) == 36 {
		return resource, nil
	}
	return "", fmt.Errorf("%w: %.200q is neither a URI nor a GUID", ErrInvalidScope, resource)
}

// A Scope is what a client asks for: permissions on one resource.
type Scope struct {
	Audience    string   // the resource as it was asked for
	Permissions []string // .default, or names
	OpenID      []string // openid, profile, email and offline_access
}

// ParseScope reads the scope parameter of a token request: names separated by
// spaces, of which all but OpenID's are a resource, a slash and a permission.
// The resource keeps a slash at its end if the client wrote two. The error wraps
// [ErrInvalidScope].
func ParseScope(text string) (Scope, error) {
	var s Scope
	for _, word := range strings.Fields(text) {
		if slices.Contains([]string{"openid", "profile", "email", "offline_access"}, word) {
			s.OpenID = append(s.OpenID, word)
			continue
		}
		slash := strings.LastIndexByte(word, '/')
		if slash < 0 {
			return Scope{}, fmt.Errorf("%w: %.200q names no resource", ErrInvalidScope, word)
		}
		audience, err := ParseResource(word[:slash])
		if err != nil {
			return Scope{}, err
		}
		if s.Audience != "" && s.Audience != audience {
			return Scope{}, fmt.Errorf("%w: it names more than one resource", ErrInvalidScope)
		}
		s.Audience = audience
		s.Permissions = append(s.Permissions, word[slash+1:])
	}
	if s.Audience == "" {
		return Scope{}, fmt.Errorf("%w: it names no resource", ErrInvalidScope)
	}
	return s, nil
}

// Default reports whether everything that was granted is asked for, the only
// thing that a client without user may ask for.
func (s Scope) Default() bool { return len(s.Permissions) == 1 && s.Permissions[0] == ".default" }
