package activity_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchyard/clock"
	"switchyard/pipeline/activity"
	"switchyard/value"
)

// TestHeadersAreBounded: an answer's headers go into the output as its body does, and
// are as bounded.
func TestHeadersAreBounded(t *testing.T) {
	for _, c := range []struct {
		size int
		code string
	}{{30 << 10, ""}, {1 << 20, "2128"}} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", c.size))
			w.Write([]byte(`{"ok":true}`))
		}))
		web := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}})
		r := web.Execute(t.Context(), &activity.Call{Input: value.NewObject(
			value.Member{Name: "method", Value: "GET"}, value.Member{Name: "url", Value: s.URL})})
		s.Close()
		if c.code == "" && r.Err != nil || c.code != "" && (r.Err == nil || r.Err.Code != c.code || !strings.Contains(r.Err.Message, "header")) {
			t.Errorf("%d bytes of headers: %v, want code %q", c.size, r.Err, c.code)
		}
	}
}
