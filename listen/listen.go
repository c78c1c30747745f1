// Package listen owns the program's ports: it opens them (on a free one where
// a default is taken), tells by the first byte of a connection which protocol
// the client speaks, so that one port serves AMQP and HTTP alike, with TLS and
// without, keeps the certificates that TLS needs, and guards the HTTP planes
// against requests that a browser was tricked into sending.
package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// An AddressInUseError says which address is taken.
type AddressInUseError struct {
	Address string
	Err     error
}

func (e *AddressInUseError) Error() string {
	return fmt.Sprintf("address %s is in use by another program: stop it, or choose another address", e.Address)
}

// Unwrap returns the error of the operating system.
func (e *AddressInUseError) Unwrap() error { return e.Err }

// An AddressError is that of an address at which nothing can listen here, for any client.
type AddressError struct{ Address, Why string }

func (e *AddressError) Error() string { return fmt.Sprintf("address %q %s", e.Address, e.Why) }

// explain says in words why nothing can listen at an address that is free.
func explain(address string, err error) error {
	_, badAddress := errors.AsType[*net.AddrError](err)
	dns, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case badAddress, unknown && dns.Err == "unknown port":
		return &AddressError{address, "is not HOST:PORT, such as 127.0.0.1:5672"}
	case unknown:
		return &AddressError{address, "names a host that is not known"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &AddressError{address, "is none of this machine"}
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen on %s: permission is denied: ports below 1024 are the system's on most machines", address)
	}
	return fmt.Errorf("listen on %s: %w", address, err)
}

// Open listens on a TCP address. If the port is taken and fallback is true, it
// takes a free port of the same host instead.
func Open(address string, fallback bool) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, explain(address, err)
	}
	if !fallback {
		return nil, &AddressInUseError{address, err}
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, splitErr)
	}
	l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen on a free port of %s: %w", host, err)
	}
	return l, nil
}

// OpenLoopback is [Open] of an address that only this machine can reach; "" stands
// for a free port of 127.0.0.1. What is served there is named in errors.
func OpenLoopback(what, address string, fallback bool) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := Open(address, fallback)
	if err != nil {
		return nil, err
	}
	if !isLoopback(l.Addr().String()) {
		l.Close()
		return nil, &AddressError{address, "can be reached from other machines as the " + what + " address; only --listen opens it to " +
			"them, with TLS"}
	}
	return l, nil
}

// Open is [OpenLoopback], or [Open] where other machines are served.
func (x Exposure) Open(what, address string, fallback bool) (net.Listener, error) {
	if !x.Beyond() {
		return OpenLoopback(what, address, fallback)
	}
	l, err := Open(address, fallback)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return l, nil
}

// isLoopback reports whether an address to listen on can be reached from this
// machine only.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Protocol is what a client speaks, told by its first byte [SB-AMQP 1].
type Protocol uint8

// The protocols that one port can serve.
const (
	AMQP Protocol = iota // 'A' of "AMQP"
	HTTP                 // an upper-case letter of a method
	TLS                  // a TLS handshake record
)

// A Mux accepts the connections of one port and hands each to the listener of
// its protocol. Connections of a protocol without listener are closed.
type Mux struct {
	l       net.Listener
	timeout time.Duration
	now     func() time.Time
	door    *door // nil: any number of connections
	outs    [3]*queue

	tls       *tls.Config // nil: connections with TLS go to their listener
	tlsFailed func(net.Addr, error)
	encrypted bool // other machines must encrypt

	log *slog.Logger // for panics; nil: they are the process's

	wg sync.WaitGroup // connections whose first byte is awaited; owned by Serve
}

// NewMux wraps a listener. A client has timeout to send its first byte; now is
// the wall clock, from which deadlines of sockets are reckoned.
func NewMux(l net.Listener, timeout time.Duration, now func() time.Time) *Mux {
	return &Mux{l: l, timeout: timeout, now: now}
}

