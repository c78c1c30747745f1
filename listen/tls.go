package listen

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// TerminateTLS makes the mux decrypt connections that begin with a TLS handshake
// and tell by the first byte inside what they are, so that clients find AMQP and
// HTTP on the port with and without TLS. It takes the place of a listener for
// [TLS] and is called before Serve. Failed is told of handshakes that came to
// nothing, most often because the client does not trust our authority; nil: it
// is not told.
func (m *Mux) TerminateTLS(config *tls.Config, failed func(remote net.Addr, err error)) {
	m.tls, m.tlsFailed = config, failed
}

// RequireTLS makes the mux close connections of other machines that are not encrypted.
// It is called before Serve.
func (m *Mux) RequireTLS() { m.encrypted = true }

// decrypt completes a handshake within the deadline of c. The result is nil if
// that fails; c is then closed.
func (m *Mux) decrypt(ctx context.Context, c net.Conn) net.Conn {
	t := tls.Server(c, m.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		if m.tlsFailed != nil && ctx.Err() == nil {
			m.tlsFailed(c.RemoteAddr(), err)
		}
		return nil
	}
	return t
}

type tlsStateKey struct{}

// ConnContext remembers the TLS state of a connection for [WithTLS], and whose it is. It is the
// ConnContext of an [http.Server] on a listener of a mux: net/http itself knows
// TLS only on connections that nobody has looked into.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	ctx = context.WithValue(ctx, guestKey{}, guestOf(c))
	if p, ok := c.(*peeked); ok {
		if t, ok := p.Conn.(*tls.Conn); ok {
			state := t.ConnectionState()
			return context.WithValue(ctx, tlsStateKey{}, &state)
		}
	}
	return ctx
}

// WithTLS sets the TLS field of requests that came encrypted, as a server of
// HTTPS would. The server has [ConnContext].
func WithTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(tlsStateKey{}).(*tls.ConnectionState); ok && r.TLS == nil {
			encrypted := *r
			encrypted.TLS = state
			r = &encrypted
		}
		next.ServeHTTP(w, r)
	})
}
