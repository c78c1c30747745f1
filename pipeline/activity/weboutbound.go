package activity

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"switchyard/pipeline/fence"
)

// OwnEndpoint is what this process serves to activities: paths of one of its ports,
// the rest of which is closed to them.
type OwnEndpoint struct {
	// Host is a name for it that survives a restart on another port: requests to it
	// go to Address (host:port), directly and whatever port the URL has.
	Host, Address string
	// Prefixes are how the open paths begin, with a slash at both ends.
	Prefixes []string
}

// maxWebHeader bounds the headers of an answer: as .NET's clients do.
const maxWebHeader = 64 << 10

// An outbound sends requests through the fence. Those for the process's own open
// paths have connections of their own: one that was made for an open path must not
// be used again for another.
type outbound struct {
	fence       *fence.Fence
	own         OwnEndpoint
	toOwn, rest *http.Transport
}

// newOutbound makes one whose connections have a configuration of TLS.
func newOutbound(w *Web, config *tls.Config) *outbound {
	o := &w.o
	x := &outbound{fence: o.Fence, own: o.Own}
	open := *o.Fence
	open.Own = nil
	transport := func(f *fence.Fence) *http.Transport {
		return &http.Transport{
			Proxy: x.proxy,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if host, _, err := net.SplitHostPort(address); err == nil && x.named(host) {
					address = x.own.Address
				}
				return w.dial(ctx, f, network, address)
			},
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          min(4*o.MaxConnections, o.MaxOpen),
			MaxIdleConnsPerHost:   o.MaxConnections,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
			// The output has them, and only the body's size is asked of the room for answers.
			MaxResponseHeaderBytes: maxWebHeader,
			TLSClientConfig:        config.Clone(),
		}
	}
	x.toOwn, x.rest = transport(&open), transport(o.Fence)
	return x
}

// named reports whether a host is the name of the process's own endpoint.
func (x *outbound) named(host string) bool {
	return x.own.Host != "" && strings.EqualFold(host, x.own.Host)
}

func (x *outbound) proxy(r *http.Request) (*url.URL, error) {
	if x.named(r.URL.Hostname()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// RoundTrip implements [http.RoundTripper]. Redirects come through it too.
func (x *outbound) RoundTrip(r *http.Request) (*http.Response, error) {
	if slices.ContainsFunc(x.own.Prefixes, func(p string) bool { return strings.HasPrefix(r.URL.Path, p) }) {
		open := *x.fence
		open.Own = nil
		return x.send(&open, x.toOwn, r)
	}
	return x.send(x.fence, x.rest, r)
}

func (x *outbound) send(f *fence.Fence, t *http.Transport, r *http.Request) (*http.Response, error) {
	if err := x.check(f, r); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return t.RoundTrip(r)
}

func (x *outbound) check(f *fence.Fence, r *http.Request) error {
	if x.named(r.URL.Hostname()) {
		return nil // the dial is to our own port, which the fence knows
	}
	if through, err := x.proxy(r); err != nil || through != nil {
		return f.CheckProxied(r.Context(), r.URL)
	}
	return f.Check(r.URL)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (x *outbound) CloseIdleConnections() {
	x.toOwn.CloseIdleConnections()
	x.rest.CloseIdleConnections()
}

func (w *Web) dial(ctx context.Context, f *fence.Fence, network, address string) (net.Conn, error) {
	if err := w.slot(ctx); err != nil {
		return nil, err
	}
	c, err := f.Dial(ctx, net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}, network, address)
	if err != nil {
		<-w.slots
		return nil, err
	}
	return &slotConn{Conn: c, free: sync.OnceFunc(func() { <-w.slots })}, nil
}

// slot waits until one connection more may be made. Idle ones make room at once.
func (w *Web) slot(ctx context.Context) error {
	select {
	case w.slots <- struct{}{}:
		return nil
	default:
	}
	again := w.o.Clock.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case w.slots <- struct{}{}:
			return nil
		case <-again.C():
			w.checked.CloseIdleConnections()
			w.lax.CloseIdleConnections()
			w.certified.CloseIdleConnections()
			again.Reset(100 * time.Millisecond)
		case <-ctx.Done():
			return fmt.Errorf("%d connections are open, as many as may be: %w", cap(w.slots), ctx.Err())
		}
	}
}

// A slotConn gives its slot back when it is closed, not before: its descriptor counts.
type slotConn struct {
	net.Conn
	free func()
}

func (c *slotConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
