package identityhttp

import (
	"net/url"
	"strings"

	"switchyard/auth/issuer"
)

// openID answers the OpenID document of a tenant. Its issuer has the host that
// the client asked, which MSAL checks; that of the first version is the one in
// our access tokens.
func (c *call) openID() error {
	authority := c.base + "/" + c.tenant
	doc := map[string]any{
		"response_types_supported": []string{"id_token"},
		"response_modes_supported": []string{"query", "fragment", "form_post"},
		"grant_types_supported":    []string{"client_credentials", "password", "refresh_token"},
		"subject_types_supported":  []string{"pairwise"},
		"scopes_supported":         []string{"openid", "profile", "email", "offline_access"},
		"claims_supported": []string{"sub", "iss", "aud", "exp", "iat", "nonce",
			"preferred_username", "tid", "oid", "upn", "ver"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic",
			"private_key_jwt"},
	}
	switch {
	case c.tenant == adfs:
		doc["issuer"] = authority
		doc["authorization_endpoint"] = authority + "/oauth2/authorize/"
		doc["token_endpoint"] = authority + "/oauth2/token/"
		doc["device_authorization_endpoint"] = authority + "/oauth2/devicecode"
		doc["jwks_uri"] = authority + "/discovery/keys"
	case c.version() == 2:
		doc["issuer"] = authority + "/v2.0"
		doc["authorization_endpoint"] = authority + "/oauth2/v2.0/authorize"
		doc["token_endpoint"] = authority + "/oauth2/v2.0/token"
		doc["device_authorization_endpoint"] = authority + "/oauth2/v2.0/devicecode"
		doc["jwks_uri"] = authority + "/discovery/v2.0/keys"
	default:
		doc["issuer"] = c.base + "/" + c.h.o.Issuer.TenantID() + "/"
		doc["authorization_endpoint"] = authority + "/oauth2/authorize"
		doc["token_endpoint"] = authority + "/oauth2/token"
		doc["device_authorization_endpoint"] = authority + "/oauth2/devicecode"
		doc["jwks_uri"] = authority + "/discovery/keys"
	}
	return c.reply(doc)
}

// version is the version of the endpoint that was asked: 2 if the path says so.
func (c *call) version() int {
	for seg := range strings.SplitSeq(c.URL.Path, "/") {
		if strings.EqualFold(seg, "v2.0") {
			return 2
		}
	}
	return 1
}

// keys answers the keys that tokens are signed with.
func (c *call) keys() error {
	return c.reply(map[string]any{"keys": []issuer.PublicKey{c.h.o.Issuer.Key()}})
}

// instanceDiscovery tells which hosts are one authority: only the one asked.
func (c *call) instanceDiscovery() error {
	tenant := c.h.o.Issuer.TenantID()
	if text := c.URL.Query().Get("authorization_endpoint"); text != "" {
		u, err := url.Parse(text)
		if err != nil {
			return badRequest("invalid_request", 90013,
				"Invalid input received from the user: authorization_endpoint.")
		}
		first, _, _ := strings.Cut(strings.Trim(strings.ToLower(u.Path), "/"), "/")
		if !strings.EqualFold(c.base, u.Scheme+"://"+u.Host) || first == "" || !tenantName(first) ||
			!c.h.serves(first) {
			return badRequest("invalid_instance", 50049, "Unknown or invalid instance.")
		}
		tenant = first
	}
	_, host, _ := strings.Cut(c.base, "://")
	return c.reply(map[string]any{
		"tenant_discovery_endpoint": c.base + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{"preferred_network": host, "preferred_cache": host,
			"aliases": []string{host}}},
	})
}

// userRealm tells a client that is about to send a user's password that it is
// right here.
func (c *call) userRealm() error {
	segments := strings.Split(strings.Trim(c.URL.Path, "/"), "/")
	user := segments[len(segments)-1]
	_, domain, _ := strings.Cut(user, "@")
	if domain == "" {
		domain = "localhost"
	}
	_, host, _ := strings.Cut(c.base, "://")
	return c.reply(map[string]any{
		"ver": "1.0", "account_type": "Managed", "domain_name": printable(domain, 253),
		"cloud_instance_name": host, "cloud_audience_urn": "urn:federation:MicrosoftOnline",
	})
}
