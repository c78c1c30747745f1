package identityhttp

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"switchyard/auth/issuer"
)

// An IdentitySource knows the managed identities that programs on this machine
// may use.
type IdentitySource interface {
	// ManagedIdentity finds an identity. The selector's zero value stands for the
	// system-assigned one.
	ManagedIdentity(s IdentitySelector) (issuer.Identity, bool)
}

// An IdentitySelector names a user-assigned identity by one of its ids.
type IdentitySelector struct {
	ClientID, ObjectID, ResourceID string
}

// selector reads which identity is wanted. Clients name it in several ways, of
// which they use one at a time.
func selector(q url.Values) (IdentitySelector, error) {
	var s IdentitySelector
	n := 0
	for _, p := range []struct {
		name string
		to   *string
	}{
		{"client_id", &s.ClientID}, {"clientid", &s.ClientID},
		{"object_id", &s.ObjectID}, {"principal_id", &s.ObjectID},
		{"mi_res_id", &s.ResourceID}, {"msi_res_id", &s.ResourceID},
	} {
		if v := q.Get(p.name); v != "" {
			*p.to = v
			n++
		}
	}
	if n > 1 {
		return s, badRequest("invalid_request", 0, "The request names the identity in more than one way.")
	}
	return s, nil
}

// managedToken issues the token that a managed identity endpoint was asked for.
func (c *call) managedToken() (id issuer.Identity, resource, token string, err error) {
	// A request that came through a proxy is not from this machine.
	if c.Header.Get("X-Forwarded-For") != "" {
		return id, "", "", badRequest("invalid_request", 0, "Requests with the header X-Forwarded-For are refused.")
	}
	q := c.URL.Query()
	if q.Get("api-version") == "" {
		return id, "", "", badRequest("invalid_request", 0, "The query parameter 'api-version' is required.")
	}
	s, err := selector(q)
	if err != nil {
		return id, "", "", err
	}
	if q.Get("resource") == "" {
		return id, "", "", badRequest("invalid_resource", 0, "The query parameter 'resource' is required.")
	}
	if resource, err = issuer.ParseResource(strings.TrimSuffix(q.Get("resource"), "/.default")); err != nil {
		return id, "", "", badRequest("invalid_resource", 500011, "%s.", err)
	}
	ok := false
	if c.h.o.Identities != nil {
		id, ok = c.h.o.Identities.ManagedIdentity(s)
	}
	if !ok {
		return id, "", "", badRequest("invalid_request", 0, "Identity not found")
	}
	token, err = c.h.o.Issuer.Issue(c.base, id.Claims(resource), c.h.o.Now())
	return id, resource, token, err
}

// appService is the endpoint of an App Service: callers know a secret that only
// the environment of their process has [ARM 4.5].
func (c *call) appService() error {
	want, got := c.h.o.IdentityHeader, c.Header.Get("X-Identity-Header")
	if want == "" || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return &oauthError{http.StatusUnauthorized, "unauthorized", 0,
			"The header X-IDENTITY-HEADER is missing or wrong: send the value of IDENTITY_HEADER.", ""}
	}
	id, resource, token, err := c.managedToken()
	if err != nil {
		return err
	}
	return c.reply(map[string]any{
		"access_token": token,
		"expires_on":   c.expiresOn(),
		"resource":     resource,
		"token_type":   "Bearer",
		"client_id":    id.ClientID,
	})
}

// instanceMetadata is the endpoint of a virtual machine. It has no secret, so it
// is there in development only; the header keeps out requests that a page in a
// browser or a careless redirect made.
func (c *call) instanceMetadata() error {
	if !strings.EqualFold(c.Header.Get("Metadata"), "true") {
		return badRequest("invalid_request", 0, "Required metadata header not specified")
	}
	if !c.h.Development() {
		return badRequest("invalid_request", 0,
			"This server gives managed identities' tokens at %s only, to who sends the header X-IDENTITY-HEADER.",
			AppServicePath)
	}
	id, resource, token, err := c.managedToken()
	if err != nil {
		return err
	}
	seconds := strconv.FormatInt(int64(c.h.o.Issuer.Lifetime()/time.Second), 10)
	return c.reply(map[string]any{
		"access_token": token, "client_id": id.ClientID, "resource": resource, "token_type": "Bearer",
		"expires_in": seconds, "ext_expires_in": seconds, "expires_on": c.expiresOn(),
		"not_before": strconv.FormatInt(c.h.o.Now().Unix(), 10),
	})
}

func (c *call) expiresOn() string {
	return strconv.FormatInt(c.h.o.Now().Add(c.h.o.Issuer.Lifetime()).Unix(), 10)
}
