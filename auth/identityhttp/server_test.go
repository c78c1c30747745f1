package identityhttp_test

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
)

const (
	tenant = "0b5f3c5e-1d2f-4b0a-9c53-7f6b4a1d2e3f"
	secret = "the-environment's-secret"
)

var key = sync.OnceValue(func() *issuer.Key {
	k, err := issuer.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

var machine = issuer.Identity{ClientID: "11111111-aaaa-4bbb-8ccc-dddddddddddd", PrincipalID: "22222222-aaaa-4bbb-8ccc-dddddddddddd", ResourceID: "/subscriptions/s/machine"}

type identities struct{}

func (identities) ManagedIdentity(s identityhttp.IdentitySelector) (issuer.Identity, bool) {
	return machine, s == identityhttp.IdentitySelector{} || s.ClientID == machine.ClientID || s.ObjectID == machine.PrincipalID || s.ResourceID == machine.ResourceID
}

// A server is the handler behind TLS.
type server struct {
	*httptest.Server
	t       testing.TB
	handler *identityhttp.Handler
	issuer  *issuer.Issuer
	now     time.Time
}

func newHandler(t testing.TB, now func() time.Time, change ...func(*identityhttp.Options)) (*identityhttp.Handler, *issuer.Issuer) {
	t.Helper()
	is, err := issuer.New(issuer.Options{Key: key(), TenantID: tenant, URL: "https://localhost:5300"})
	if err != nil {
		t.Fatal(err)
	}
	o := identityhttp.Options{Issuer: is, Now: now, Identities: identities{}, IdentityHeader: secret}
	for _, f := range change {
		f(&o)
	}
	h, err := identityhttp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h, is
}

func newServer(t testing.TB, change ...func(*identityhttp.Options)) *server {
	t.Helper()
	s := &server{t: t, now: time.Now()}
	s.handler, s.issuer = newHandler(t, func() time.Time { return s.now }, change...)
	s.Server = httptest.NewTLSServer(s.handler)
	t.Cleanup(s.Close)
	return s
}

// strict registers the application app with a secret.
func strict(t testing.TB) func(*identityhttp.Options) {
	t.Helper()
	hash, err := issuer.HashSecret("right", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	apps, err := issuer.NewApplications(issuer.Application{ID: "app", SecretHashes: []string{hash}})
	if err != nil {
		t.Fatal(err)
	}
	return func(o *identityhttp.Options) { o.Applications = apps }
}

type document map[string]any

// do makes a request and reads the document.
func (s *server) do(method, path string, body io.Reader, header ...string) (int, document, http.Header) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(b) > 0 && b[0] == '[' {
		var list []document
		if err := json.Unmarshal(b, &list); err != nil {
			s.t.Fatalf("%s %s: %s: %v", method, path, b, err)
		}
		return resp.StatusCode, document{"list": list}, resp.Header
	}
	doc := document{}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &doc); err != nil {
			s.t.Fatalf("%s %s: %s: %v", method, path, b, err)
		}
	}
	return resp.StatusCode, doc, resp.Header
}

func (s *server) get(path string, header ...string) (int, document) {
	s.t.Helper()
	status, doc, _ := s.do("GET", path, nil, header...)
	return status, doc
}

// post sends a form written as name, value, name, value.
func (s *server) post(path string, fields ...string) (int, document) {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	status, doc, _ := s.do("POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	return status, doc
}

// claims verifies a token for any audience.
func (s *server) claims(token any) issuer.Claims {
	s.t.Helper()
	text, _ := token.(string)
	c, err := s.issuer.Verify(text, func(string) bool { return true }, s.now)
	if err != nil {
		s.t.Fatalf("token %.60q…: %v", text, err)
	}
	return c
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func mustRequest(t *testing.T, r *http.Request) *policy.Request {
	t.Helper()
	q, err := runtime.NewRequestFromRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
