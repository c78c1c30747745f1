package identityhttp

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/auth"
)

// A Caller is who made a request.
type Caller struct {
	ObjectID, AppID, TenantID string
}

// An Unauthorized error means 401: nobody knows who made the request.
type Unauthorized struct {
	Code    string // of Azure Resource Manager: AuthenticationFailed, InvalidAuthenticationToken …
	Message string
	// Challenge is the value of WWW-Authenticate that goes with it: where to get a
	// token [ARM 1.12].
	Challenge string
	Err       error // why; nil if there was no token
}

func (e *Unauthorized) Error() string { return e.Message }
func (e *Unauthorized) Unwrap() error { return e.Err }

// Authenticate identifies who makes a request to the resource manager, by a
// bearer token that our issuer made for it. The error is an [*Unauthorized].
func (h *Handler) Authenticate(r *http.Request) (Caller, error) {
	base := h.o.Base(r)
	refuse := func(err error, code, format string, args ...any) (Caller, error) {
		e := &Unauthorized{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
		e.Challenge = fmt.Sprintf(`Bearer authorization_uri="%s/%s", error="invalid_token", error_description="%s"`,
			quotable(base), h.o.Issuer.TenantID(), quotable(e.Message))
		return Caller{}, e
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return refuse(nil, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	}
	token, err := auth.BearerToken(header)
	if err != nil {
		return refuse(err, "AuthenticationFailed",
			"Authentication failed. The 'Authorization' header is provided in an invalid format.")
	}
	now := h.o.Now()
	p, err := h.o.Issuer.VerifyBearer(token, func(aud string) bool { return h.manages(aud, base) }, now)
	expired, isExpired := errors.AsType[*auth.ExpiredError](err)
	switch {
	case err == nil:
		return Caller{ObjectID: p.ObjectID, AppID: p.AppID, TenantID: p.TenantID}, nil
	case isExpired:
		return refuse(err, "ExpiredAuthenticationToken",
			"The access token expiry UTC time '%s' is earlier than current UTC time '%s'.",
			expired.Expires.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case errors.Is(err, auth.ErrScope):
		return refuse(err, "InvalidAuthenticationTokenAudience",
			"The access token has been obtained for the wrong audience or resource. It should exactly match "+
				"(including forward slash) with one of the allowed audiences '%s'.",
			strings.Join(append([]string{base}, managementAudiences...), ","))
	case errors.Is(err, auth.ErrIssuer):
		return refuse(err, "InvalidAuthenticationTokenTenant",
			"The access token is from the wrong issuer. It must match the tenant '%s' associated with this subscription.",
			h.o.Issuer.TenantID())
	}
	return refuse(err, "InvalidAuthenticationToken", "The access token is invalid: %s.", err)
}

// manages reports whether a token for an audience may be presented to the
// resource manager: its names in the public cloud, the host that the request
// was sent to, and the one that managed identities of this process know.
func (h *Handler) manages(audience, base string) bool {
	bare := strings.ToLower(strings.TrimSuffix(audience, "/"))
	_, host, _ := strings.Cut(base, "://")
	here := bare == "https://"+host || bare == "http://"+host
	return here && h.o.Issuer.OurHost(host) || slices.Contains(managementAudiences, bare+"/") ||
		strings.EqualFold(bare, h.o.Issuer.URL())
}

// Manages reports whether a token with this audience opens the resource manager, by
// whichever of our host names it is asked.
func (h *Handler) Manages(audience string) bool {
	return h.manages(audience, strings.ToLower(strings.TrimSuffix(audience, "/")))
}

// quotable makes a text fit between quotation marks in a header.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, s)
}
