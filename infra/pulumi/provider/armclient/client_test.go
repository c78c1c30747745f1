package armclient

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// service answers requests to resources by a script: one entry for each request.
type service struct {
	t      *testing.T
	url    string
	logins int
	script []step
	asked  []string
}

// step is an answer; url in a header stands for the service's own.
type step struct {
	status int
	header map[string]string
	body   string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/metadata"):
		fmt.Fprintf(w, `{"resourceManager":%q,"authentication":{"loginEndpoint":%q,"audiences":["aud"]}}`, s.url, s.url)
		return
	case strings.HasSuffix(r.URL.Path, "/token"):
		s.logins++
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":"3600"}`, s.logins)
		return
	}
	s.asked = append(s.asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
	if len(s.script) == 0 {
		s.t.Errorf("unexpected %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	next := s.script[0]
	s.script = s.script[1:]
	for k, v := range next.header {
		w.Header().Set(k, strings.ReplaceAll(v, "url", s.url))
	}
	w.WriteHeader(next.status)
	fmt.Fprint(w, next.body)
}

func against(t *testing.T, script ...step) (*Client, *service) {
	t.Helper()
	s := &service{t: t, script: script}
	srv := httptest.NewTLSServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{MetadataHost: strings.TrimPrefix(srv.URL, "https://"), TenantID: "t", ClientID: "c", ClientSecret: "s", SubscriptionID: "sub", CertFile: file, PollInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

const done = `{"id":"x","properties":{"provisioningState":"Succeeded"}}`

func TestPut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []step
		want   string // error; "" is success
		asks   int
	}{
		{"at once", []step{{200, nil, done}, {200, nil, done}}, "", 2},
		{"without a state", []step{{201, nil, `{}`}, {200, nil, `{"id":"x"}`}}, "", 2},
		{"by its state", []step{{201, nil, `{"properties":{"provisioningState":"Creating"}}`}, {200, nil, `{"properties":{"provisioningState":"Creating"}}`}, {200, nil, done}}, "", 3},
		{"provisioning fails", []step{{201, nil, `{}`}, {200, nil, `{"properties":{"provisioningState":"Failed"}}`}}, "provisioning failed", 2},
		{"by Azure-AsyncOperation", []step{{201, map[string]string{"Azure-AsyncOperation": "url/op"}, `{}`}, {200, nil, `{"status":"Running"}`}, {200, nil, `{"status":"Succeeded"}`}, {200, nil, done}}, "", 4},
		{"by a failing operation", []step{{201, map[string]string{"Azure-AsyncOperation": "url/op"}, `{}`}, {200, nil, `{"status":"Failed","error":{"code":"Why","message":"because","details":[{"code":"D","message":"detail"}]}}`}}, "Why: because (D: detail)", 2},
		{"by Location", []step{{202, map[string]string{"Location": "url/op"}, ``}, {202, map[string]string{"Location": "url/op2"}, ``}, {204, nil, ``}, {200, nil, done}}, "", 4},
		{"Location of a 201 is no operation", []step{{201, map[string]string{"Location": "url/x"}, done}, {200, nil, done}}, "", 2},
		{"operation elsewhere", []step{{202, map[string]string{"Location": "https://evil.example/op"}, ``}}, "not on the resource manager's host", 1},
		{"busy, then done", []step{{429, nil, ``}, {503, nil, ``}, {200, nil, done}, {200, nil, done}}, "", 4},
		{"refused", []step{{400, map[string]string{"x-ms-error-code": "FromHeader"}, `{"error":{"code":"InBody","message":"no","details":[{"error":{"code":"D","message":"wrapped"}}]}}`}}, "400 FromHeader: no (D: wrapped)", 1},
		{"not JSON", []step{{500, nil, `oops`}}, "500 Internal Server Error: oops", 1},
		{"success that is not JSON", []step{{200, nil, `[]`}}, "not a JSON object", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := against(t, tt.script...)
			got, err := c.Put(t.Context(), "/a b/c", "v", map[string]any{})
			if tt.want == "" && (err != nil || got["id"] != "x") || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Put = %v, %v; want error %q", got, err, tt.want)
			}
			if len(s.asked) != tt.asks {
				t.Errorf("asked %q; want %d requests", s.asked, tt.asks)
			}
			if want := "PUT /a%20b/c?api-version=v Bearer t1"; s.asked[0] != want {
				t.Errorf("asked %q, want %q", s.asked[0], want)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []step
		want   string
	}{
		{"at once", []step{{200, nil, ``}}, ""},
		{"gone before", []step{{404, nil, `{}`}}, ""},
		{"gone while waiting", []step{{202, map[string]string{"Location": "url/op"}, ``}, {404, nil, `{}`}}, ""},
		{"refused", []step{{409, nil, `{"error":{"code":"Conflict","message":"busy"}}`}}, "409 Conflict: busy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := against(t, tt.script...)
			err := c.Delete(t.Context(), "/a", "v")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Delete = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTokenIsKeptAndRenewed(t *testing.T) {
	c, s := against(t, step{200, nil, `{}`}, step{200, nil, `{}`}, step{401, nil, ``}, step{200, nil, `{}`}, step{401, nil, ``}, step{401, nil, ``})
	for range 3 {
		if _, err := c.Do(t.Context(), "GET", "/a", "v", nil); err != nil {
			t.Fatal(err)
		}
	}
	if s.logins != 2 {
		t.Errorf("%d logins; want one, and another after 401", s.logins)
	}
	var e *Error
	if _, err := c.Do(t.Context(), "GET", "/a", "v", nil); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("after a second 401: %v; want it told, not asked for ever", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	c, _ := against(t, step{202, map[string]string{"Location": "url/op"}, ``}, step{202, map[string]string{"Retry-After": "60"}, ``})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Delete(ctx, "/a", "v"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Delete = %v, want the context's error", err)
	}
}

func FuzzErrorOf(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"C","message":"m","details":[{"error":{"code":"d"}}]}}`))
	f.Add([]byte(`null`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := &Error{Method: "GET", Path: "/", Status: 400}
		e.fill(b)
		if _, err := json.Marshal(e.Error()); err != nil {
			t.Errorf("%q: %v", b, err)
		}
	})
}
