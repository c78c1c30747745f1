package system

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"switchyard/clock"
)

// work answers what the Web activities of recorded runs ask of
// http://work.example, a host that exists nowhere: they get there by a proxy.
var work worker

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedVar); dir != "" {
		serveKilled(dir, os.Args[1])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, &work)
	// Read once for the process, at the first request that is not to this machine.
	os.Setenv("HTTP_PROXY", "http://"+l.Addr().String())
	os.Setenv("NO_PROXY", "")
	os.Exit(m.Run())
}

// A worker answers everything that hung or failed when it was recorded, once it
// is let.
type worker struct {
	mu   sync.Mutex
	gate chan struct{} // closed when answers are given
	came chan string   // paths, as they are asked for
	got  map[string][]asked
}

type asked struct{ key, user, password, body string }

// hold lets requests wait for the function that it returns.
func (w *worker) hold() (answer func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gate := make(chan struct{})
	w.gate, w.came, w.got = gate, make(chan string, 100), map[string][]asked{}
	return sync.OnceFunc(func() { close(gate) })
}

// await waits until each of the paths has been asked for.
func (w *worker) await(t *testing.T, paths ...string) {
	t.Helper()
	for len(paths) > 0 {
		select {
		case p := <-w.came:
			i := slices.Index(paths, p)
			if i < 0 {
				t.Fatalf("%s is asked for, not wanted; still wanted: %v", p, paths)
			}
			paths = slices.Delete(paths, i, i+1)
		case <-t.Context().Done():
			t.Fatalf("not asked for: %v", paths)
		}
	}
}

func (w *worker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a := asked{key: r.Header.Get("X-Key"), body: string(body)}
	a.user, a.password, _ = r.BasicAuth()
	w.mu.Lock()
	w.got[r.URL.Path] = append(w.got[r.URL.Path], a)
	gate := w.gate
	w.came <- r.URL.Path
	w.mu.Unlock()
	select {
	case <-gate:
	case <-r.Context().Done():
		return
	}
	out.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(out, `{"answer":"late","done":true,"item":%q}`, filepath.Base(r.URL.Path))
}

// A pastClock is at a time of the past when it is made, and goes on from there.
type pastClock struct {
	clock.Wall
	back time.Duration
}

func (c pastClock) Now() time.Time { return c.Wall.Now().Add(-c.back) }

// A recording is what testdata/datadir/record wrote beside a data directory.
type recording struct {
	Commit     string
	RecordedAt time.Time
	Runs       map[string]string
	answers    []recordedAnswer
}

type recordedAnswer struct {
	Method, URL, Body string
	Answer            json.RawMessage
}

func readRecording(t *testing.T, name string) (r recording) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, len(b))
	for first := true; lines.Scan(); first = false {
		var a recordedAnswer
		if first {
			err = json.Unmarshal(lines.Bytes(), &r)
		} else if err = json.Unmarshal(lines.Bytes(), &a); err == nil {
			r.answers = append(r.answers, a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(r.answers) < 40 || len(r.Runs) < 14 {
		t.Fatalf("%s has %d answers and %d runs", name, len(r.answers), len(r.Runs))
	}
	return r
}

func unpack(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		b, err := io.ReadAll(files)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
