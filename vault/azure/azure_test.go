package azure

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/fence"
	"switchyard/value"
)

const (
	tenantID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	host     = "mine.vault.azure.net"
)

// A world is a key vault of Azure, and what makes tokens for it: that of App Service's
// managed identities and that of an authority.
type world struct {
	mu        sync.Mutex
	asked     []string // of the vault: path and whether there was a token
	tokens    []string // how each was asked for
	answers   map[string]answer
	busy      int // answers of 429 that come first
	after     string
	challenge string
	lapsed    bool // a token that was good is refused once
}

type answer struct {
	status int
	body   string
}

func newWorld() *world {
	return &world{challenge: `Bearer authorization="https://login.microsoftonline.com/` + tenantID + `", resource="https://vault.azure.net"`,
		answers: map[string]answer{
			"api-key":      {200, `{"value":"hush \u0026 \"hush\"","contentType":"text/plain","id":"https://mine.vault.azure.net/secrets/api-key/4387e9f3d6e14c459867679a90fd0f79","attributes":{"enabled":true,"created":1493938410,"updated":1493938410,"recoveryLevel":"Recoverable+Purgeable"}}`},
			"api-key/1234": {200, `{"value":"older","id":"https://mine.vault.azure.net/secrets/api-key/1234"}`},
			"disabled":     {403, `{"error":{"code":"Forbidden","message":"Operation get is not allowed on a disabled secret.","innererror":{"code":"SecretDisabled"}}}`},
			"forbidden":    {403, `{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid=x\r\n","innererror":{"code":"ForbiddenByRbac"}}}`},
			"walled":       {403, `{"error":{"code":"Forbidden","message":"Client address is not authorized and caller is not a trusted service.","innererror":{"code":"ForbiddenByFirewall"}}}`},
			"broken":       {200, `{"attributes":{}}`},
			"page":         {200, `<html>hush</html>`},
			"large":        {200, `{"value":"` + strings.Repeat("x", maxAnswer) + `"}`},
			"moved":        {302, ``},
			"odd":          {418, ``},
		}}
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case r.URL.Path == "/msi": // App Service, 2019-08-01
		w.tokens = append(w.tokens, fmt.Sprintf("identity %s %s %s", r.URL.Query().Get("resource"), r.URL.Query().Get("api-version"), r.Header.Get("X-IDENTITY-HEADER")))
		fmt.Fprintf(out, `{"access_token":"good","expires_on":"%d","resource":"https://vault.azure.net","token_type":"Bearer","client_id":"c"}`, time.Now().Add(time.Hour).Unix())
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		at := "https://" + r.Host + "/" + tenantID
		fmt.Fprintf(out, `{"issuer":"%s/v2.0","authorization_endpoint":"%s/oauth2/v2.0/authorize","token_endpoint":"%s/oauth2/v2.0/token"}`, at, at, at)
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		_ = r.ParseForm()
		w.tokens = append(w.tokens, fmt.Sprintf("%s %s %s", r.URL.Path, r.PostForm.Get("client_id"), r.PostForm.Get("scope")))
		fmt.Fprint(out, `{"access_token":"good","expires_in":3600,"ext_expires_in":3600,"token_type":"Bearer"}`)
	default:
		w.serveVault(out, r)
	}
}

func (w *world) serveVault(out http.ResponseWriter, r *http.Request) {
	given := r.Header.Get("Authorization")
	w.asked = append(w.asked, strings.TrimSpace(r.URL.RequestURI()+" "+given))
	out.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch {
	case given != "Bearer good", w.lapsed:
		w.lapsed = false
		out.Header().Set("WWW-Authenticate", w.challenge)
		out.WriteHeader(401)
		fmt.Fprint(out, `{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}`)
	case w.busy > 0:
		w.busy--
		out.Header().Set("Retry-After", w.after)
		out.WriteHeader(429)
		fmt.Fprint(out, `{"error":{"code":"Throttled","message":"Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"}}`)
	default:
		name := strings.TrimPrefix(r.URL.Path, "/secrets/")
		a, ok := w.answers[name]
		if !ok {
			a = answer{404, `{"error":{"code":"SecretNotFound","message":"A secret with (name/id) ` + name + ` was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command."}}`}
		}
		if a.status == 302 {
			out.Header().Set("Location", "https://elsewhere.vault.azure.net/secrets/api-key?api-version=7.4")
		}
		out.WriteHeader(a.status)
		fmt.Fprint(out, a.body)
	}
}

