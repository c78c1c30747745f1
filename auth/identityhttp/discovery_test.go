package identityhttp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"switchyard/auth/identityhttp"
)

func (d document) at(path string) any {
	var v any = map[string]any(d)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func TestMetadataEndpoints(t *testing.T) {
	s := newServer(t)
	check := func(doc document, want map[string]any) {
		t.Helper()
		for path, v := range want {
			if got := doc.at(path); got != v {
				t.Errorf("%s is %v, want %v", path, got, v)
			}
		}
		list, _ := doc.at("authentication.audiences").([]any)
		if !slices.Equal(list, []any{s.URL, "https://management.core.windows.net/", "https://management.azure.com/"}) {
			t.Errorf("audiences are %v", list)
		}
	}
	full := map[string]any{
		"name": identityhttp.DefaultCloudName, "authentication.loginEndpoint": s.URL, "authentication.tenant": "common",
		"authentication.identityProvider": "AAD", "resourceManager": s.URL + "/", "microsoftGraphResourceId": "https://graph.microsoft.com/",
		"suffixes.storage": "core.windows.net", "suffixes.keyVaultDns": "vault.azure.net", "suffixes.acrLoginServer": "azurecr.io",
		"suffixes.sqlServerHostname": "database.windows.net", "suffixes.mhsmDns": "managedhsm.azure.net",
	}
	status, doc := s.get("/metadata/endpoints?api-version=2022-09-01")
	if status != 200 {
		t.Fatalf("status %d: %v", status, doc)
	}
	check(doc, full)
	for _, name := range []string{"portal", "media", "graph", "graphAudience", "batch", "vmImageAliasDoc", "activeDirectoryDataLake", "sqlManagement",
		"gallery", "appInsightsResourceId", "attestationResourceId", "synapseAnalyticsResourceId", "logAnalyticsResourceId", "ossrDbmsResourceId"} {
		if v, _ := doc[name].(string); v == "" {
			t.Errorf("%s is missing", name)
		}
	}
	status, doc = s.get("/Metadata//Endpoints/?api-version=2015-01-01")
	if status != 200 {
		t.Fatalf("status %d: %v", status, doc)
	}
	check(doc, map[string]any{"authentication.loginEndpoint": s.URL + "/adfs", "galleryEndpoint": s.URL + "/", "graphEndpoint": s.URL + "/graph", "portalEndpoint": s.URL + "/"})
	status, doc = s.get("/metadata/endpoints?api-version=2019-05-01")
	if list, _ := doc["list"].([]document); status != 200 || len(list) != 1 {
		t.Fatalf("status %d: %v, want an array of one", status, doc)
	} else {
		check(list[0], full)
	}
	for query, code := range map[string]string{"": "MissingApiVersionParameter", "?api-version=new": "InvalidApiVersionParameter"} {
		if status, doc := s.get("/metadata/endpoints" + query); status != 400 || doc["error"] != code {
			t.Errorf("%q: %d %v, want 400 %s", query, status, doc, code)
		}
	}
}

func TestOpenIDDocuments(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct{ path, issuer, authorize, token, keys string }{
		{"/" + tenant + "/v2.0/.well-known/openid-configuration", "/" + tenant + "/v2.0", "/" + tenant + "/oauth2/v2.0/authorize", "/" + tenant + "/oauth2/v2.0/token", "/" + tenant + "/discovery/v2.0/keys"},
		{"/Contoso.example/V2.0/.well-known/OpenID-Configuration?", "/contoso.example/v2.0", "/contoso.example/oauth2/v2.0/authorize", "/contoso.example/oauth2/v2.0/token", "/contoso.example/discovery/v2.0/keys"},
		{"/" + tenant + "/.well-known/openid-configuration", "/" + tenant + "/", "/" + tenant + "/oauth2/authorize", "/" + tenant + "/oauth2/token", "/" + tenant + "/discovery/keys"},
		{"/adfs/.well-known/openid-configuration", "/adfs", "/adfs/oauth2/authorize/", "/adfs/oauth2/token/", "/adfs/discovery/keys"},
	} {
		status, doc := s.get(c.path)
		if status != 200 || doc["issuer"] != s.URL+c.issuer || doc["authorization_endpoint"] != s.URL+c.authorize ||
			doc["token_endpoint"] != s.URL+c.token || doc["jwks_uri"] != s.URL+c.keys {
			t.Errorf("%s: %d %v", c.path, status, doc)
		}
		status, set := s.get(c.keys)
		keys, _ := set["keys"].([]any)
		if status != 200 || len(keys) != 1 {
			t.Fatalf("%s: %d %v", c.keys, status, set)
		}
		if k, want := document(keys[0].(map[string]any)), s.issuer.Key(); k["kid"] != want.KeyID || k["n"] != want.N || k["e"] != "AQAB" || k["kty"] != "RSA" || k["use"] != "sig" || k["alg"] != "RS256" {
			t.Errorf("key is %v, want %+v", k, want)
		}
	}
	if status, doc := s.get("/adfs/.well-known/openid-configuration", "X", "y"); status != 200 || len(doc) == 0 {
		t.Errorf("%d %v", status, doc)
	}
	status, doc, header := s.do("HEAD", "/adfs/.well-known/openid-configuration", nil)
	if status != 200 || len(doc) != 0 || header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("HEAD: %d %v %v", status, doc, header)
	}
}

