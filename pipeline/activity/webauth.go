package activity

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"switchyard/clock"
	"switchyard/value"
)

// authorization returns the value of the Authorization header that the
// activity's authentication asks for, empty for none. It is added when a request
// is sent and is in no event.
func (w *Web) authorization(ctx context.Context, c *Call, r *webRequest) (string, *Error) {
	in := readInput(c.Input, "a Web activity")
	o := in.object("authentication")
	if o == nil {
		return "", in.fail.err
	}
	in = readInput(o, "authentication")
	kind, ok := in.text("type")
	if !ok {
		// Older definitions name no type when they mean Basic or MSI.
		kind = "Basic"
		if _, ok := o.Lookup("resource"); ok {
			kind = "MSI"
		}
	}
	if in.fail.err != nil {
		return "", in.fail.err
	}
	switch strings.ToLower(kind) {
	case "basic":
		return basicAuthorization(o)
	case "msi", "userassignedmanagedidentity":
		return w.identityToken(ctx, c, o, r)
	case "clientcertificate":
		return "", w.clientCertificate(o, r)
	case "serviceprincipal":
		return w.principalToken(ctx, o, r)
	}
	return "", failf(codeNotSupported, "The authentication type '%s' of a Web activity is not supported.", kind)
}

func basicAuthorization(a *value.Object) (string, *Error) {
	in := readInput(a, "Basic authentication")
	in.Only("type", "username", "password")
	user, _ := in.text("username")
	password := in.secret("password")
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)), in.fail.err
}

func (w *Web) identityToken(ctx context.Context, c *Call, a *value.Object, r *webRequest) (string, *Error) {
	in := readInput(a, "MSI authentication")
	in.Only("type", "resource", "credential")
	resource, _ := in.text("resource")
	if resource == "" {
		in.invalid("The property 'resource' of MSI authentication is required.")
	}
	credential := ""
	if ref := in.object("credential"); ref != nil {
		credential, _ = in.inside(ref, "the credential").text("referenceName")
	}
	if in.fail.err != nil {
		return "", in.fail.err
	}
	if w.o.Tokens == nil {
		return "", failf(codeNotSupported, "The authentication type 'MSI' is not supported: there is no managed "+
			"identity.")
	}
	if w.o.Manages != nil && w.o.Manages(resource) && !w.o.Fence.IsOwn(ctx, r.url) {
		return "", failf(codeRefused, "The request is not made: a token for '%s' opens the Resource Manager of this "+
			"Switchyard and is given to no other host, and '%s' is another.", resource, r.url.Host)
	}
	token, err := w.o.Tokens.Token(ctx, c.Factory, credential, resource)
	if err != nil {
		return "", failf(codeNoToken, "Get access token from MSI failed for Datafactory %s."+
			" Please verify resource url is valid and try again. More details: %s", c.Factory, err)
	}
	return "Bearer " + token, nil
}

// principalToken gets a token with the client credentials of a service
// principal.
func (w *Web) principalToken(ctx context.Context, a *value.Object, r *webRequest) (string, *Error) {
	in := readInput(a, "ServicePrincipal authentication")
	in.Only("type", "tenant", "userTenant",
		"servicePrincipalId", "username", "servicePrincipalKey", "password", "resource")
	tenant := in.requiredText("userTenant", "tenant")
	id := in.requiredText("username", "servicePrincipalId")
	resource := in.requiredText("resource")
	key := in.secret("password", "servicePrincipalKey")
	if in.fail.err != nil {
		return "", in.fail.err
	}
	cacheKey := strings.Join([]string{tenant, id, key, resource}, "\x00")
	if t := w.tokens.get(cacheKey); t != "" {
		return "Bearer " + t, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {key},
		"resource": {resource}}
	endpoint := w.o.Authority + "/" + url.PathEscape(tenant) + "/oauth2/token"
	token, lifetime, fail := w.requestToken(ctx, endpoint, form, r.timeout)
	if fail != nil {
		return "", fail
	}
	w.tokens.put(cacheKey, token, lifetime)
	return "Bearer " + token, nil
}

// maxTokenResponse bounds what the authority may answer.
const maxTokenResponse = 64 << 10

func (w *Web) requestToken(
	ctx context.Context, endpoint string, form url.Values, timeout time.Duration,
) (string, time.Duration, *Error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, failf(codeInvalid, "The address of the authority is invalid.")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.checked.Do(req)
	if err != nil {
		return "", 0, noAnswer(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenResponse))
	if err != nil {
		return "", 0, noAnswer(err)
	}
	v, _ := value.Parse(b)
	o, _ := v.(*value.Object)
	token, _ := o.Get("access_token")
	s, _ := token.(string)
	if resp.StatusCode != http.StatusOK || s == "" {
		why, _ := o.Get("error_description")
		if why == nil {
			why, _ = o.Get("error")
		}
		return "", 0, failf(codeEndpoint, "The authority gave no token for the service principal. Response "+
			"status code: '%d'. More details: %s", resp.StatusCode, value.Text(why))
	}
	lifetime := 5 * time.Minute
	if e, ok := o.Get("expires_in"); ok {
		if d, err := time.ParseDuration(value.Text(e) + "s"); err == nil && d > 0 {
			lifetime = d
		}
	}
	return s, lifetime, nil
}

// tokenCache keeps service principals' tokens until shortly before they expire,
// so that a loop of a thousand calls asks the authority once.
type tokenCache struct {
	clock clock.Clock
	mu    sync.Mutex
	m     map[string]cachedToken // guarded by mu
}

// A cachedToken ends when its time has passed, or by the wall clock if that comes first:
// its authority goes by one of its own.
type cachedToken struct {
	token        string
	until, shown time.Time
}

const maxCachedTokens = 256

func (c *tokenCache) get(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.m[key]; ok && c.clock.Now().Before(t.until) && clock.ShownNow(c.clock).Before(t.shown) {
		return t.token
	}
	return ""
}

func (c *tokenCache) put(key, token string, lifetime time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxCachedTokens {
		c.m = map[string]cachedToken{}
	}
	lifetime -= min(lifetime/5, 5*time.Minute)
	c.m[key] = cachedToken{token, c.clock.Now().Add(lifetime), clock.ShownNow(c.clock).Add(lifetime)}
}