// vault returns one that reaches the world whatever host it dials.
func (w *world) vault(t *testing.T) *Vault {
	t.Helper()
	server := httptest.NewTLSServer(w)
	t.Cleanup(server.Close)
	identity := httptest.NewServer(w)
	t.Cleanup(identity.Close)
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", "AZURE_TOKEN_CREDENTIALS", "AZURE_FEDERATED_TOKEN_FILE", "HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, "") // restored at the end
		os.Unsetenv(name)
	}
	t.Setenv("IDENTITY_ENDPOINT", identity.URL+"/msi")
	t.Setenv("IDENTITY_HEADER", "proof")
	v := New(&fence.Fence{}, clock.Wall{})
	transport := v.client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the name is not the server's
	v.tokens.transport = &http.Client{Transport: transport}
	return v
}

func service(base string) *pipeline.ResolvedLinkedService {
	return &pipeline.ResolvedLinkedService{Name: "Vault", Type: pipeline.TypeAzureKeyVault,
		TypeProperties: value.NewObject(value.Member{Name: "baseUrl", Value: base})}
}

// TestResolve: every answer of a key vault, and what is made of it.
func TestResolve(t *testing.T) {
	w := newWorld()
	v := w.vault(t)
	v.tokens.transport = nil // the managed identity's endpoint is plain HTTP
	const at = "https://" + host + "/"
	for _, c := range []struct{ base, name, version, want, fails string }{
		{base: at, name: "api-key", want: `hush & "hush"`},
		{base: "https://MINE.vault.azure.net:443", name: "Api-Key", want: `hush & "hush"`}, // as in Azure
		{base: at, name: "api-key", version: "1234", want: "older"},
		{base: at, name: "api-key", version: "9", fails: "[SecretNotFound]. az keyvault secret list-versions --vault-name mine --name api-key lists"},
		{base: at, name: "gone", fails: "Failed to get the secret from key vault, secretName: gone, secretVersion: , vaultBaseUrl: https://mine.vault.azure.net/. The error message is: A secret with (name/id) gone was not found in this key vault."},
		{base: at, name: "gone", fails: "Set it: az keyvault secret set --vault-name mine --name gone"},
		{base: at, name: "disabled", fails: "a disabled secret. [Forbidden/SecretDisabled]. Enable it: az keyvault secret set-attributes --vault-name mine --name disabled --enabled true"},
		{base: at, name: "forbidden", fails: "Caller: appid=x [Forbidden/ForbiddenByRbac]. Give the identity that this Switchyard has in Azure the role Key Vault Secrets User"},
		{base: at, name: "walled", fails: "Let the address of this machine through the vault's firewall"},
		{base: at, name: "broken", fails: "the answer is not a secret of a key vault"},
		{base: at, name: "page", fails: "the answer is not a secret of a key vault"},
		{base: at, name: "large", fails: "which no secret has"},
		{base: at, name: "moved", fails: "the vault answered with status 302"},
		{base: at, name: "odd", fails: "the vault answered with status 418"},
		{base: at, name: "a/b", fails: "a secret's name has 1 to 127 letters"},
		{base: at, name: "", fails: "a secret's name has 1 to 127 letters"},
		{base: at, name: "a", version: "../b", fails: "a version of a secret has letters and digits only"},
		{base: "http://" + host, name: "a", fails: "the baseUrl is not the address of a key vault, such as https://NAME.vault.azure.net/ (linked service Vault)"},
		{base: "https://user@" + host, name: "a", fails: "is not the address of a key vault"},
		{base: "https://" + host + ":8443/", name: "a", fails: "is not the address of a key vault"},
		{base: "https://" + host + "/x", name: "a", fails: "is not the address of a key vault"},
		{base: "", name: "a", fails: "is not the address of a key vault"},
		{base: "https://evil.example/", name: "a", fails: "evil.example is not a key vault in Azure: tokens are sent to hosts such as"},
		{base: "https://vault.azure.net/", name: "a", fails: "vault.azure.net is not a key vault in Azure"},
		{base: "https://a.b.vault.azure.net/", name: "a", fails: "is not a key vault in Azure"},
		{base: "https://mine.vault.azure.net.evil.example/", name: "a", fails: "is not a key vault in Azure"},
		{base: "https://evilvault.azure.net/", name: "a", fails: "is not a key vault in Azure"},
	} {
		got, err := v.Resolve(t.Context(), service(c.base), c.name, c.version)
		switch {
		case c.fails == "" && (err != nil || got != c.want):
			t.Errorf("%s %s: %q, %v, want %q", c.name, c.version, got, err, c.want)
		case c.fails != "" && (err == nil || got != "" || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s of %s: %q, %v, want %q", c.name, c.base, got, err, c.fails)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: the error holds a secret: %v", c.name, err)
		}
	}
	// The first request has no token: its answer tells the tenant. All others have one.
	if w.asked[0] != "/secrets/api-key?api-version=7.4" || w.asked[1] != "/secrets/api-key?api-version=7.4 Bearer good" {
		t.Errorf("asked %q", w.asked[:2])
	}
	if slices.ContainsFunc(w.asked[1:], func(s string) bool { return !strings.HasSuffix(s, " Bearer good") }) {
		t.Errorf("asked without a token: %q", w.asked)
	}
	if got := fmt.Sprint(w.tokens); got != "[identity https://vault.azure.net 2019-08-01 proof]" {
		t.Errorf("tokens were asked for by %s, want one of the managed identity", got)
	}
}