// Listener returns the listener for one protocol. It is called before Serve.
func (m *Mux) Listener(p Protocol) net.Listener {
	if m.outs[p] == nil {
		m.outs[p] = &queue{addr: m.l.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
	}
	return m.outs[p]
}

// Serve accepts until ctx ends or the listener fails, then closes the port and
// the protocols' listeners and waits for its goroutines.
func (m *Mux) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { m.l.Close() })
	defer stop()
	var err error
	for {
		var c net.Conn
		if c, err = m.l.Accept(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				// Out of file descriptors: connections that end will free some.
				select {
				case <-time.After(50 * time.Millisecond):
					continue
				case <-ctx.Done():
				}
			}
			break
		}
		if m.door != nil {
			g := m.door.admit(ctx, c)
			if g == nil {
				continue
			}
			c = g
		}
		m.wg.Go(func() {
			if m.log != nil {
				defer caught(m.log, c)
			}
			m.route(ctx, c)
		})
	}
	m.l.Close()
	for _, q := range m.outs {
		if q != nil {
			q.Close()
		}
	}
	m.wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (m *Mux) route(ctx context.Context, raw net.Conn) {
	// HTTP clients open connections ahead of need: one that has said nothing
	// must not hold up the end.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	raw.SetDeadline(m.now().Add(m.timeout))
	p, c := sniff(raw)
	if p == TLS && m.tls != nil {
		if c = m.decrypt(ctx, c); c == nil {
			return
		}
		p, c = sniff(c)
	}
	if c == nil {
		return
	}
	if m.encrypted && p != TLS && !isTLS(c) && !fromHere(raw) {
		refusePlain(p, c)
		return
	}
	c.SetDeadline(time.Time{})
	q := m.outs[p]
	if q == nil {
		c.Close()
		return
	}
	select {
	case q.conns <- c:
	case <-q.done:
		c.Close()
	}
}

// isTLS reports whether what was sniffed came encrypted.
func isTLS(c net.Conn) bool {
	p, ok := c.(*peeked)
	if !ok {
		return false
	}
	_, ok = p.Conn.(*tls.Conn)
	return ok
}

// refusePlain closes a connection of another machine that is not encrypted. What it has
// sent, which may be a secret, is not looked at; a client of HTTP is told.
func refusePlain(p Protocol, c net.Conn) {
	if p == HTTP {
		const text = "Other machines are served over TLS only: use https.\n"
		_, _ = fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(text), text)
	}
	c.Close()
}

// sniff waits for the first byte of a connection. The connection it returns
// still has that byte; it is nil, and c is closed, if none came.
func sniff(c net.Conn) (Protocol, net.Conn) {
	r := bufio.NewReaderSize(c, 16)
	first, err := r.Peek(1)
	if err != nil {
		c.Close()
		return 0, nil
	}
	buffered, _ := r.Peek(r.Buffered())
	p := HTTP
	switch first[0] {
	case 0x16:
		p = TLS
	case 'A':
		p = AMQP
	}
	return p, &peeked{Conn: c, head: append([]byte(nil), buffered...)}
}

// queue is the listener of one protocol.
type queue struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error   { q.once.Do(func() { close(q.done) }); return nil }
func (q *queue) Addr() net.Addr { return q.addr }

// peeked is a connection whose first bytes were read already.
type peeked struct {
	net.Conn
	head []byte // owned by the reader
}

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// CloseWrite closes the direction to the client, so that it hears the last words even
// if what it has written itself is never read.
func (p *peeked) CloseWrite() error { return closeWrite(p.Conn) }

// SyscallConn is for who writes what the socket takes at once; see [syscall.Conn].
func (p *peeked) SyscallConn() (syscall.RawConn, error) { return syscallConn(p.Conn) }

// syscallConn fails for what does not write to the socket as it is, such as TLS.
func syscallConn(c net.Conn) (syscall.RawConn, error) {
	if sys, ok := c.(syscall.Conn); ok {
		return sys.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
