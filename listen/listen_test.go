package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	if _, err := Open(addr, false); err == nil {
		t.Fatalf("Open(%s, false) took a port that is in use", addr)
	} else if in, ok := errors.AsType[*AddressInUseError](err); !ok || in.Address != addr {
		t.Fatalf("Open(%s, false) = %v, want an AddressInUseError that names it", addr, err)
	}
	l, err := Open(addr, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().String() == addr {
		t.Fatal("Open with fallback returned the taken port")
	}
}

func TestMuxTellsProtocolsApart(t *testing.T) {
	l, err := Open("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMux(l, time.Minute, time.Now)
	am, ht := m.Listener(AMQP), m.Listener(HTTP)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx) }()

	send := func(text string) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct {
		l    net.Listener
		text string
	}{{am, "AMQP\x03\x01\x00\x00"}, {ht, "GET / HTTP/1.1\r\n"}} {
		out := send(c.text)
		in, err := c.l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(c.text))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != c.text {
			t.Errorf("read %q, %v; want %q: no byte may be lost", got, err, c.text)
		}
		in.Close()
		out.Close()
	}
	// TLS has no listener here: the connection ends instead of hanging.
	out := send("\x16\x03\x01")
	if _, err := io.ReadAll(out); err != nil && !errors.Is(err, net.ErrClosed) {
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			t.Errorf("TLS without listener: %v, want the connection closed", err)
		}
	}
	out.Close()
	silent := send("")
	defer silent.Close()
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil after its context ended", err)
	}
	if _, err := am.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Serve = %v, want net.ErrClosed", err)
	}
}

func TestGuard(t *testing.T) {
	h := Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}), "switchyard.test", ".windows.net")
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"127.0.0.1:5300", "", 200},
		{"127.8.8.8", "", 200},
		{"[::1]:80", "", 200},
		{"localhost:1", "", 200},
		{"ns.localhost", "", 200},
		{"Switchyard.TEST", "", 200},
		{"a.servicebus.windows.net", "", 200},
		{"attacker.example", "", 421},
		{"10.0.0.1", "", 421},
		{"windows.net.attacker.example", "", 421},
		{"localhost", "http://localhost:5300", 200},
		{"localhost", "https://attacker.example", 403},
		{"localhost", "null", 403},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("Host %q Origin %q: status %d, want %d", c.host, c.origin, w.Code, c.want)
		}
	}
}
