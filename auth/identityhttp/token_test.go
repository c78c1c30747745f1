package identityhttp_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
)

const (
	v2   = "/" + tenant + "/oauth2/v2.0/token"
	v1   = "/" + tenant + "/oauth2/token"
	adfs = "/adfs/oauth2/token/"
)

func TestClientCredentials(t *testing.T) {
	s := newServer(t)
	base := []string{"grant_type", "client_credentials", "client_id", "Any"}
	assertion := []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "e30.e30."}
	for _, c := range []struct {
		name, path string
		fields     []string
		audience   string
		acr        string
	}{
		{"Go", v2, []string{"client_secret", "x", "scope", "https://management.azure.com//.default openid offline_access profile"}, "https://management.azure.com/", "1"},
		{"az", adfs, []string{"client_info", "1", "client_secret", "x", "claims", `{"access_token":{"xms_cc":{"values":["CP1"]}}}`, "scope", s.URL + "/.default"}, s.URL, "1"},
		{"assertion", v2, append(assertion, "scope", "https://servicebus.azure.net/.default"), "https://servicebus.azure.net", "2"},
		{"version 1", v1, []string{"client_secret", "x", "resource", "https://servicebus.azure.net/"}, "https://servicebus.azure.net/", "1"},
		{"AD FS with resource", adfs, []string{"client_secret", "x", "resource", "urn:thing"}, "urn:thing", "1"},
		{"other tenant", "/contoso.example/oauth2/v2.0/token", []string{"client_secret", "x", "scope", "https://a.example/.default"}, "https://a.example", "1"},
	} {
		status, doc := s.post(c.path, append(c.fields, base...)...)
		if status != 200 || doc["token_type"] != "Bearer" {
			t.Errorf("%s: %d %v", c.name, status, doc)
			continue
		}
		claims := s.claims(doc["access_token"])
		if claims.Audience != c.audience || claims.AppIDACR != c.acr || claims.AppID != "Any" || claims.ObjectID != issuer.ObjectID("any") ||
			claims.IDType != "app" || claims.TenantID != tenant || claims.Issuer != s.URL+"/"+tenant+"/" {
			t.Errorf("%s: claims are %+v", c.name, claims)
		}
		if c.name == "az" && (len(claims.Capabilities) != 1 || claims.Capabilities[0] != "CP1") {
			t.Errorf("%s: capabilities are %v", c.name, claims.Capabilities)
		}
		if doc["refresh_token"] != nil || doc["id_token"] != nil || doc["client_info"] != nil {
			t.Errorf("%s: a client without user got %v", c.name, doc)
		}
		switch c.path {
		case v1:
			if doc["expires_in"] != "86399" || doc["resource"] != c.audience || doc["expires_on"] != strconv.FormatInt(s.now.Unix()+86399, 10) {
				t.Errorf("%s: %v", c.name, doc)
			}
		case adfs:
			if doc["expires_in"] != 86399.0 || doc["resource"] != c.audience {
				t.Errorf("%s: %v", c.name, doc)
			}
		default:
			if doc["expires_in"] != 86399.0 || doc["ext_expires_in"] != 86399.0 || doc["resource"] != nil {
				t.Errorf("%s: %v", c.name, doc)
			}
		}
	}

	status, doc, _ := s.do("POST", v2, strings.NewReader("grant_type=client_credentials&scope=urn:x/.default"),
		"Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "Authorization", "Basic YTpi")
	if status != 200 || s.claims(doc["access_token"]).AppID != "a" {
		t.Errorf("credentials in the Authorization header: %d %v", status, doc)
	}
}

