package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestIsLoopback: an address that another machine could reach is not loopback,
// however it is written.
func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:5672": true, "127.0.0.1:0": true, "127.255.255.254:1": true, "localhost:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		":5672": false, "0.0.0.0:5672": false, "[::]:5672": false, "10.0.0.1:80": false, "192.168.1.1:80": false, "128.0.0.1:80": false, "126.255.255.255:80": false,
		"[fe80::1]:80": false, "localhost.example.com:80": false, "example.com:80": false, "127.0.0.1": false, "localhost": false, "": false, "127.1:80": false,
		"0x7f000001:80": false, "2130706433:80": false, "127.0.0.1:80:80": false,
	} {
		if got := isLoopback(address); got != want {
			t.Errorf("isLoopback(%q) = %t, want %t", address, got, want)
		}
	}
}

// TestOpenFails: a host that is not ours and an address that is none are told with
// the address, and no other port is taken in their place.
func TestOpenFails(t *testing.T) {
	for _, address := range []string{"203.0.113.1:0", "127.0.0.1:99999", "127.0.0.1", "127.0.0.1:x"} {
		for _, fallback := range []bool{false, true} {
			l, err := Open(address, fallback)
			if err == nil {
				l.Close()
				t.Errorf("Open(%s, %t) = %s", address, fallback, l.Addr())
				continue
			}
			if in, ok := errors.AsType[*AddressInUseError](err); ok || !strings.HasPrefix(err.Error(), "address \""+address+"\" is no") {
				t.Errorf("Open(%s, %t): %v (in use: %v); want an error that names the address", address, fallback, err, in)
			}
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = Open(taken.Addr().String(), false)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "address "+taken.Addr().String()+" is in use by another program") {
		t.Errorf("a port that is taken: %v", err)
	}
	l, err := Open(taken.Addr().String(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if host, _, _ := net.SplitHostPort(l.Addr().String()); host != "127.0.0.1" {
		t.Errorf("in place of a port that is taken: %s, want one of the same host", l.Addr())
	}
}

// script is a listener that hands out what the test gives it.
type script struct {
	conns  chan net.Conn
	errs   chan error
	closed chan struct{}
}

func newScript() *script {
	return &script{make(chan net.Conn), make(chan error), make(chan struct{})}
}

func (s *script) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case err := <-s.errs:
		return nil, err
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *script) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func (s *script) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5672} }

// timeout is an error of a listener that says "again".
type timeout struct{ error }

func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// TestMuxGoesOn: errors that pass by do not end the port, and neither does a want
// of file descriptors, after which it waits a moment.
func TestMuxGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScript()
		m := NewMux(l, time.Minute, time.Now)
		amqp := m.Listener(AMQP)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- m.Serve(ctx) }()
		for _, err := range []error{timeout{errors.New("again")}, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}, syscall.ENFILE} {
			l.errs <- err
		}
		client, server := net.Pipe()
		go io.WriteString(client, "AMQP")
		l.conns <- server
		c, err := amqp.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "AMQP" {
			t.Errorf("after the errors: %q, %v", got, err)
		}
		c.Close()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

// TestMuxFails: a listener that fails ends the port with its error, and those who
// wait for connections are told.
func TestMuxFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broken := newScript(), errors.New("broken")
		m := NewMux(l, time.Minute, time.Now)
		amqp := m.Listener(AMQP)
		served, accepted := make(chan error, 1), make(chan error, 1)
		go func() { served <- m.Serve(t.Context()) }()
		go func() { _, err := amqp.Accept(); accepted <- err }()
		l.errs <- broken
		if err := <-served; !errors.Is(err, broken) {
			t.Errorf("Serve = %v, want %v", err, broken)
		}
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want %v", err, net.ErrClosed)
		}
		if amqp.Addr().String() != "127.0.0.1:5672" {
			t.Errorf("address: %s", amqp.Addr())
		}
	})
}

