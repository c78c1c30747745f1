package listen

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestOnlyHere: a request is of this machine if it comes from the loopback interface, or
// from the address that it goes to.
func TestOnlyHere(t *testing.T) {
	h := OnlyHere(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, c := range []struct {
		remote, local string
		code          int
	}{
		{"127.0.0.1:4000", "127.0.0.1:80", http.StatusNoContent},
		{"[::1]:4000", "[::1]:80", http.StatusNoContent},
		{"[::ffff:127.0.0.2]:4000", "[::]:80", http.StatusNoContent},
		{"192.0.2.7:4000", "192.0.2.7:80", http.StatusNoContent},
		{"192.0.2.8:4000", "192.0.2.7:80", http.StatusForbidden},
		{"192.0.2.8:4000", "127.0.0.1:80", http.StatusForbidden},
		{"@", "192.0.2.7:80", http.StatusForbidden},
	} {
		local, err := net.ResolveTCPAddr("tcp", c.local)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, local)))
		if w.Code != c.code {
			t.Errorf("from %s to %s: %d, want %d", c.remote, c.local, w.Code, c.code)
		}
	}
}
