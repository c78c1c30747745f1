package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestMuxWithTLS(t *testing.T) {
	certs, err := OpenCertificates(CertificateOptions{Now: time.Now, SystemRoots: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 10)
	m := NewMux(l, time.Minute, time.Now)
	m.TerminateTLS(certs.Config(), func(_ net.Addr, err error) { failed <- err })
	am, ht := m.Listener(AMQP), m.Listener(HTTP)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx) }()
	addr := l.Addr().String()
	trusting := &tls.Config{RootCAs: certs.Pool(), ServerName: "localhost"}

	// AMQP with TLS and without, on the same port; no byte is lost.
	const header = "AMQP\x03\x01\x00\x00"
	for _, encrypted := range []bool{true, false} {
		var out net.Conn
		if encrypted {
			out, err = tls.Dial("tcp", addr, trusting)
		} else {
			out, err = net.Dial("tcp", addr)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, header); err != nil {
			t.Fatal(err)
		}
		in, err := am.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(header))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != header {
			t.Errorf("TLS %v: read %q, %v; want %q", encrypted, got, err, header)
		}
		if _, err := io.WriteString(in, header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, got); err != nil || string(got) != header {
			t.Errorf("TLS %v: the answer is %q, %v", encrypted, got, err)
		}
		in.Close()
		out.Close()
	}

	// HTTP the same, and handlers learn which it was.
	web := &http.Server{ConnContext: ConnContext, Handler: WithTLS(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			io.WriteString(w, "TLS "+r.TLS.ServerName)
		} else {
			io.WriteString(w, "plain")
		}
	}))}
	webDone := make(chan error, 1)
	go func() { webDone <- web.Serve(ht) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: certs.Pool()}, ForceAttemptHTTP2: true}}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{"https://localhost:" + port: "TLS localhost", "https://127.0.0.1:" + port: "TLS ", "http://localhost:" + port: "plain"} {
		resp, err := client.Get(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", url, b, err, want)
		}
	}
	client.CloseIdleConnections()

	// What goes wrong ends the connection and is told.
	if c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "localhost", RootCAs: newStation(t).open().Pool()}); err == nil {
		c.Close()
		t.Error("a client that does not trust us connected")
	}
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the failure told is %v, want what the client says of the certificate", err)
	}
	for name, text := range map[string]string{"noise after the record header": "\x16\x03\x01\x00\x05hello", "an old version": "\x16\x03\x00\x00\x04\x01\x00\x00\x00"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err == nil {
			t.Errorf("%s: no failure", name)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v, want the connection closed", name, err)
		}
		c.Close()
	}
	// TLS within TLS is not served.
	outer, err := tls.Dial("tcp", addr, trusting)
	if err != nil {
		t.Fatal(err)
	}
	if err := tls.Client(outer, trusting).Handshake(); err == nil {
		t.Error("TLS within TLS was served")
	}
	outer.Close()

	// Clients in the middle of a handshake do not hold up the end.
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := io.WriteString(silent, "\x16\x03"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	web.Close()
	if err := <-webDone; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("web server: %v", err)
	}
}