// TestMuxSilence: a client that says nothing is let go after the time that it has,
// and one that spoke in time may then be silent for as long as it likes.
func TestMuxSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScript()
		m := NewMux(l, 10*time.Second, time.Now)
		web := m.Listener(HTTP)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		served := make(chan error, 1)
		go func() { served <- m.Serve(ctx) }()

		silent, server := net.Pipe()
		l.conns <- server
		began := time.Now()
		if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(began) != 10*time.Second {
			t.Errorf("a client that says nothing: %v after %s, want its end after 10s", err, time.Since(began))
		}

		slow, server := net.Pipe()
		l.conns <- server
		time.Sleep(9 * time.Second)
		go io.WriteString(slow, "G")
		c, err := web.Accept()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		go io.WriteString(slow, "ET")
		got := make([]byte, 3)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "GET" {
			t.Errorf("a client that spoke after 9s and again after an hour: %q, %v", got, err)
		}
		c.Close()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

// TestMuxEnds: the end waits for nobody: neither for a client that has said
// nothing nor for one that no server has taken yet.
func TestMuxEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScript()
		m := NewMux(l, time.Hour, time.Now)
		m.Listener(AMQP)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- m.Serve(ctx) }()
		silent, server := net.Pipe()
		l.conns <- server
		waiting, server := net.Pipe()
		l.conns <- server
		if _, err := io.WriteString(waiting, "A"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		cancel()
		if err := <-served; err != nil || time.Since(began) != 0 {
			t.Errorf("Serve = %v after %s, want its end at once", err, time.Since(began))
		}
		for name, c := range map[string]net.Conn{"silent": silent, "waiting": waiting} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("the %s client: %v, want its connection closed", name, err)
			}
		}
	})
}

// TestGuardRefuses: hosts and origins that only look like ours.
func TestGuardRefuses(t *testing.T) {
	passed := 0
	h := Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }), "switchyard.test", ".windows.net")
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"", "", 421},
		{"localhost.", "", 421},
		{"localhost.attacker.example", "", 421},
		{"notlocalhost", "", 421},
		{"switchyard.test.attacker.example", "", 421},
		{"xswitchyard.test", "", 421},
		{"a.windows.net.attacker.example", "", 421},
		{"windows.net", "", 421}, // the name itself is not below it
		{"xwindows.net", "", 421},
		{"0.0.0.0:5300", "", 421},
		{"[::]:80", "", 421},
		{"[fe80::1]:80", "", 421},
		{"169.254.169.254", "", 421},
		{"a.WINDOWS.net:443", "", 200},
		{"localhost", "http://localhost.attacker.example", 403},
		{"localhost", "https://localhost@attacker.example", 403},
		{"localhost", "http://127.0.0.1:9", 200},
		{"localhost", "https://switchyard.test", 200},
		{"localhost", "file://", 403},
		{"localhost", "http://%zz", 403},
		{"localhost", "localhost", 403}, // no scheme, so no host
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		r.Header.Set("Origin", c.origin)
		w := httptest.NewRecorder()
		passed = 0
		h.ServeHTTP(w, r)
		if w.Code != c.want || (passed == 1) != (c.want == 200) {
			t.Errorf("Host %q, Origin %q: status %d, passed on %d times; want %d", c.host, c.origin, w.Code, passed, c.want)
		}
	}
}

// TestOpenLoopback: what other machines can reach is not opened.
func TestOpenLoopback(t *testing.T) {
	l, err := OpenLoopback("HTTP", "", false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !isLoopback(l.Addr().String()) {
		t.Errorf("the default is %s", l.Addr())
	}
	if _, err := OpenLoopback("HTTP", l.Addr().String(), false); err == nil {
		t.Error("an address in use was opened")
	}
	if _, err := OpenLoopback("HTTP", "0.0.0.0:0", false); err == nil ||
		!strings.Contains(err.Error(), `address "0.0.0.0:0" can be reached from other machines as the HTTP address`) {
		t.Errorf("error %v, want a refusal that names what and where", err)
	}
}