func TestInstanceDiscovery(t *testing.T) {
	s := newServer(t)
	host := strings.TrimPrefix(s.URL, "https://")
	for _, c := range []struct {
		query, tenant string
	}{
		{"?api-version=1.1&authorization_endpoint=" + s.URL + "/Contoso/oauth2/v2.0/authorize", "contoso"},
		{"?api-version=1.1", tenant},
	} {
		status, doc := s.get("/common/discovery/instance" + c.query)
		if status != 200 || doc["tenant_discovery_endpoint"] != s.URL+"/"+c.tenant+"/v2.0/.well-known/openid-configuration" {
			t.Fatalf("%s: %d %v", c.query, status, doc)
		}
		m, _ := doc["metadata"].([]any)
		if len(m) != 1 || m[0].(map[string]any)["preferred_network"] != host {
			t.Errorf("metadata is %v", m)
		}
	}
	if status, doc := s.get("/common/discovery/instance?authorization_endpoint=https://login.microsoftonline.com/t/oauth2/v2.0/authorize"); status != 400 || doc["error"] != "invalid_instance" {
		t.Errorf("a foreign authority: %d %v, want invalid_instance", status, doc)
	}
}

func TestRouting(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]bool{
		"/metadata/endpoints": true, "/METADATA/Endpoints/": true, "/t/oauth2/v2.0/token": true, "/adfs/oauth2/token/": true, "//t//oauth2//token": true,
		"/msi/token": true, "/common/UserRealm/me@example.com": true,
		"/": false, "/subscriptions": false, "/subscriptions/oauth2/token": false, "/providers/oauth2/v2.0/token": false, "/t/oauth2": false,
		"/t/oauth2/token/x": false, "/t!/oauth2/token": false, "/../oauth2/token": false, "/-/oauth2/token": false, "/" + strings.Repeat("t", 300) + "/oauth2/token": false,
		"/\x00/oauth2/token": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		if got := s.handler.Serves(r); got != want {
			t.Errorf("Serves(%q) = %v, want %v", path, got, want)
		}
	}
	if status, doc := s.get("/nothing/here"); status != 404 {
		t.Errorf("%d %v, want 404", status, doc)
	}
	status, doc, header := s.do("GET", "/t/oauth2/token", nil)
	if status != 405 || header.Get("Allow") != "POST" {
		t.Errorf("GET of the token endpoint: %d %v %v", status, doc, header)
	}
	for _, path := range []string{"/t/oauth2/authorize", "/t/oauth2/v2.0/authorize?response_type=code"} {
		if status, doc := s.get(path); status != 400 || doc["error"] != "unsupported_grant_type" {
			t.Errorf("%s: %d %v", path, status, doc)
		}
	}
	if status, doc := s.post("/t/oauth2/v2.0/devicecode", "client_id", "x"); status != 400 || doc["error"] != "unsupported_grant_type" {
		t.Errorf("device code: %d %v", status, doc)
	}

	r := httptest.NewRequest("GET", "/metadata/endpoints?api-version=2022-09-01", nil)
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest || strings.Contains(w.Body.String(), "evil.example") {
		t.Errorf("foreign Host: %d %s", w.Code, w.Body)
	}
	status, _, header = s.do("GET", "/metadata/endpoints?api-version=2022-09-01", nil, "Client-Request-Id", "abc", "Return-Client-Request-Id", "true")
	if status != 200 || header.Get("Client-Request-Id") != "abc" || header.Get("X-Ms-Request-Id") == "" || !strings.Contains(header.Get("Cache-Control"), "no-store") {
		t.Errorf("headers are %v", header)
	}
}

func TestTenantsInStrictMode(t *testing.T) {
	s := newServer(t, strict(t))
	if s.handler.Development() {
		t.Error("Development() with registered applications")
	}
	for name, want := range map[string]int{tenant: 200, strings.ToUpper(tenant): 200, "common": 200, "adfs": 200, "contoso.example": 400, "11111111-1d2f-4b0a-9c53-7f6b4a1d2e3f": 400} {
		if status, doc := s.get("/" + name + "/v2.0/.well-known/openid-configuration"); status != want {
			t.Errorf("%s: %d %v, want %d", name, status, doc, want)
		}
	}
}
