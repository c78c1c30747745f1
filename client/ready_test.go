package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// server is one of which the endpoints file in a new directory tells.
func server(t *testing.T, h http.HandlerFunc) (e Endpoints, dir string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	dir = t.TempDir()
	e = Endpoints{PID: 7, HTTP: s.URL, SubscriptionID: "sub", Token: "token"}
	if err := e.Write(dir); err != nil {
		t.Fatal(err)
	}
	return e, dir
}

// TestReady: a Switchyard is ready if it knows its own token and is healthy.
func TestReady(t *testing.T) {
	good := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/subscriptions/sub" && r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, `{"status":"healthy"}`)
	}
	e, dir := server(t, good)
	if got, err := WaitReady(t.Context(), dir, 0); err != nil || got.PID != e.PID {
		t.Errorf("%+v, %v", got, err)
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		runs bool
		want string
	}{
		"another": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, false, "another program answers at http://127.0.0.1:"},
		"full disk": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write([]byte(`{"status":"unhealthy","message":"the disk is full"}`))
			}
		}, true, "(process 7) is not ready: the disk is full"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, "takes connections and does not answer"},
	} {
		_, dir := server(t, c.h)
		_, err := WaitReady(t.Context(), dir, 0)
		_, not := errors.AsType[*NotRunningError](err)
		_, notReady := errors.AsType[*NotReadyError](err)
		if not == c.runs || notReady != c.runs || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %T %v, want %q", name, err, err, c.want)
		}
	}
}

// TestWaitReady: the file of a killed process is no reason to give up, nor to wait for
// ever.
func TestWaitReady(t *testing.T) {
	dir := t.TempDir()
	dead := Endpoints{HTTP: "http://127.0.0.1:1"}
	if err := dead.Write(dir); err != nil {
		t.Fatal(err)
	}
	_, err := WaitReady(t.Context(), dir, 2*askPause)
	if _, ok := errors.AsType[*NotRunningError](err); !ok || !strings.Contains(err.Error(), "nothing answers at http://127.0.0.1:1") {
		t.Errorf("%v", err)
	}
	e, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"healthy"}`) })
	time.AfterFunc(askPause, func() {
		if err := e.Write(dir); err != nil {
			t.Error(err)
		}
	})
	if got, err := WaitReady(t.Context(), dir, time.Hour); err != nil || got.PID != e.PID {
		t.Errorf("%+v, %v, want the one that started meanwhile", got, err)
	}
	// Without any file the patience is what counts.
	t.Setenv("TMPDIR", dir)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := WaitReady(t.Context(), "nowhere", 10*time.Second)
		if took := time.Since(began); err == nil || took < 10*time.Second || took > 10*time.Second+askPause {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// TestEphemeralIsFound: by the directory that it was started in the place of, and only in
// a directory that nobody else can write to.
func TestEphemeralIsFound(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	e, _ := server(t, nil)
	where := filepath.Join(temp, "switchyard-1")
	project, err := filepath.Abs("project/.switchyard")
	if err != nil {
		t.Fatal(err)
	}
	e.Ephemeral, e.DataDir, e.CAFile = true, project, filepath.Join(where, "ca.pem")
	for mode, found := range map[os.FileMode]bool{0o700: true, 0o777: false} {
		if err := errors.Join(os.RemoveAll(where), os.Mkdir(where, mode), os.Chmod(where, mode), e.Write(where)); err != nil {
			t.Fatal(err)
		}
		got, err := Read("project/.switchyard")
		if (err == nil && got.PID == e.PID) != found {
			t.Errorf("in a directory of mode %o: %+v, %v", mode, got, err)
		}
		got, err = Read("other/.switchyard")
		if err == nil || strings.Contains(err.Error(), "with --data, such as "+project) != found {
			t.Errorf("for another directory: %+v, %v", got, err)
		}
	}
	if e.Dir() != where {
		t.Errorf("its directory is %s, want %s", e.Dir(), where)
	}
}
