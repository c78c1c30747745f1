package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/deploy"
	"switchyard/system"
)

// startBus serves a namespace with a queue in memory and returns its connection string.
func startBus(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/Config.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	d, code := readFolder(&env{stdout: io.Discard, stderr: &errs}, dir, deploy.Mode{Strict: true})
	if code != exitOK {
		t.Fatal(errs.String())
	}
	s, err := system.Start(t.Context(), system.Options{Ephemeral: true, Deployments: []*deploy.Deployment{d}, Grace: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s.Endpoints().ConnectionString
}

// A failing is what stands between a client and a server that is about to fail.
type failing struct {
	net.Listener
	to string
	// at is a word of the client's at which the server fails before it has read it or,
	// with after, so much later.
	at    string
	after time.Duration
	hangs bool // or else it is gone

	mu     sync.Mutex
	failed bool       // guarded by mu
	conns  []net.Conn // guarded by mu
}

// failAt returns a connection string of a server that fails.
func failAt(t *testing.T, connectionString, at string, after time.Duration, hangs bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rest := connectionString[strings.Index(connectionString, ";"):]
	f := &failing{Listener: l, to: strings.TrimPrefix(strings.TrimSuffix(connectionString, rest), "Endpoint=sb://"), at: at,
		after: after, hangs: hangs}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(func() {
		f.mu.Lock()
		f.failed = true
		f.mu.Unlock()
		f.close()
		conns.Wait()
	})
	return "Endpoint=sb://" + l.Addr().String() + rest
}

func (f *failing) close() {
	f.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}

func (f *failing) fail() {
	f.mu.Lock()
	f.failed = true
	f.mu.Unlock()
	if !f.hangs {
		f.close()
	}
}

func (f *failing) serve(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer out.Close()
	f.mu.Lock()
	f.conns = append(f.conns, in, out)
	f.mu.Unlock()
	back := make(chan struct{})
	go func() { defer close(back); f.pass(in, out, "") }()
	f.pass(out, in, f.at)
	in.Close()
	out.Close()
	<-back
}

// pass copies until the server fails, which it does at a word.
func (f *failing) pass(to, from net.Conn, at string) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if at != "" && bytes.Contains(b[:n], []byte(at)) {
			if f.after == 0 {
				f.fail()
			} else {
				time.AfterFunc(f.after, f.fail)
			}
		}
		f.mu.Lock()
		failed := f.failed
		f.mu.Unlock()
		if failed {
			continue // a process that is stopped still has its sockets
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// TestServerStopsAnswering: what a server did not say is no answer of an empty queue,
// whether it is gone or hangs.
func TestServerStopsAnswering(t *testing.T) {
	const peeks = "com.microsoft:peek-message"
	cs := startBus(t, `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q"}]}]}}`)
	var all sync.WaitGroup
	for _, c := range []struct {
		command, at string
		after       time.Duration
	}{
		{"receive q --wait 1500ms", peeks, 300 * time.Millisecond},
		{"receive q --wait 1500ms", peeks, 0},
		{"receive q --abandon --wait 1500ms", peeks, 300 * time.Millisecond},
		{"peek q", peeks, 0},
		{"resubmit q", "switchyard:resubmit-messages", 0},
		{"purge q", "switchyard:delete-messages", 0},
		{"purge q --message-id x", peeks, 0},
		{"send q body", "body", 0},
	} {
		for _, hangs := range []bool{false, true} {
			all.Go(func() {
				var out, errs bytes.Buffer
				timeout := "20s" // only if the machine is slow: it is refused before
				if hangs {
					timeout = "2s"
				}
				args := append(strings.Fields(c.command), "--timeout", timeout, "--output", "json", "--connection-string",
					failAt(t, cs, c.at, c.after, hangs))
				code := Main(args, &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
				told := errs.String()
				ok := strings.Contains(told, `"code":"NotRunning"`) || strings.Contains(told, `"code":"NotReady"`)
				if hangs {
					ok = strings.Contains(told, `"code":"Timeout"`)
				}
				if code != exitFailed || !ok || out.Len() > 0 {
					t.Errorf("%s of a server that hangs (%v): exit code %d, output %q, error %s", c.command, hangs, code,
						out.String(), told)
				}
			})
		}
	}
	all.Wait()
}
