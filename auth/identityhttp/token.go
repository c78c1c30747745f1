package identityhttp

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"switchyard/auth"
	"switchyard/auth/issuer"
)

const (
	maxClientID     = 256
	maxUserName     = 256
	maxCapabilities = 16

	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
)

// A tokenResponse is what a client gets [ARM 4.2]. In version 1 and AD FS
// numbers are text.
type tokenResponse struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    any    `json:"expires_in"`
	ExtExpiresIn any    `json:"ext_expires_in"`
	ExpiresOn    string `json:"expires_on,omitempty"`
	NotBefore    string `json:"not_before,omitempty"`
	Resource     string `json:"resource,omitempty"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

// token answers a token request by its grant.
func (c *call) token() error {
	f, err := c.readForm()
	if err != nil {
		return err
	}
	grant, err := f.need("grant_type")
	if err != nil {
		return err
	}
	var serve func(form) error
	switch grant {
	case "client_credentials":
		serve = c.clientCredentials
	case "password":
		serve = c.password
	case "refresh_token":
		serve = c.refresh
	case "authorization_code", "device_code", deviceGrant:
		return c.interactive()
	default:
		return badRequest("unsupported_grant_type", 70003,
			"The app requested an unsupported grant type '%s'.", printable(grant, 80))
	}
	id, err := f.need("client_id")
	if err != nil {
		return err
	}
	if len(id) > maxClientID || printable(id, maxClientID) != id || !utf8.ValidString(id) {
		return badRequest("invalid_request", 900144, "The parameter 'client_id' is not valid.")
	}
	return serve(f)
}

// interactive refuses the flows in which a person answers in a browser.
func (c *call) interactive() error {
	return badRequest("unsupported_grant_type", 70003,
		"Authorization codes and device codes need a person at a browser and are not supported by this server; "+
			"log in with a client secret, for example az login --service-principal.")
}

// scope is what the token is asked for. Version 2 has scope, version 1 has
// resource, and AD FS has either.
func (c *call) scope(f form) (issuer.Scope, error) {
	resource, text := f["resource"], f["scope"]
	if resource != "" && (c.version() == 1 || c.tenant == adfs) {
		audience, err := issuer.ParseResource(resource)
		if err != nil {
			return issuer.Scope{}, err
		}
		s := issuer.Scope{Audience: audience, Permissions: []string{".default"}}
		for word := range strings.FieldsSeq(text) {
			if word == "openid" || word == "offline_access" {
				s.OpenID = append(s.OpenID, word)
			}
		}
		return s, nil
	}
	if resource != "" {
		return issuer.Scope{}, badRequest("invalid_request", 901002,
			"The 'resource' request parameter is not supported.")
	}
	if text == "" {
		_, err := f.need(map[bool]string{true: "resource", false: "scope"}[c.version() == 1 && c.tenant != adfs])
		return issuer.Scope{}, err
	}
	return issuer.ParseScope(text)
}

// client verifies who the client says it is and returns how (appidacr).
func (c *call) client(f form) (acr string, err error) {
	id, secret, assertion := f["client_id"], f["client_secret"], f["client_assertion"]
	apps := c.h.o.Applications
	switch {
	case secret != "" && assertion != "":
		return "", badRequest("invalid_request", 90013,
			"The request has both a client secret and a client assertion.")
	case assertion != "":
		if f["client_assertion_type"] != assertionType {
			return "", badRequest("invalid_request", 900144,
				"The parameter 'client_assertion_type' must be '%s'.", assertionType)
		}
		if apps == nil {
			return "2", nil
		}
		audiences := []string{c.base + c.URL.Path, c.base + "/" + c.tenant, c.base + "/" + c.tenant + "/",
			c.base + "/" + c.tenant + "/v2.0"}
		if err := apps.VerifyAssertion(id, assertion, audiences, c.h.o.Now()); err != nil {
			return "", &oauthError{http.StatusUnauthorized, "invalid_client", 700027,
				"The client assertion was refused: " + err.Error() + ".", "client assertion: " + auth.Reason(err)}
		}
		return "2", nil
	case secret != "":
		if apps != nil && !apps.VerifySecret(id, secret) {
			return "", &oauthError{http.StatusUnauthorized, "invalid_client", 7000215,
				"Invalid client secret provided, or an application that is not registered here: '" + id + "'.", ""}
		}
		return "1", nil
	}
	return "0", nil
}

func (c *call) clientCredentials(f form) error {
	acr, err := c.client(f)
	if err != nil {
		return err
	}
	if acr == "0" {
		return &oauthError{http.StatusUnauthorized, "invalid_client", 7000218,
			"The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", ""}
	}
	s, err := c.scope(f)
	if err != nil {
		return err
	}
	if !s.Default() {
		return badRequest("invalid_scope", 1002012,
			"The provided value for scope '%s' is not valid. Client credential flows must have a scope value with "+
				"/.default suffixed to the resource identifier (application ID URI).",
			printable(f["scope"], 200))
	}
	id := f["client_id"]
	return c.grant(f, s, issuer.Claims{AppID: id, AppIDACR: acr, ObjectID: issuer.ObjectID(id), IDType: "app"})
}

// password logs a user in. Only development has users: anybody, with any
// password.
func (c *call) password(f form) error {
	acr, err := c.client(f)
	if err != nil {
		return err
	}
	if !c.h.Development() {
		return badRequest("unsupported_grant_type", 70003,
			"The grant type 'password' is not supported by this server while only registered applications may log "+
				"in: it has no users.")
	}
	name, err := f.need("username")
	if err != nil {
		return err
	}
	if _, err := f.need("password"); err != nil {
		return err
	}
	if len(name) > maxUserName || printable(name, maxUserName) != name || !utf8.ValidString(name) {
		return badRequest("invalid_request", 900144, "The parameter 'username' is not valid.")
	}
	s, err := c.scope(f)
	if err != nil {
		return err
	}
	return c.grant(f, s, issuer.Claims{
		AppID: f["client_id"], AppIDACR: acr, ObjectID: issuer.UserObjectID(name), IDType: "user", UPN: name,
		UniqueName: name,
	})
}

func (c *call) refresh(f form) error {
	acr, err := c.client(f)
	if err != nil {
		return err
	}
	text, err := f.need("refresh_token")
	if err != nil {
		return err
	}
	old, err := c.h.o.Issuer.VerifyRefresh(text, c.h.o.Now())
	// A client that may have lost its registration since gets nothing more.
	if err != nil || !strings.EqualFold(old.AppID, f["client_id"]) || !c.h.Development() && acr == "0" {
		return badRequest("invalid_grant", 70000,
			"The provided value for the input parameter 'refresh_token' is not valid for this client.")
	}
	s, err := c.scope(f)
	if err != nil {
		return err
	}
	// What was not asked for first is not given later.
	if !slices.Contains(s.OpenID, "offline_access") {
		s.OpenID = append(s.OpenID, "offline_access")
	}
	return c.grant(f, s, issuer.Claims{
		AppID: old.AppID, AppIDACR: acr, ObjectID: old.ObjectID, IDType: old.IDType, UPN: old.UPN,
		UniqueName: old.UniqueName,
	})
}

// grant issues the tokens.
func (c *call) grant(f form, s issuer.Scope, claims issuer.Claims) error {
	is, now := c.h.o.Issuer, c.h.o.Now()
	var err error
	claims.Audience = s.Audience
	if claims.Capabilities, err = capabilities(f["claims"]); err != nil {
		return err
	}
	user := claims.IDType == "user"
	if user {
		claims.Scopes = "user_impersonation"
		if !s.Default() {
			claims.Scopes = strings.Join(s.Permissions, " ")
		}
	}
	r := tokenResponse{TokenType: "Bearer"}
	if r.AccessToken, err = is.Issue(c.base, claims, now); err != nil {
		return err
	}
	seconds := int64(is.Lifetime() / time.Second)
	r.ExpiresIn, r.ExtExpiresIn = seconds, seconds
	if c.version() == 1 {
		r.Resource = s.Audience
		r.ExpiresOn = strconv.FormatInt(now.Unix()+seconds, 10)
		r.NotBefore = strconv.FormatInt(now.Unix(), 10)
		if c.tenant != adfs {
			text := strconv.FormatInt(seconds, 10)
			r.ExpiresIn, r.ExtExpiresIn = text, text
		}
	}
	if !user {
		return c.reply(r)
	}
	r.Scope = strings.Join(append(scopeNames(s, claims.Scopes), s.OpenID...), " ")
	if slices.Contains(s.OpenID, "offline_access") {
		if r.RefreshToken, err = is.IssueRefresh(c.base, claims, now); err != nil {
			return err
		}
	}
	if slices.Contains(s.OpenID, "openid") {
		who := claims
		who.Nonce, who.PreferredUsername = f["nonce"], claims.UPN
		if r.IDToken, err = is.IssueID(c.base, who, now); err != nil {
			return err
		}
	}
	if f["client_info"] == "1" {
		b, err := json.Marshal(map[string]string{"uid": claims.ObjectID, "utid": is.TenantID()})
		if err != nil {
			return err
		}
		r.ClientInfo = base64.RawURLEncoding.EncodeToString(b)
	}
	return c.reply(r)
}

// scopeNames writes the permissions out with their resource, and what was asked
// for as it was: MSAL finds a token in its cache by these names.
func scopeNames(s issuer.Scope, granted string) []string {
	var names []string
	for _, p := range append(strings.Fields(granted), s.Permissions...) {
		if name := s.Audience + "/" + p; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// capabilities reads what a client says it can do from the claims parameter:
// {"access_token":{"xms_cc":{"values":["CP1"]}}}. Claims that name something
// else ask for what tokens here never have, which OpenID lets pass.
func capabilities(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var request struct {
		AccessToken struct {
			Capabilities struct {
				Values []string `json:"values"`
			} `json:"xms_cc"`
		} `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		return nil, badRequest("invalid_request", 90013, "The parameter 'claims' is not valid.")
	}
	values := request.AccessToken.Capabilities.Values
	if len(values) > maxCapabilities {
		return nil, badRequest("invalid_request", 90013,
			"The parameter 'claims' names more than %d capabilities.", maxCapabilities)
	}
	for _, v := range values {
		if len(v) > 32 {
			return nil, badRequest("invalid_request", 90013,
				"The parameter 'claims' names the capability '%s'.", printable(v, 32))
		}
	}
	return values, nil
}
