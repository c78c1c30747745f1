package listen

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A mistake of ours in one connection or request ends that one, with a stack in the log.
func TestPanicsEndOneConnection(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	ctx, stop := context.WithCancel(t.Context())
	s := &Server{Logger: log, Now: time.Now, Web: NewWeb(ctx, log, time.Now, 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("a mistake in a request")
		}
		io.WriteString(w, "fine")
	}))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(ctx, l, func(net.Conn) { panic("a mistake in a connection") })
	url := "http://" + l.Addr().String()
	if resp, err := http.Get(url + "/panic"); err == nil {
		resp.Body.Close()
		t.Errorf("a request that panics is answered %s, want its connection closed", resp.Status)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "AMQP\x00\x01\x00\x00")
	if b, err := io.ReadAll(c); len(b) > 0 {
		t.Errorf("a connection that panics says %q, %v, want its end", b, err)
	}
	resp, err := http.Get(url + "/fine")
	if err != nil {
		t.Fatalf("after the panics: %v", err)
	}
	resp.Body.Close()
	stop()
	s.Wait()
	for _, want := range []string{"a request ended by a panic", "a mistake in a request", "a connection ended by a panic",
		"a mistake in a connection", "caught_test.go"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, out.String())
		}
	}
}
