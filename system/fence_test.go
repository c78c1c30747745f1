package system

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"switchyard/language"
)

// TestOutboundFence: where a Web activity may not go, by whatever way, and that what
// pipelines are for still works.
func TestOutboundFence(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true})
	df := makeFactory(t, s)
	own := s.http.Addr().String()
	_, port, _ := strings.Cut(own, ":")
	var mu sync.Mutex
	var seen []string // Authorization of what the other server was asked
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization"))
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		w.Write([]byte(`{"ok":true}`))
	}))
	defer other.Close()
	const itself, local = "a port of this Switchyard itself", "link-local"
	for _, c := range []struct{ url, want string }{
		{other.URL + "/", ""},
		{other.URL + "/subscriptions", ""},
		{"http://" + own + "/language/nothing", "404"},
		{"http://" + language.Host + "/language/nothing", "404"},
		{"http://" + own + "/callback/a/b?token=x", "405"}, // a run may answer another one's WebHook
		{"http://" + own + "/callback/..%2fsubscriptions?api-version=2022-01-01", "404"},
		{"http://" + own + "/callback/%2e%2e/subscriptions?api-version=2022-01-01", "405"},
		{"http://" + own + "/subscriptions?api-version=2022-01-01", itself},
		{"https://" + own + "/subscriptions?api-version=2022-01-01", itself},
		{"http://localhost:" + port + "/metadata/identity/oauth2/token", itself},
		{"http://127.1:" + port + "/msi/token", itself},
		{"http://[::ffff:127.0.0.1]:" + port + "/health", itself},
		{"http://" + s.amqp.Addr().String() + "/subscriptions", itself},
		{"http://" + own + "/language/../subscriptions", itself},
		{"http://" + own + "/language/..%2fsubscriptions?api-version=2022-01-01", "404"},
		{"http://" + own + "/language/%2e%2e/subscriptions?api-version=2022-01-01", "404"},
		{"http://" + language.Host + "/subscriptions?api-version=2022-01-01", itself},
		{"http://" + language.Host + "/metadata/identity/oauth2/token", itself},
		{"http://0.0.0.0:" + port + "/", "means this machine"},
		{other.URL + "/?to=http://" + own + "/subscriptions", itself},
		{other.URL + "/?to=http://169.254.169.254/metadata", local},
		{other.URL + "/?to=http://2852039166/metadata", local},
		{"http://169.254.169.254/metadata/identity/oauth2/token", "--allow-host 169.254.169.254"},
		{"http://168.63.129.16/", "Azure's host agent"},
	} {
		if got := webRun(t, s, df, c.url, ""); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.url, got, c.want)
		}
	}

	// A token for this Resource Manager goes to itself only.
	seen = nil
	for _, resource := range []string{"https://management.azure.com/", "https://management.core.windows.net", s.httpsURL(), "https://localhost:" + port + "/.default"} {
		if got := webRun(t, s, df, other.URL+"/", resource); !strings.Contains(got, "is given to no other host") {
			t.Errorf("a token for %s to another host: %q", resource, got)
		}
	}
	if len(seen) > 0 {
		t.Errorf("the other host was asked with %q", seen)
	}
	if got := webRun(t, s, df, other.URL+"/", "https://cognitiveservices.azure.com/"); got != "" || len(seen) != 1 || !strings.HasPrefix(seen[0], "Bearer ") {
		t.Errorf("a token for something else: %q, the other host was asked with %q", got, seen)
	}
}

// TestAllowHost: the setting opens a host, also for the factory's token.
func TestAllowHost(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true, AllowHosts: []string{"127.0.0.1"}})
	df := makeFactory(t, s)
	url := "http://" + s.http.Addr().String() + "/subscriptions?api-version=2022-01-01"
	if got := webRun(t, s, df, url, "https://management.azure.com/"); got != "" {
		t.Errorf("the Resource Manager with a token for it: %q", got)
	}
	if got := webRun(t, s, df, strings.Replace(url, "127.0.0.1", "localhost", 1), ""); !strings.Contains(got, "AuthenticationFailed") {
		t.Errorf("the same by a name of the address that is allowed: %q", got)
	}
}

// makeFactory makes a factory with an identity, and returns its id.
func makeFactory(t *testing.T, s *System) string {
	t.Helper()
	df := s.testGroup("g") + "/providers/Microsoft.DataFactory/factories/fenced-df"
	must(t, s, "PUT", s.testGroup("g"), `{"location":"westeurope"}`)
	must(t, s, "PUT", df, `{"location":"westeurope","identity":{"type":"SystemAssigned"}}`)
	for name, authentication := range map[string]string{
		"plain": "", "msi": `,"authentication":{"type":"MSI","resource":{"value":"@pipeline().parameters.resource","type":"Expression"}}`,
	} {
		must(t, s, "PUT", df+"/pipelines/"+name, `{"properties":{"parameters":{"url":{"type":"String"},"resource":{"type":"String"}},"activities":[{"name":"W","type":"WebActivity",
			"typeProperties":{"method":"GET","url":{"value":"@pipeline().parameters.url","type":"Expression"}`+authentication+`}}]}}`)
	}
	return df
}

// webRun runs a Web activity and returns its error, "" if it succeeded.
func webRun(t *testing.T, s *System, df, url, resource string) string {
	t.Helper()
	pipeline := "plain"
	if resource != "" {
		pipeline = "msi"
	}
	body, _ := json.Marshal(map[string]string{"url": url, "resource": resource})
	code, answer := request(t, s, "POST", df+"/pipelines/"+pipeline+"/createRun?api-version=2018-06-01", string(body))
	var created struct{ RunID string }
	if err := json.Unmarshal([]byte(answer), &created); err != nil || code != 200 {
		t.Fatalf("createRun: %d %s", code, answer)
	}
	if _, err := s.engine.Wait(t.Context(), created.RunID); err != nil {
		t.Fatal(err)
	}
	r, err := s.engine.PipelineRun(created.RunID)
	if err != nil {
		t.Fatal(err)
	}
	message, _ := r.JSON().Get("message")
	text, _ := message.(string)
	return text
}
