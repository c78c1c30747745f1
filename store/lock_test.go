//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// secondProcess names, in the environment of a copy of the test, the directory that
// it shall open.
const secondProcess = "SWITCHYARD_TEST_SECOND_PROCESS"

// Removing the lock file, or all that can be removed of a directory in use but its
// data, does not let a second process in.
func TestLockedForAnotherProcess(t *testing.T) {
	if dir := os.Getenv(secondProcess); dir != "" {
		s, err := Open(dir, testOptions(t, Options{}))
		if err == nil {
			s.Close()
		}
		fmt.Printf("second: locked=%v err=%v\n", errors.Is(err, ErrLocked), err)
		return
	}
	dir := filepath.Join(t.TempDir(), "data")
	second := func() string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLockedForAnotherProcess$")
		cmd.Env = append(os.Environ(), secondProcess+"="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("second process: %v\n%s", err, out)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	s := openTest(t, dir, Options{})
	for _, remove := range []string{"", "db/LOCK", "format"} {
		if remove != "" {
			if err := os.Remove(filepath.Join(dir, remove)); err != nil {
				t.Fatal(err)
			}
		}
		if got := second(); !strings.Contains(got, "locked=true") || !strings.Contains(got, dir) {
			t.Errorf("with %q removed: %s, want ErrLocked that names %s", remove, got, dir)
		}
	}
	if err := s.files.writeFormat(formatVersion); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	if got := second(); !strings.Contains(got, "err=<nil>") {
		t.Errorf("after Close: %s, want that it opens", got)
	}
}
