package servicebus

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestMissingAPI: an interface that is not there says so by name. 404 would say that the
// entity does not exist, and 401 that the key is wrong.
func TestMissingAPI(t *testing.T) {
	h := MissingAPI(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, tt := range []struct {
		method, path string
		header       http.Header
		want         string // "": passed on
	}{
		{"GET", "/q?api-version=2021-05&enrich=true", http.Header{"Authorization": {"SharedAccessSignature sr=x"}}, "the administration API"},
		{"PUT", "/q?api-version=2021-05", http.Header{"Content-Type": {"application/atom+xml"}, "Authorization": {"Bearer x"}}, "the administration API"},
		{"DELETE", "/t/subscriptions/s?api-version=2021-05", nil, "the administration API"},
		{"GET", "/$Resources/Queues?$skip=0&$top=100&api-version=2021-05", nil, "the administration API"},
		{"GET", "/$namespaceinfo?api-version=2021-05", nil, "the administration API"},
		{"POST", "/q/messages", nil, "sending and receiving over HTTP"},
		{"DELETE", "/q/messages/head?timeout=60", nil, "sending and receiving over HTTP"},
		{"GET", "/$servicebus/websocket", http.Header{"Upgrade": {"websocket"}}, "AMQP over WebSockets"},
		{"GET", "/", nil, ""},
		{"GET", "/health", nil, ""},
		{"GET", "/favicon.ico", nil, ""},
		{"GET", "/metadata/endpoints?api-version=2022-09-01", http.Header{"Accept": {"application/json"}}, ""},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		for name, v := range tt.header {
			r.Header[name] = v
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body := w.Body.String()
		switch {
		case tt.want == "" && w.Code != http.StatusTeapot:
			t.Errorf("%s %s: %d %s, want it passed on", tt.method, tt.path, w.Code, body)
		case tt.want != "" && (w.Code != http.StatusNotImplemented || !strings.HasPrefix(body, "<Error><Code>501</Code><Detail>"+tt.want)):
			t.Errorf("%s %s: %d %s, want 501 with %q", tt.method, tt.path, w.Code, body, tt.want)
		}
	}
}
