package system

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"switchyard/amqp/amqpnet"
	"switchyard/clock"
	"switchyard/listen"
	"switchyard/servicebus"
)

// firstByte is how long a client may take to send its first byte.
const firstByte = 20 * time.Second

// A server serves ports. What is not known at the start of a Switchyard is set
// before the first port is served. Every port tells protocols apart, with TLS and without,
// so a client that mistakes one for the other is served all the same.
type server struct {
	log   *slog.Logger
	clock clock.Clock
	// links ends when no more links are wanted, ctx when the ports close: between
	// the two, activities finish, some with the help of this process's own
	// endpoints.
	links, ctx context.Context
	tls        *tls.Config
	dialect    servicebus.Options // for each port, but for its Namespace
	web        *http.Server
	wg         sync.WaitGroup // the goroutines of the ports and connections

	mu       sync.Mutex
	dialects []*servicebus.Handler // guarded by mu; one for each port
}

// newWeb returns the HTTP server of all ports. It ends with ctx.
func newWeb(ctx context.Context, log *slog.Logger, routes http.Handler) *http.Server {
	web := &http.Server{
		Handler:           listen.WithTLS(listen.Guard(routes, certificateNames...)),
		ConnContext:       listen.ConnContext,
		ReadHeaderTimeout: firstByte,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if web.Shutdown(ctx) != nil {
			web.Close()
		}
	})
	return web
}

// serve is a [ports.ServeFunc]. It serves until the ports close.
func (s *server) serve(l net.Listener, namespace func(host string) (string, bool)) {
	o := s.dialect
	o.Namespace = namespace
	dialect := servicebus.NewHandler(o)
	s.mu.Lock()
	s.dialects = append(s.dialects, dialect)
	s.mu.Unlock()
	mux := listen.NewMux(l, firstByte, clock.Wall{}.Now) // sockets know the machine's time only
	am, ht := mux.Listener(listen.AMQP), mux.Listener(listen.HTTP)
	mux.TerminateTLS(s.tls, func(remote net.Addr, err error) {
		s.log.Debug("TLS handshake failed; does the client trust our authority?", "remote", remote.String(), "err", err)
	})
	s.wg.Go(func() {
		if err := mux.Serve(s.ctx); err != nil {
			s.log.Error("a port failed", "address", l.Addr().String(), "err", err)
		}
	})
	s.wg.Go(func() { s.accept(dialect, am) })
	s.wg.Go(func() {
		err := s.web.Serve(ht)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("HTTP failed", "err", err)
		}
	})
}

// accept serves AMQP connections, until the listener is closed, and waits for them.
func (s *server) accept(h *servicebus.Handler, l net.Listener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conns.Go(func() {
			if err := h.Serve(s.links, c, amqpnet.Options{Clock: s.clock, Logger: s.log}); err != nil {
				s.log.Debug("connection ended", "remote", c.RemoteAddr().String(), "err", err)
			}
		})
	}
}

// entityChanged detaches the links of an entity that was changed or deleted, as
// Azure does [SB-AMQP 3.6].
func (s *server) entityChanged(ns, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.dialects {
		d.EntityChanged(ns, path)
	}
}