// TestClientCredentials: an application's secret is sent to the authority that is
// configured, for the tenant that the vault names there.
func TestClientCredentials(t *testing.T) {
	w := newWorld()
	v := w.vault(t)
	for name, text := range map[string]string{"AZURE_TENANT_ID": "contoso.example",
		"AZURE_CLIENT_ID": "app", "AZURE_CLIENT_SECRET": "its secret", "AZURE_AUTHORITY_HOST": "https://login.example/"} {
		t.Setenv(name, text)
	}
	w.challenge = `Bearer authorization="https://login.example/` + tenantID + `", resource="https://vault.azure.net"`
	for range 3 {
		if got, err := v.Resolve(t.Context(), service("https://"+host), "api-key", ""); err != nil || got != `hush & "hush"` {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if want := "[/" + tenantID + "/oauth2/v2.0/token app https://vault.azure.net/.default openid offline_access profile]"; fmt.Sprint(w.tokens) != want {
		t.Errorf("tokens were asked for by %q, want %s", w.tokens, want)
	}
	if len(w.asked) != 2 {
		t.Errorf("the vault was asked %q, want twice: without and with a token", w.asked)
	}
	w.lapsed = true // as when the vault has moved to another tenant
	if got, err := v.Resolve(t.Context(), service("https://"+host), "api-key", "1234"); err != nil || got != "older" {
		t.Errorf("after a refused token: %q, %v", got, err)
	}
}

// TestChallenge: a vault is believed only what can be true.
func TestChallenge(t *testing.T) {
	for _, c := range []struct{ header, want, fails string }{
		{`Bearer authorization="https://login.windows.net/` + tenantID + `", resource="https://vault.azure.net"`, tenantID, ""},
		{`Bearer authorization_uri="https://login.microsoftonline.com/` + tenantID + `/", scope="https://vault.azure.net/.default"`, tenantID, ""},
		{`Bearer authorization="https://evil.example/` + tenantID + `", resource="https://vault.azure.net"`, "", "which is no authority of Azure's; if it is yours, AZURE_AUTHORITY_HOST names it"},
		{`Bearer authorization="http://login.windows.net/` + tenantID + `", resource="https://vault.azure.net"`, "", "no authority"},
		{`Bearer authorization="https://login.windows.net/` + tenantID + `", resource="https://management.azure.com"`, "", `for "https://management.azure.com"`},
		{`Bearer authorization="https://login.windows.net/a/b", resource="https://vault.azure.net"`, "", "names no tenant"},
		{`Basic realm="x"`, "", "no authority"},
		{``, "", "no authority"},
	} {
		w := newWorld()
		w.challenge = c.header
		v := w.vault(t)
		v.tokens.transport = nil
		_, err := v.Resolve(t.Context(), service("https://"+host), "api-key", "")
		if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %v, want %q", c.header, err, c.fails)
		}
		if c.fails == "" && v.tenants[host] != c.want {
			t.Errorf("%s: tenant %q", c.header, v.tenants[host])
		}
		if c.fails != "" && len(w.tokens) > 0 {
			t.Errorf("%s: a token was asked for", c.header)
		}
	}
}

// A script answers requests in the order they come, without a network.
type script struct {
	at      []time.Duration // when each came
	begin   time.Time
	answers []func(*http.Request) (*http.Response, error)
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.at = append(s.at, time.Since(s.begin).Round(time.Second))
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return next(r)
}

func status(code int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		w.WriteString(body)
		return w.Result(), nil
	}
}

