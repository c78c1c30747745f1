package local

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTell: what takes minutes is named at once and at every interval, until it is
// done.
func TestTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		done := tell(&log, "compiling it", 30*time.Second)
		time.Sleep(75 * time.Second)
		done()
		time.Sleep(time.Minute)
		if got := log.String(); got != "  compiling it\n  still compiling it, for 30s\n  still compiling it, for 1m0s\n" {
			t.Errorf("said %q", got)
		}
	})
}

// TestEvalNamesNoSecret: the variables hold credentials; what sets them does not.
func TestEvalNamesNoSecret(t *testing.T) {
	s := &Switchyard{program: "/t/it's/switchyard", data: "/t/data", Env: map[string]string{"ARM_CLIENT_SECRET": "hush"}}
	got := s.Eval()
	if want := `eval "$('/t/it'\''s/switchyard' env --data '/t/data')"`; got != want || strings.Contains(got, "hush") {
		t.Errorf("Eval() = %s, want %s", got, want)
	}
}
