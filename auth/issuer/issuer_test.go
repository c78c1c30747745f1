package issuer

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/auth"
	"switchyard/pipeline/activity"
)

const tenant = "0b5f3c5e-1d2f-4b0a-9c53-7f6b4a1d2e3f"

var noon = time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)

// testKey makes the tests' key once: it takes a while.
var testKey = sync.OnceValue(func() *Key {
	k, err := GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

func newIssuer(t testing.TB, change ...func(*Options)) *Issuer {
	t.Helper()
	o := Options{Key: testKey(), TenantID: tenant, URL: "https://localhost:5300"}
	for _, f := range change {
		f(&o)
	}
	i, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func is(want string) func(string) bool { return func(aud string) bool { return aud == want } }

const audience = "https://servicebus.azure.net/"

func issue(t testing.TB, i *Issuer) string {
	t.Helper()
	token, err := i.Issue("", Claims{Audience: audience, AppID: "client", ObjectID: ObjectID("client")}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestIssueAndVerify(t *testing.T) {
	i := newIssuer(t)
	token, err := i.Issue("https://ns.localhost:7", Claims{Audience: audience, AppID: "Client", AppIDACR: "1", ObjectID: ObjectID("Client")}, noon)
	if err != nil {
		t.Fatal(err)
	}
	c, err := i.Verify(token, is(audience), noon)
	if err != nil {
		t.Fatal(err)
	}
	iss := "https://ns.localhost:7/" + tenant + "/"
	if c.Issuer != iss || c.IdentityProvider != iss || c.TenantID != tenant || c.AppID != "Client" || c.AppIDACR != "1" ||
		c.ObjectID != ObjectID("client") || c.Subject != c.ObjectID || c.IDType != "app" || c.Version != "1.0" {
		t.Errorf("claims are %+v", c)
	}
	if got := c.Expires.Sub(noon); got != DefaultLifetime {
		t.Errorf("expires after %v, want %v", got, DefaultLifetime)
	}

	// The token says what [ARM 4.3] lists, to clients that read it.
	head, body, _ := strings.Cut(token, ".")
	body, _, _ = strings.Cut(body, ".")
	var header, claims map[string]any
	for text, v := range map[string]*map[string]any{head: &header, body: &claims} {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatal(err)
		}
	}
	if header["alg"] != "RS256" || header["typ"] != "JWT" || header["kid"] != i.Key().KeyID {
		t.Errorf("header is %v", header)
	}
	if aud, ok := claims["aud"].(string); !ok || aud != audience {
		t.Errorf("aud is %v (%T), want the string %s", claims["aud"], claims["aud"], audience)
	}
	if claims["exp"] != float64(noon.Add(DefaultLifetime).Unix()) {
		t.Errorf("exp is %v, want whole seconds", claims["exp"])
	}
	for _, name := range []string{"iss", "iat", "nbf", "tid", "oid", "sub", "appid", "appidacr", "idp", "idtyp", "ver"} {
		if claims[name] == nil {
			t.Errorf("the claim %s is missing from %v", name, claims)
		}
	}
}

// sign makes a token by hand.
func sign(t *testing.T, m jwt.SigningMethod, key any, header map[string]any, claims any) string {
	t.Helper()
	var c jwt.Claims
	switch claims := claims.(type) {
	case jwt.MapClaims:
		c = claims
	case *Claims:
		c = claims
	}
	tok := jwt.NewWithClaims(m, c)
	for k, v := range header {
		tok.Header[k] = v
	}
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerifyRefuses(t *testing.T) {
	i := newIssuer(t)
	private := i.key.private
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	kid := map[string]any{"kid": i.Key().KeyID}
	good := func(change ...func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{
			"aud": audience, "iss": "https://localhost:5300/" + tenant + "/", "tid": tenant, "appid": "client", "oid": ObjectID("client"),
			"iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
		}
		for _, f := range change {
			f(c)
		}
		return c
	}
	set := func(name string, value any) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	signed := func(change ...func(jwt.MapClaims)) string {
		return sign(t, jwt.SigningMethodRS256, private, kid, good(change...))
	}
	if _, err := i.Verify(signed(), is(audience), noon); err != nil {
		t.Fatalf("the token that the cases vary is refused: %v", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	tampered := func(from, to string) string {
		part := strings.Split(signed(), ".")
		b, err := base64.RawURLEncoding.DecodeString(part[1])
		if err != nil || !bytes.Contains(b, []byte(from)) {
			t.Fatalf("no %q in %s: %v", from, b, err)
		}
		part[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(b, []byte(from), []byte(to), 1))
		return strings.Join(part, ".")
	}
	unsigned := func(header string) string {
		part := strings.Split(signed(), ".")
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + part[1] + "."
	}
	refresh, err := i.IssueRefresh("", Claims{AppID: "client", ObjectID: "o"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	id, err := i.IssueID("", Claims{AppID: audience, ObjectID: "o"}, noon)
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"empty", "", auth.ErrMalformed},
		{"not a token", "eyJ.eyJ.x", auth.ErrMalformed},
		{"huge", strings.Repeat("A", maxToken+1), auth.ErrMalformed},
		{"signed by somebody else", sign(t, jwt.SigningMethodRS256, other, kid, good()), auth.ErrSignature},
		{"signed by somebody else, with a key id of theirs", sign(t, jwt.SigningMethodRS256, other, map[string]any{"kid": "theirs"}, good()), auth.ErrSignature},
		{"our key, unknown key id", sign(t, jwt.SigningMethodRS256, private, map[string]any{"kid": "x"}, good()), auth.ErrSignature},
		{"our key, no key id", sign(t, jwt.SigningMethodRS256, private, nil, good()), auth.ErrSignature},
		{"alg none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, good()), auth.ErrSignature},
		{"alg None", unsigned(`{"alg":"None","kid":"` + i.Key().KeyID + `"}`), auth.ErrSignature},
		{"no alg", unsigned(`{"kid":"` + i.Key().KeyID + `"}`), auth.ErrSignature},
		{"RS256 without signature", unsigned(`{"alg":"RS256","typ":"JWT","kid":"` + i.Key().KeyID + `"}`), auth.ErrSignature},
		{"HS256 with the public key in PEM", sign(t, jwt.SigningMethodHS256, publicPEM, kid, good()), auth.ErrSignature},
		{"HS256 with the public key in DER", sign(t, jwt.SigningMethodHS256, publicDER, kid, good()), auth.ErrSignature},
		{"HS256 with the modulus", sign(t, jwt.SigningMethodHS256, private.N.Bytes(), kid, good()), auth.ErrSignature},
		{"PS256 with our key", sign(t, jwt.SigningMethodPS256, private, kid, good()), auth.ErrSignature},
		{"RS512 with our key", sign(t, jwt.SigningMethodRS512, private, kid, good()), auth.ErrSignature},
		{"expired", signed(set("exp", noon.Unix())), auth.ErrExpired},
		{"no expiry", signed(set("exp", nil)), auth.ErrMalformed},
		{"expiry as text", signed(set("exp", "tomorrow")), auth.ErrMalformed},
		{"not valid yet", signed(set("nbf", noon.Add(time.Second).Unix())), auth.ErrNotYetValid},
		{"no beginning", signed(set("nbf", nil)), auth.ErrMalformed},
		{"wrong audience", signed(set("aud", "https://management.azure.com/")), auth.ErrScope},
		{"no audience", signed(set("aud", nil)), auth.ErrScope},
		{"several audiences", signed(set("aud", []string{audience, "x"})), auth.ErrMalformed},
		{"wrong issuer", signed(set("iss", "https://sts.windows.net/"+tenant+"/")), auth.ErrIssuer},
		{"issuer of another directory", signed(set("iss", "https://localhost:5300/11111111-1d2f-4b0a-9c53-7f6b4a1d2e3f/")), auth.ErrIssuer},
		{"issuer with our name in front", signed(set("iss", "https://localhost:5300@evil.example/"+tenant+"/")), auth.ErrIssuer},
		{"issuer with a path", signed(set("iss", "https://localhost/x/"+tenant+"/")), auth.ErrIssuer},
		{"no issuer", signed(set("iss", nil)), auth.ErrIssuer},
		{"other directory", signed(set("tid", "11111111-1d2f-4b0a-9c53-7f6b4a1d2e3f")), auth.ErrIssuer},
		{"no principal", signed(set("oid", nil)), auth.ErrMalformed},
		{"tampered principal", tampered(ObjectID("client"), ObjectID("admin")), auth.ErrSignature},
		{"tampered audience", tampered("servicebus", "management"), auth.ErrSignature},
		{"refresh token", refresh, auth.ErrSignature},
		{"id token", id, auth.ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := i.Verify(c.token, is(audience), noon)
			if !errors.Is(err, c.want) {
				t.Errorf("Verify(%.60q…) = %+v, %v; want %v", c.token, got, err, c.want)
			}
			if got.ObjectID != "" {
				t.Errorf("Verify gave %+v beside its error", got)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	i := newIssuer(t)
	token := issue(t, i)
	for _, c := range []struct {
		after time.Duration
		want  error
	}{
		{-backdate - time.Second, auth.ErrNotYetValid},
		{-backdate, nil},
		{0, nil},
		{DefaultLifetime - time.Second, nil},
		{DefaultLifetime, auth.ErrExpired},
	} {
		if _, err := i.Verify(token, is(audience), noon.Add(c.after)); !errors.Is(err, c.want) {
			t.Errorf("after %v: %v, want %v", c.after, err, c.want)
		}
	}
	_, err := i.Verify(token, is(audience), noon.Add(48*time.Hour))
	if expired, ok := errors.AsType[*auth.ExpiredError](err); !ok || !expired.Expires.Equal(noon.Add(DefaultLifetime)) {
		t.Errorf("error is %#v, want an ExpiredError with the time", err)
	}
}

func TestKey(t *testing.T) {
	read, err := ParseKey(testKey().Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if read.public != testKey().public {
		t.Errorf("the key read again is %+v, want %+v", read.public, testKey().public)
	}
	again := newIssuer(t, func(o *Options) { o.Key = read })
	if _, err := again.Verify(issue(t, newIssuer(t)), is(audience), noon); err != nil {
		t.Errorf("a token from before the key was stored is refused: %v", err)
	}
	small, err := x509.MarshalPKCS8PrivateKey(mustRSA(t, 1024))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "noise": []byte("key"), "half": testKey().Marshal()[:600], "too small": small} {
		if k, err := ParseKey(b); err == nil {
			t.Errorf("ParseKey of %s = %v, want an error", name, k)
		}
	}
}

func mustRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no key":          {TenantID: tenant, URL: "https://localhost"},
		"no tenant":       {Key: testKey(), URL: "https://localhost"},
		"tenant in words": {Key: testKey(), TenantID: "contoso", URL: "https://localhost"},
		"no URL":          {Key: testKey(), TenantID: tenant},
		"foreign URL":     {Key: testKey(), TenantID: tenant, URL: "https://login.microsoftonline.com"},
		"short lifetime":  {Key: testKey(), TenantID: tenant, URL: "https://localhost", Lifetime: time.Second},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: New succeeded", name)
		}
	}
	i := newIssuer(t)
	if _, err := i.Issue("https://evil.example", Claims{Audience: audience, AppID: "a", ObjectID: "o"}, noon); err == nil {
		t.Error("a token was issued in the name of a foreign host")
	}
	if _, err := i.Issue("", Claims{Audience: audience, AppID: "a"}, noon); err == nil {
		t.Error("a token was issued to nobody")
	}
}

func TestOurHost(t *testing.T) {
	i := newIssuer(t)
	for host, want := range map[string]bool{
		"localhost": true, "localhost:1": true, "LOCALHOST:1": true, "127.0.0.1:5300": true, "[::1]:5300": true, "a.b.localhost": true,
		"": false, "evil.example": false, "localhost.evil.example": false, "10.0.0.1": false, "localhost/x": false, "u@localhost": false, "local host": false,
	} {
		if got := i.OurHost(host); got != want {
			t.Errorf("OurHost(%q) = %v, want %v", host, got, want)
		}
	}
}

// Object ids must never change: role assignments name them.
func TestObjectID(t *testing.T) {
	const want = "a217cfc8-e2ab-5d44-b6c5-31e579935772"
	if got := ObjectID("11111111-2222-3333-4444-555555555555"); got != want {
		t.Errorf("ObjectID = %s, want %s as ever", got, want)
	}
	if ObjectID("Any") != ObjectID("any") || ObjectID("any") == ObjectID("other") || ObjectID("any") == UserObjectID("any") {
		t.Error("object ids must ignore case and tell clients and users apart")
	}
}

func TestRefreshTokens(t *testing.T) {
	i := newIssuer(t)
	refresh, err := i.IssueRefresh("", Claims{AppID: "cli", ObjectID: UserObjectID("me"), UPN: "me"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	c, err := i.VerifyRefresh(refresh, noon.Add(24*time.Hour))
	if err != nil || c.AppID != "cli" || c.UPN != "me" || c.ObjectID != UserObjectID("me") {
		t.Errorf("VerifyRefresh = %+v, %v", c, err)
	}
	access, err := i.Issue("", Claims{Audience: audienceRefresh, AppID: "cli", ObjectID: "o"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.VerifyRefresh(access, noon); !errors.Is(err, auth.ErrSignature) {
		t.Errorf("an access token as refresh token: %v, want %v", err, auth.ErrSignature)
	}
	if _, err := i.VerifyRefresh(refresh, noon.Add(refreshLifetime)); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("an old refresh token: %v, want %v", err, auth.ErrExpired)
	}
}

func TestFactoryTokens(t *testing.T) {
	i := newIssuer(t)
	own := Identity{ClientID: "7c1d2e3f-1111-4222-8333-944445555666", PrincipalID: "8c1d2e3f-1111-4222-8333-944445555666",
		ResourceID: "/subscriptions/s/resourcegroups/g/providers/Microsoft.DataFactory/factories/f"}
	var tokens activity.Tokens = &FactoryTokens{Issuer: func() (*Issuer, error) { return i, nil }, Now: func() time.Time { return noon }, Identity: func(factory, credential string) (Identity, error) {
		if factory != "f" || credential != "" {
			return Identity{}, errors.New("it has none")
		}
		return own, nil
	}}
	for _, resource := range []string{audience, audience + "/.default"} {
		token, err := tokens.Token(t.Context(), "f", "", resource)
		if err != nil {
			t.Fatal(err)
		}
		c, err := i.Verify(token, is(audience), noon)
		if err != nil || c.ObjectID != own.PrincipalID || c.AppID != own.ClientID || c.ManagedIdentity != own.ResourceID || c.IDType != "app" {
			t.Errorf("resource %s: claims %+v, %v", resource, c, err)
		}
	}
	for _, c := range [][3]string{{"g", "", audience}, {"f", "Other", audience}, {"f", "", "not a resource"}, {"f", "", ""}} {
		if token, err := tokens.Token(t.Context(), c[0], c[1], c[2]); err == nil {
			t.Errorf("Token(%q) = %s, want an error", c, token)
		}
	}
}

func TestParseScope(t *testing.T) {
	for _, c := range []struct {
		text, audience string
		isDefault      bool
		bad            bool
	}{
		{"https://management.azure.com/.default", "https://management.azure.com", true, false},
		{"https://management.azure.com//.default", "https://management.azure.com/", true, false},
		{"https://localhost:5300/.default openid offline_access profile", "https://localhost:5300", true, false},
		{"openid https://servicebus.azure.net//.default", "https://servicebus.azure.net/", true, false},
		{"api://thing/read", "api://thing", false, false},
		{"https://a.example/read https://a.example/write", "https://a.example", false, false},
		{"6e2f1a3b-0000-4000-8000-000000000001/.default", "6e2f1a3b-0000-4000-8000-000000000001", true, false},
		{"urn:thing/.default", "urn:thing", true, false},
		{"", "", false, true},
		{"openid profile", "", false, true},
		{".default", "", false, true},
		{"/.default", "", false, true},
		{"https:///.default", "", false, true},
		{"graph/.default", "", false, true},
		{"https://a.example/.default https://b.example/.default", "", false, true},
		{"https://a\"b/.default", "", false, true},
		{"https://" + strings.Repeat("a", 2000) + "/.default", "", false, true},
	} {
		s, err := ParseScope(c.text)
		if c.bad {
			if !errors.Is(err, ErrInvalidScope) {
				t.Errorf("ParseScope(%.80q) = %+v, %v; want ErrInvalidScope", c.text, s, err)
			}
			continue
		}
		if err != nil || s.Audience != c.audience || s.Default() != c.isDefault {
			t.Errorf("ParseScope(%q) = %+v, %v; want audience %q, default %v", c.text, s, err, c.audience, c.isDefault)
		}
	}
}

// Nothing but what was issued verifies, and nothing makes the verifier fall over.
func FuzzVerify(f *testing.F) {
	i := newIssuer(f)
	token := issue(f, i)
	part := strings.Split(token, ".")
	f.Add(token)
	f.Add(part[0] + "." + part[1] + ".")
	f.Add(part[0] + ".e30." + part[2])
	f.Add("eyJhbGciOiJub25lIn0." + part[1] + ".")
	f.Add("eyJhbGciOiJIUzI1NiIsImtpZCI6MX0." + part[1] + "." + part[2])
	f.Add("..")
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6W119.eyJleHAiOjFlOTk5fQ.")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := i.Verify(s, is(audience), noon)
		if err == nil && s != token {
			t.Errorf("Verify(%q) = %+v, but that token was never issued", s, c)
		}
		if err != nil && !errors.Is(err, auth.ErrMalformed) && !errors.Is(err, auth.ErrSignature) {
			t.Errorf("Verify(%q): %v is of no known kind", s, err)
		}
	})
}

func FuzzParseScope(f *testing.F) {
	f.Add("https://management.azure.com//.default openid")
	f.Fuzz(func(t *testing.T, s string) {
		if scope, err := ParseScope(s); err == nil {
			if _, err := ParseResource(scope.Audience); err != nil {
				t.Errorf("ParseScope(%q) gave the audience %q: %v", s, scope.Audience, err)
			}
		} else if !errors.Is(err, ErrInvalidScope) {
			t.Errorf("ParseScope(%q): %v", s, err)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	i := newIssuer(b)
	for b.Loop() {
		issue(b, i)
	}
}

func BenchmarkVerify(b *testing.B) {
	i := newIssuer(b)
	token := issue(b, i)
	for b.Loop() {
		if _, err := i.Verify(token, is(audience), noon); err != nil {
			b.Fatal(err)
		}
	}
}