// TestBusyAndAway: a vault that is busy is asked again when it says, or with growing
// pauses, and one that does not answer is left alone for a while.
func TestBusyAndAway(t *testing.T) {
	const throttled = `{"error":{"code":"Throttled","message":"Too many."}}`
	good := status(200, `{"value":"x"}`)
	hang := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
	for _, c := range []struct {
		name    string
		answers []func(*http.Request) (*http.Response, error)
		at      string
		fails   string
	}{
		{"as it says", []func(*http.Request) (*http.Response, error){status(429, throttled, "Retry-After", "7"), good}, "[0s 7s]", ""},
		{"at a time", []func(*http.Request) (*http.Response, error){status(429, throttled, "Retry-After", "Sat, 01 Jan 2000 00:00:05 GMT"), good}, "[0s 5s]", ""},
		{"it does not say", []func(*http.Request) (*http.Response, error){status(503, ""), status(500, ""), good}, "[0s 1s 3s]", ""},
		{"for ever", []func(*http.Request) (*http.Response, error){status(429, throttled)}, "[0s 1s 3s 7s]", "Too many. [Throttled]. The vault answers too many requests at the moment."},
		{"too long", []func(*http.Request) (*http.Response, error){status(429, throttled, "Retry-After", "3600")}, "[0s]", "It wants to be asked again in 1h0m0s"},
		{"away", []func(*http.Request) (*http.Response, error){hang}, "[0s]", "mine.vault.azure.net did not answer within 20s: check the network, a proxy (HTTPS_PROXY), and the vault's firewall"},
		{"no such host", []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}}, "[0s]", "there is no host mine.vault.azure.net: check the vault's name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := New(&fence.Fence{}, clock.Wall{})
				s := &script{answers: c.answers, begin: time.Now()}
				v.client = newClient(s)
				_, err := v.Resolve(t.Context(), service("https://"+host), "a", "")
				if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
					t.Errorf("%v, want %q", err, c.fails)
				}
				if got := fmt.Sprint(s.at); got != c.at {
					t.Errorf("asked at %s, want %s", got, c.at)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		v := New(&fence.Fence{}, clock.Wall{})
		s := &script{answers: []func(*http.Request) (*http.Response, error){hang, good}, begin: time.Now()}
		v.client = newClient(s)
		at := service("https://" + host)
		if _, err := v.Resolve(t.Context(), at, "a", ""); err == nil {
			t.Fatal("it has not answered")
		}
		if _, err := v.Resolve(t.Context(), at, "b", ""); err == nil || !strings.Contains(err.Error(), "it is asked again after 10s") || len(s.at) != 1 {
			t.Errorf("at once: %v after %v requests, want none", err, len(s.at))
		}
		time.Sleep(remember)
		for range 2 { // the second is what is kept
			if got, err := v.Resolve(t.Context(), at, "b", ""); got != "x" || err != nil {
				t.Errorf("later: %q, %v", got, err)
			}
		}
		time.Sleep(keep)
		if _, err := v.Resolve(t.Context(), at, "b", ""); err != nil || len(s.at) != 3 {
			t.Errorf("%v after %d requests: a secret that was rotated is never seen", err, len(s.at))
		}
	})
}

// TestGivenUp: who is not interested any more does not wait, and nobody else has the
// error for it.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(&fence.Fence{}, clock.Wall{})
		v.client = newClient(&script{begin: time.Now(), answers: []func(*http.Request) (*http.Response, error){
			func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, status(200, `{"value":"x"}`)}})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		if _, err := v.Resolve(ctx, service("https://"+host), "a", ""); err == nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if got, err := v.Resolve(t.Context(), service("https://"+host), "a", ""); got != "x" || err != nil {
			t.Errorf("the next: %q, %v", got, err)
		}
	})
}

// TestNoIdentity: who can't log in anywhere is told what to do.
func TestNoIdentity(t *testing.T) {
	w := newWorld()
	v := w.vault(t)
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
	_, err := v.Resolve(t.Context(), service("https://"+host), "api-key", "")
	if err == nil || !strings.Contains(err.Error(), "AZURE_TENANT_ID") || !strings.Contains(err.Error(), `or log in with "az login"`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// FuzzAnswer: no answer of a vault makes it panic, or shows in an error what may be a
// secret.
func FuzzAnswer(f *testing.F) {
	for _, a := range newWorld().answers {
		f.Add(a.status, a.body, "1", "")
	}
	f.Add(401, "", "", `Bearer authorization="https://login.windows.net/x", resource="https://vault.azure.net"`)
	s := secret{vault: &url.URL{Scheme: "https", Host: host}, domain: domains[0], name: "a"}
	f.Fuzz(func(t *testing.T, code int, body, after, challenge string) {
		r := &http.Response{StatusCode: code, Header: http.Header{"Retry-After": {after}, "Www-Authenticate": {challenge}}}
		if _, err := valueOf([]byte(body)); err != nil && len(body) > 8 && strings.Contains(err.Error(), body) {
			t.Error(err)
		}
		if err := answered(r, []byte(body), s); len(err.Error()) > 3*maxText {
			t.Errorf("%d bytes", len(err.Error()))
		}
		if d, ok := retryAfter(r, time.Now()); ok && d < 0 {
			t.Error(d)
		}
		_, _ = tenantOf(r, domains[0])
	})
}
