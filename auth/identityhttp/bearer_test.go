package identityhttp_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
)

func TestAuthenticate(t *testing.T) {
	now := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	h, is := newHandler(t, func() time.Time { return now })
	otherKey, err := issuer.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := issuer.New(issuer.Options{Key: otherKey, TenantID: tenant, URL: "https://localhost:5300"})
	if err != nil {
		t.Fatal(err)
	}
	token := func(is *issuer.Issuer, audience string, at time.Time) string {
		t.Helper()
		text, err := is.Issue("", issuer.Claims{Audience: audience, AppID: "app", ObjectID: issuer.ObjectID("app")}, at)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + text
	}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"aud": "https://management.azure.com/", "exp": now.Add(time.Hour).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, header, code string }{
		{"the cloud's audience", token(is, "https://management.azure.com/", now), ""},
		{"without slash", token(is, "https://management.azure.com", now), ""},
		{"the old audience", token(is, "https://management.core.windows.net/", now), ""},
		{"our host", token(is, "https://127.0.0.1:5300", now), ""},
		{"our host with slash", token(is, "https://127.0.0.1:5300/", now), ""},
		{"our configured URL", token(is, "https://localhost:5300", now), ""},
		{"lower-case scheme", strings.Replace(token(is, "https://management.azure.com/", now), "Bearer", "bearer", 1), ""},
		{"no header", "", "AuthenticationFailed"},
		{"another scheme", "Basic YTpi", "AuthenticationFailed"},
		{"no token", "Bearer ", "AuthenticationFailed"},
		{"noise", "Bearer x", "InvalidAuthenticationToken"},
		{"a shared access signature", "SharedAccessSignature sr=a&sig=b&se=1&skn=c", "AuthenticationFailed"},
		{"alg none", "Bearer " + none, "InvalidAuthenticationToken"},
		{"signed by somebody else", token(other, "https://management.azure.com/", now), "InvalidAuthenticationToken"},
		{"expired", token(is, "https://management.azure.com/", now.Add(-48*time.Hour)), "ExpiredAuthenticationToken"},
		{"not yet valid", token(is, "https://management.azure.com/", now.Add(time.Hour)), "InvalidAuthenticationToken"},
		{"for Service Bus", token(is, "https://servicebus.azure.net/", now), "InvalidAuthenticationTokenAudience"},
		{"for another port", token(is, "https://127.0.0.1:9999", now), "InvalidAuthenticationTokenAudience"},
	} {
		r := httptest.NewRequest("GET", "https://127.0.0.1:5300/subscriptions?api-version=2019-11-01", nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		caller, err := h.Authenticate(r)
		if c.code == "" {
			if want := (identityhttp.Caller{ObjectID: issuer.ObjectID("app"), AppID: "app", TenantID: tenant}); err != nil || caller != want {
				t.Errorf("%s: %+v, %v", c.name, caller, err)
			}
			continue
		}
		e, ok := errors.AsType[*identityhttp.Unauthorized](err)
		if !ok || e.Code != c.code || caller != (identityhttp.Caller{}) {
			t.Errorf("%s: %+v, %#v; want %s", c.name, caller, err, c.code)
			continue
		}
		if want := `Bearer authorization_uri="https://127.0.0.1:5300/` + tenant + `", error="invalid_token"`; !strings.HasPrefix(e.Challenge, want) || strings.ContainsAny(e.Challenge, "\r\n") {
			t.Errorf("%s: challenge is %s, want %s…", c.name, e.Challenge, want)
		}
	}
	r := httptest.NewRequest("GET", "/subscriptions", nil)
	r.Host = "x\"\r\ny"
	_, err = h.Authenticate(r)
	if e, ok := errors.AsType[*identityhttp.Unauthorized](err); !ok || strings.Count(e.Challenge, `"`) != 6 || strings.ContainsAny(e.Challenge, "\r\n") {
		t.Errorf("with a hostile Host: %v", err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	now := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	h, is := newHandler(f, func() time.Time { return now })
	good, err := is.Issue("", issuer.Claims{Audience: "https://management.azure.com/", AppID: "a", ObjectID: "o"}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Bearer " + good)
	f.Add("Bearer a.b.c")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Host: "localhost", Header: http.Header{"Authorization": {header}}}
		if caller, err := h.Authenticate(r); err == nil && !strings.HasSuffix(strings.TrimSpace(header), good) {
			t.Errorf("Authenticate(%q) = %+v", header, caller)
		}
	})
}