func TestTokenRefused(t *testing.T) {
	s := newServer(t)
	const scope = "https://management.azure.com//.default"
	cc := func(fields ...string) []string {
		return append(fields, "grant_type", "client_credentials")
	}
	for _, c := range []struct {
		name, path string
		fields     []string
		status     int
		code       string
		number     float64
	}{
		{"empty", v2, nil, 400, "invalid_request", 900144},
		{"no grant", v2, []string{"client_id", "a", "client_secret", "b", "scope", scope}, 400, "invalid_request", 900144},
		{"no client", v2, cc("client_secret", "b", "scope", scope), 400, "invalid_request", 900144},
		{"client with control characters", v2, cc("client_id", "a\x00", "client_secret", "b", "scope", scope), 400, "invalid_request", 900144},
		{"client that is no text", v2, cc("client_id", "\xff", "client_secret", "b", "scope", scope), 400, "invalid_request", 900144},
		{"long client", v2, cc("client_id", strings.Repeat("a", 257), "client_secret", "b", "scope", scope), 400, "invalid_request", 900144},
		{"no secret", v2, cc("client_id", "a", "scope", scope), 401, "invalid_client", 7000218},
		{"empty secret", v2, cc("client_id", "a", "client_secret", "", "scope", scope), 401, "invalid_client", 7000218},
		{"secret and assertion", v2, cc("client_id", "a", "client_secret", "b", "client_assertion", "c", "scope", scope), 400, "invalid_request", 90013},
		{"assertion of another type", v2, cc("client_id", "a", "client_assertion", "c", "client_assertion_type", "saml", "scope", scope), 400, "invalid_request", 900144},
		{"no scope", v2, cc("client_id", "a", "client_secret", "b"), 400, "invalid_request", 900144},
		{"no resource", v1, cc("client_id", "a", "client_secret", "b"), 400, "invalid_request", 900144},
		{"resource in version 2", v2, cc("client_id", "a", "client_secret", "b", "resource", "urn:x"), 400, "invalid_request", 901002},
		{"scope without resource", v2, cc("client_id", "a", "client_secret", "b", "scope", "openid"), 400, "invalid_scope", 70011},
		{"scope not .default", v2, cc("client_id", "a", "client_secret", "b", "scope", "https://a.example/read"), 400, "invalid_scope", 1002012},
		{"two resources", v2, cc("client_id", "a", "client_secret", "b", "scope", "urn:a/.default urn:b/.default"), 400, "invalid_scope", 70011},
		{"resource that is none", v1, cc("client_id", "a", "client_secret", "b", "resource", "../x"), 400, "invalid_scope", 70011},
		{"parameter twice", v2, cc("client_id", "a", "client_id", "b", "client_secret", "b", "scope", scope), 400, "invalid_request", 90013},
		{"claims that are none", v2, cc("client_id", "a", "client_secret", "b", "scope", scope, "claims", "{"), 400, "invalid_request", 90013},
		{"authorization code", v2, []string{"grant_type", "authorization_code", "code", "c", "client_id", "a"}, 400, "unsupported_grant_type", 70003},
		{"device code", v2, []string{"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", "a"}, 400, "unsupported_grant_type", 70003},
		{"on behalf of", v2, []string{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_id", "a"}, 400, "unsupported_grant_type", 70003},
		{"password without user", v2, []string{"grant_type", "password", "client_id", "a", "password", "p", "scope", scope}, 400, "invalid_request", 900144},
		{"refresh with noise", v2, []string{"grant_type", "refresh_token", "client_id", "a", "refresh_token", "x", "scope", scope}, 400, "invalid_grant", 70000},
	} {
		status, doc := s.post(c.path, c.fields...)
		numbers, _ := doc["error_codes"].([]any)
		if status != c.status || doc["error"] != c.code || len(numbers) != 1 || numbers[0] != c.number || doc["access_token"] != nil {
			t.Errorf("%s: %d %v, want %d %s %v", c.name, status, doc, c.status, c.code, c.number)
		}
		text, _ := doc["error_description"].(string)
		if !strings.HasPrefix(text, "AADSTS"+strconv.Itoa(int(c.number))+": ") || doc["trace_id"] == nil || doc["timestamp"] == nil || doc["correlation_id"] == nil {
			t.Errorf("%s: error is %v", c.name, doc)
		}
	}
	for name, c := range map[string]struct {
		body, media string
		want        int
	}{
		"JSON":           {`{"grant_type":"client_credentials"}`, "application/json", 400},
		"no media type":  {"grant_type=client_credentials", "", 400},
		"bad escape":     {"grant_type=%zz", "application/x-www-form-urlencoded", 400},
		"semicolon":      {"a;b=c", "application/x-www-form-urlencoded", 400},
		"too large":      {"a=" + strings.Repeat("x", 1<<20), "application/x-www-form-urlencoded", 413},
		"many equal":     {strings.Repeat("a=1&", 5000), "application/x-www-form-urlencoded", 400},
		"many different": {strings.Repeat("&", 60000), "application/x-www-form-urlencoded", 400},
	} {
		if status, doc, _ := s.do("POST", v2, strings.NewReader(c.body), "Content-Type", c.media); status != c.want || doc["error"] != "invalid_request" {
			t.Errorf("%s: %d %v, want %d", name, status, doc, c.want)
		}
	}
	if status, doc, _ := s.do("POST", v2+"?grant_type=client_credentials&client_id=a&client_secret=b&scope=urn:x/.default", strings.NewReader(""), "Content-Type", "application/x-www-form-urlencoded"); status != 400 {
		t.Errorf("parameters in the URL: %d %v, want 400", status, doc)
	}
}

func TestPasswordAndRefresh(t *testing.T) {
	s := newServer(t)
	status, doc := s.post("/organizations/oauth2/v2.0/token", "grant_type", "password", "client_id", "cli", "username", "me@example.com", "password", "p",
		"scope", "https://management.azure.com//.default openid offline_access profile", "client_info", "1")
	if status != 200 || doc["refresh_token"] == nil || doc["id_token"] == nil || doc["client_info"] == nil {
		t.Fatalf("%d %v", status, doc)
	}
	claims := s.claims(doc["access_token"])
	if claims.IDType != "user" || claims.UPN != "me@example.com" || claims.Scopes != "user_impersonation" || claims.ObjectID != issuer.UserObjectID("me@example.com") || claims.AppIDACR != "0" {
		t.Errorf("claims are %+v", claims)
	}
	refresh := doc["refresh_token"].(string)
	s.now = s.now.Add(48 * time.Hour)
	status, doc = s.post(v2, "grant_type", "refresh_token", "client_id", "cli", "refresh_token", refresh, "scope", "https://servicebus.azure.net//.default")
	if status != 200 || doc["refresh_token"] == nil {
		t.Fatalf("%d %v", status, doc)
	}
	if claims := s.claims(doc["access_token"]); claims.Audience != "https://servicebus.azure.net/" || claims.ObjectID != issuer.UserObjectID("me@example.com") || claims.UPN != "me@example.com" {
		t.Errorf("claims are %+v", claims)
	}
	for name, fields := range map[string][]string{
		"other client": {"client_id", "other", "refresh_token", refresh},
		"access token": {"client_id", "cli", "refresh_token", doc["access_token"].(string)},
	} {
		status, doc := s.post(v2, append(fields, "grant_type", "refresh_token", "scope", "urn:x/.default")...)
		if status != 400 || doc["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v, want invalid_grant", name, status, doc)
		}
	}
	if status, doc := s.get("/common/UserRealm/me@example.com?api-version=1.0"); status != 200 || doc["account_type"] != "Managed" || doc["domain_name"] != "example.com" {
		t.Errorf("user realm: %d %v", status, doc)
	}
}

func TestStrict(t *testing.T) {
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&mine.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := issuer.HashSecret("right", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	apps, err := issuer.NewApplications(
		issuer.Application{ID: "app", SecretHashes: []string{hash}},
		issuer.Application{ID: "keyed", Keys: []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(o *identityhttp.Options) { o.Applications = apps })
	assertion := func(id string) []string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
			"iss": id, "sub": id, "aud": s.URL + v2, "nbf": s.now.Unix(), "exp": s.now.Add(time.Minute).Unix(),
		}).SignedString(mine)
		if err != nil {
			t.Fatal(err)
		}
		return []string{"client_id", id, "client_assertion", text, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
	}
	for _, c := range []struct {
		name   string
		fields []string
		status int
		number float64
	}{
		{"right secret", []string{"client_id", "APP", "client_secret", "right"}, 200, 0},
		{"wrong secret", []string{"client_id", "app", "client_secret", "wrong"}, 401, 7000215},
		{"not registered", []string{"client_id", "other", "client_secret", "right"}, 401, 7000215},
		{"secret of one that has none", []string{"client_id", "keyed", "client_secret", "right"}, 401, 7000215},
		{"right assertion", assertion("keyed"), 200, 0},
		{"assertion without key", assertion("app"), 401, 700027},
		{"assertion of a stranger", assertion("other"), 401, 700027},
		{"no secret", []string{"client_id", "app"}, 401, 7000218},
	} {
		status, doc := s.post(v2, append(c.fields, "grant_type", "client_credentials", "scope", "urn:x/.default")...)
		numbers, _ := doc["error_codes"].([]any)
		if status != c.status || status != 200 && (doc["error"] != "invalid_client" || len(numbers) != 1 || numbers[0] != c.number) {
			t.Errorf("%s: %d %v, want %d %v", c.name, status, doc, c.status, c.number)
		}
	}
	if status, doc := s.post(v2, "client_id", "app", "client_secret", "right", "grant_type", "password", "username", "u", "password", "p", "scope", "urn:x/.default"); status != 400 || doc["error"] != "unsupported_grant_type" {
		t.Errorf("password: %d %v, want it refused", status, doc)
	}
	// A refresh token from the days when anybody could log in is worth nothing.
	old, err := s.issuer.IssueRefresh("", issuer.Claims{AppID: "app", ObjectID: "o", IDType: "user"}, s.now)
	if err != nil {
		t.Fatal(err)
	}
	if status, doc := s.post(v2, "client_id", "app", "grant_type", "refresh_token", "refresh_token", old, "scope", "urn:x/.default"); status != 400 || doc["error"] != "invalid_grant" {
		t.Errorf("refresh token without secret: %d %v", status, doc)
	}
}

func TestNoSecretsInLog(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, func(o *identityhttp.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	status, doc := s.post(v2, "grant_type", "client_credentials", "client_id", "a", "client_secret", "hunter2", "scope", "nonsense")
	if b, err := json.Marshal(doc); err != nil || status != 400 || strings.Contains(string(b)+log.String(), "hunter2") {
		t.Errorf("%d %s; log: %s", status, b, &log)
	}
}

// Whatever is sent is answered with a document: an error, or a token that
// verifies.
func FuzzTokenForm(f *testing.F) {
	now := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	h, is := newHandler(f, func() time.Time { return now })
	f.Add("grant_type=client_credentials&client_id=a&client_secret=b&scope=https%3A%2F%2Fx.example%2F.default", false)
	f.Add("grant_type=password&client_id=a&username=u&password=p&scope=openid+urn:x/y+offline_access&client_info=1", false)
	f.Add("grant_type=client_credentials&client_id=a&client_secret=b&resource=urn:x&claims=%7B%7D", true)
	f.Add("grant_type=refresh_token&client_id=a&refresh_token=a.b.c&scope=urn:x/.default", false)
	f.Add("a=%zz&&;=", true)
	f.Fuzz(func(t *testing.T, body string, first bool) {
		path := v2
		if first {
			path = v1
		}
		r := httptest.NewRequest("POST", "https://localhost:5300"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b, _ := io.ReadAll(w.Result().Body)
		var doc map[string]any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatalf("%q: answer %q: %v", body, b, err)
		}
		switch w.Code {
		case http.StatusOK:
			token, _ := doc["access_token"].(string)
			if _, err := is.Verify(token, func(string) bool { return true }, now); err != nil {
				t.Errorf("%q: the token that was issued is refused: %v", body, err)
			}
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
			if doc["error"] == "" || doc["access_token"] != nil {
				t.Errorf("%q: %d %s", body, w.Code, b)
			}
		default:
			t.Errorf("%q: status %d: %s", body, w.Code, b)
		}
	})
}
