package listen

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestServer: one port serves AMQP and HTTP, with TLS and without, until the end.
func TestServer(t *testing.T) {
	certs, err := OpenCertificates(CertificateOptions{Dir: t.TempDir(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	s := &Server{Logger: log, TLS: certs.Config(), Now: time.Now}
	s.Web = NewWeb(ctx, log, time.Now, 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello "+r.URL.Path)
	}))
	l, err := OpenLoopback("test", "", false)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool, 1)
	s.Serve(ctx, l, func(c net.Conn) {
		defer c.Close()
		head := make([]byte, 4)
		io.ReadFull(c, head)
		io.WriteString(c, "got "+string(head))
		<-ctx.Done()
		ended <- true
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: certs.Config().Clone(), DisableKeepAlives: true}}
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = certs.Pool()
	for _, scheme := range []string{"http://", "https://"} {
		resp, err := client.Get(scheme + l.Addr().String() + "/x")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(b) != "hello /x" {
			t.Errorf("%s: %q, %v", scheme, b, err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example.com"
	if resp, err := client.Do(r); err != nil || resp.StatusCode < 400 {
		t.Errorf("a foreign host: %v, %v, want a refusal", resp, err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "AMQP")
	answer := make([]byte, 8)
	if _, err := io.ReadFull(c, answer); err != nil || !strings.HasPrefix(string(answer), "got AMQP") {
		t.Errorf("AMQP: %q, %v", answer, err)
	}
	cancel()
	s.Wait()
	if len(ended) != 1 {
		t.Error("Wait has returned before the AMQP connection ended")
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the port is open after the end")
	}
}
