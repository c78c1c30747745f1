package listen

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections that a test makes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// maxTestBody is what the handler of the tests takes.
const maxTestBody = 1 << 20

// readsBodies answers with the size of the body, as our handlers do with what they
// can't read.
func readsBodies(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTestBody))
	switch err.(type) {
	case nil:
		fmt.Fprintf(w, "%d bytes", len(b))
	case *http.MaxBytesError:
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	default:
		http.Error(w, "can't be read", http.StatusBadRequest)
	}
}

// serveWeb serves HTTP in a bubble until the test ends.
func serveWeb(t *testing.T, h http.HandlerFunc) *pipes {
	ctx, cancel := context.WithCancel(t.Context())
	web := NewWeb(ctx, slog.New(slog.DiscardHandler), time.Now, 0, h)
	l := newPipes()
	ended := make(chan struct{})
	go func() { defer close(ended); web.Serve(l) }()
	t.Cleanup(func() { cancel(); <-ended; time.Sleep(2 * time.Second) })
	return l
}

// answer reads one answer.
func answer(c net.Conn) (status int, text string, err error) {
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(b)), err
}

// TestPaceOfBodies: a body has 30 s and what its size takes at 8 KiB a second. A
// slower one is told; the handler may then take its time.
func TestPaceOfBodies(t *testing.T) {
	for _, c := range []struct {
		name   string
		piece  int
		every  time.Duration
		pieces int
		status int
		text   string
		after  time.Duration
	}{
		{"a byte a second", 1, time.Second, 100, 408, `{"error":{"code":"RequestTimeout","message":"The request's body came too slowly: 30 bytes in 30s."}}`, 30 * time.Second},
		{"nothing", 0, time.Second, 100, 408, "came too slowly: 0 bytes in 30s", 30 * time.Second},
		{"slow enough", 16 << 10, time.Second, 60, 200, "983040 bytes", 60 * time.Second},
		{"at once", 1000, 0, 1, 200, "1000 bytes", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serveWeb(t, readsBodies)
				conn := l.dial()
				start := time.Now()
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", max(c.piece*c.pieces, 1))
				var writer sync.WaitGroup
				defer writer.Wait()
				defer conn.Close()
				writer.Go(func() {
					for range c.pieces {
						time.Sleep(c.every)
						if _, err := conn.Write(make([]byte, c.piece)); err != nil {
							return
						}
					}
				})
				status, text, err := answer(conn)
				if err != nil || status != c.status || !strings.Contains(text, c.text) {
					t.Errorf("got %d %q, %v, want %d %q", status, text, err, c.status, c.text)
				}
				if after := time.Since(start); after.Round(time.Second) != c.after {
					t.Errorf("after %v, want %v", after, c.after)
				}
			})
		})
	}
}

// TestHandlerMayTakeLong: the time limit is the body's, not the handler's; and the
// next request of the connection has all of its own.
func TestHandlerMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cancelled error
		l := serveWeb(t, func(w http.ResponseWriter, r *http.Request) {
			io.ReadAll(r.Body)
			time.Sleep(10 * time.Minute)
			cancelled = r.Context().Err()
			io.WriteString(w, "done")
		})
		conn := l.dial()
		defer conn.Close()
		for range 2 {
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
			if status, text, err := answer(conn); err != nil || status != 200 || text != "done" || cancelled != nil {
				t.Errorf("got %d %q, %v, cancelled: %v", status, text, err, cancelled)
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestIdleConnectionsEnd: a connection that says nothing, half a header, or nothing
// more is closed; what a client does not read is not waited for.
func TestIdleConnectionsEnd(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, c := range []struct {
		name, first string
		read        bool
		after       time.Duration
	}{
		{"nothing", "", false, FirstByte},
		{"half a header", "GET / HT", false, FirstByte},
		{"idle", get, true, idleHTTP},
		{"an answer nobody reads", get, false, answerGrace},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serveWeb(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
				conn := l.dial()
				defer conn.Close()
				start := time.Now()
				io.WriteString(conn, c.first)
				if c.read {
					if status, _, err := answer(conn); status != 200 || err != nil {
						t.Fatalf("got %d, %v", status, err)
					}
				} else if strings.HasPrefix(c.first, get) {
					time.Sleep(c.after)
					synctest.Wait()
				}
				for {
					if _, err := conn.Read(make([]byte, 100)); err != nil {
						break
					}
				}
				if after := time.Since(start); after != c.after {
					t.Errorf("closed after %v, want %v", after, c.after)
				}
			})
		})
	}
}

// TestLargeBodyIsAnswered: a client that reads no answer before it has written all,
// as Python's do, is told too, whatever the handler; over the real network, where a
// close with input unread takes the answer away.
func TestLargeBodyIsAnswered(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	s.Web = NewWeb(ctx, s.Logger, time.Now, 0, http.HandlerFunc(readsBodies))
	l, err := OpenLoopback("test", "", false)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(ctx, l, func(c net.Conn) { c.Close() })
	defer s.Wait()
	defer cancel()
	const size = 50 << 20
	for _, header := range []string{fmt.Sprintf("Content-Length: %d", size), "Transfer-Encoding: chunked"} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", header)
		if strings.HasPrefix(header, "T") {
			fmt.Fprintf(c, "%x\r\n", size)
		}
		if n, err := c.Write(make([]byte, size)); err != nil {
			t.Fatalf("%s: written %d of %d bytes: %v", header, n, size, err)
		}
		io.WriteString(c, "\r\n0\r\n\r\n"[:map[bool]int{true: 7, false: 0}[strings.HasPrefix(header, "T")]])
		if status, text, err := answer(c); status != 413 || text != "too large" || err != nil {
			t.Errorf("%s: got %d %q, %v, want 413", header, status, text, err)
		}
	}
}

// TestBodiesHaveABudget: of the bodies under way the largest goes, with words, when
// they are too much together; the others come through.
func TestBodiesHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := newBodies(100_000)
		web := &http.Server{Handler: paced(http.HandlerFunc(readsBodies), bodies, time.Now)}
		l := newPipes()
		go web.Serve(l)
		defer web.Close()
		send := func(size, now int) net.Conn {
			c := l.dial()
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", size)
			c.Write(make([]byte, now))
			synctest.Wait()
			return c
		}
		large, small := send(90_000, 80_000), send(30_000, 15_000)
		defer large.Close()
		defer small.Close()
		if bytes, shed := bodies.Usage(); bytes != 95_000 || shed != 0 {
			t.Errorf("under way are %d bytes, %d were refused, want 95000 and none", bytes, shed)
		}
		go small.Write(make([]byte, 15_000))
		resp, err := http.ReadResponse(bufio.NewReader(large), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var told struct {
			Error struct{ Code, Message string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&told); resp.StatusCode != 503 || err != nil ||
			told.Error.Code != "RequestMemoryExceeded" || !strings.Contains(told.Error.Message, "request-memory") ||
			resp.Header.Get("x-ms-error-code") != told.Error.Code || resp.Header.Get("Retry-After") != "1" ||
			resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the large body: got %d %+v, %v, %v, want 503 RequestMemoryExceeded", resp.StatusCode, told, resp.Header, err)
		}
		if status, text, err := answer(small); status != 200 || text != "30000 bytes" || err != nil {
			t.Errorf("the small body: got %d %q, %v, want 200", status, text, err)
		}
		synctest.Wait()
		if bytes, shed := bodies.Usage(); bytes != 0 || shed != 1 {
			t.Errorf("under way are %d bytes, %d were refused, want none and one", bytes, shed)
		}
	})
}
