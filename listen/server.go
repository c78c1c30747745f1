package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"switchyard/held"
)

// FirstByte is how long a client may take to send its first byte, its TLS handshake
// and the first byte inside included; and the header of a request of HTTP.
const FirstByte = 20 * time.Second

// idleHTTP is how long a connection of HTTP is kept between two requests: longer than
// the clients keep theirs (Go 90 s, az 60 s), so that they are seldom surprised.
const idleHTTP = 2 * time.Minute

// A Server serves ports. Every port tells protocols apart, with TLS and without, so a
// client that mistakes one for the other is served all the same. The fields are set
// before the first port is served.
type Server struct {
	Logger *slog.Logger
	TLS    *tls.Config
	// Encrypted refuses connections of other machines without TLS.
	Encrypted bool
	Web       *Web
	Now       func() time.Time // the wall clock: sockets know no other
	// MaxConnections bounds the connections of all ports, and the ports. 0: none.
	MaxConnections int

	enter sync.Once
	door  *door          // set by enter
	wg    sync.WaitGroup // the goroutines of the ports and connections
}

// maxHeader bounds a request's header, in bytes: four times the largest bearer token.
const maxHeader = 64 << 10

// Web is the HTTP server of all ports: see [NewWeb].
type Web struct {
	http.Server
	// Bodies are those of requests under way.
	Bodies *held.Budget
}

// NewWeb returns the HTTP server of all ports, which refuses requests for hosts that
// are not this machine's or below one of the names. It ends with ctx. Clients have to
// keep a pace, and the bodies of all requests together to so much memory; 0: a sixteenth of the
// memory limit. See [paced].
func NewWeb(ctx context.Context, log *slog.Logger, now func() time.Time, memory int64, h http.Handler, names ...string) *Web {
	bodies := newBodies(memory)
	web := &Web{Bodies: bodies, Server: http.Server{
		Handler:           WithTLS(paced(Guard(caughtRequests(log, h), names...), bodies, now)),
		ConnContext:       ConnContext,
		ConnState:         doorState,
		ReadHeaderTimeout: FirstByte,
		IdleTimeout:       idleHTTP,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if web.Shutdown(ctx) != nil {
			web.Close()
		}
	})
	return web
}

// Serve serves a port until ctx ends, without waiting for that. Each AMQP connection
// is given to a call of amqp, which returns when it has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener, amqp func(net.Conn)) {
	s.enter.Do(func() {
		if s.MaxConnections > 0 {
			s.door = newDoor(s.MaxConnections, s.Logger, s.Now)
		}
	})
	mux := NewMux(l, FirstByte, s.Now)
	mux.log = s.Logger
	closed := func() {}
	if mux.door = s.door; s.door != nil {
		closed = s.door.port()
	}
	if s.Encrypted {
		mux.RequireTLS()
	}
	am, ht := mux.Listener(AMQP), mux.Listener(HTTP)
	mux.TerminateTLS(s.TLS, func(remote net.Addr, err error) {
		s.Logger.Debug("TLS handshake failed; does the client trust our authority?",
			"remote", remote.String(), "err", err)
	})
	s.wg.Go(func() {
		defer closed()
		if err := mux.Serve(ctx); err != nil {
			s.Logger.Error("a port failed", "address", l.Addr().String(), "err", err)
		}
	})
	s.wg.Go(func() {
		for {
			c, err := am.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				defer caught(s.Logger, c)
				amqp(c)
			})
		}
	})
	s.wg.Go(func() {
		err := s.Web.Serve(ht)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.Logger.Error("HTTP failed", "err", err)
		}
	})
}

// Wait returns when all ports and their AMQP connections have ended.
func (s *Server) Wait() { s.wg.Wait() }
