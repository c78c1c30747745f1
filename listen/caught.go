package listen

import (
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
)

// caught is deferred by the goroutine of a connection: a panic, which is a mistake of
// ours, is the end of that connection, with its stack in the log, and of no other.
func caught(log *slog.Logger, c net.Conn) {
	if p := recover(); p != nil {
		log.Error("a connection ended by a panic", "remote", c.RemoteAddr().String(), "panic", p, "stack", string(debug.Stack()))
		c.Close()
	}
}

// caughtRequests is the same for a request: its connection is closed.
func caughtRequests(log *slog.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler { // it is logged already, or no mistake
				log.Error("a request ended by a panic", "remote", r.RemoteAddr, "method", r.Method, "path", r.URL.Path,
					"panic", p, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		h.ServeHTTP(w, r)
	})
}
