package health

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func everybody(*http.Request) bool { return true }

// TestHandlerTellsNames: who is not trusted hears how it is and no names.
func TestHandlerTellsNames(t *testing.T) {
	damaged := func() []string { return []string{"queue secret-project"} }
	nobody := func(*http.Request) bool { return false }
	for _, h := range []http.Handler{
		Handler(nobody, damaged), Handler(nobody, func() []string { return nil }, damaged),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/health", nil))
		if body := w.Body.String(); strings.Contains(body, "secret-project") || strings.Contains(body, "causes") ||
			w.Code == http.StatusOK != strings.Contains(body, `"degraded"`) {
			t.Errorf("it says %d %s", w.Code, body)
		}
	}
}

func TestHandler(t *testing.T) {
	well := func() []string { return nil }
	damaged := func() []string { return []string{`queue "q" <1>`} }
	repeated := func() []string { return []string{"record 1", "run a: record 1", "record 2", "record 2"} }
	for _, c := range []struct {
		causes []Cause // the first one only degrades
		code   int
		body   string
	}{
		{[]Cause{well}, http.StatusOK, `{"status":"healthy","message":"Service is healthy."}`},
		{[]Cause{damaged, well}, http.StatusOK,
			`{"status":"degraded","message":"Service is degraded: queue \"q\" <1>","causes":["queue \"q\" <1>"]}`},
		{[]Cause{repeated}, http.StatusOK,
			`{"status":"degraded","message":"Service is degraded: run a: record 1; record 2","causes":["run a: record 1","record 2"]}`},
		{[]Cause{well, well, well}, http.StatusOK, `{"status":"healthy","message":"Service is healthy."}`},
		{[]Cause{well, well, damaged}, http.StatusServiceUnavailable,
			`{"status":"unhealthy","message":"Service is unhealthy: queue \"q\" <1>","causes":["queue \"q\" <1>"]}`},
		{[]Cause{damaged, damaged}, http.StatusServiceUnavailable,
			`{"status":"unhealthy","message":"Service is unhealthy: queue \"q\" <1>","causes":["queue \"q\" <1>","queue \"q\" <1>"]}`},
		{[]Cause{well, damaged, damaged}, http.StatusServiceUnavailable,
			`{"status":"unhealthy","message":"Service is unhealthy: queue \"q\" <1>; queue \"q\" <1>","causes":["queue \"q\" <1>","queue \"q\" <1>"]}`},
	} {
		w := httptest.NewRecorder()
		Handler(everybody, c.causes[0], c.causes[1:]...).ServeHTTP(w, httptest.NewRequest("GET", "/health", nil))
		if got := strings.TrimSpace(w.Body.String()); w.Code != c.code || got != c.body {
			t.Errorf("with %d causes: %d %s, want %d %s", len(c.causes), w.Code, got, c.code, c.body)
		}
	}
}
