package commit_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"switchyard/commit"
)

// intactVariable names the change that panics in a process of its own.
const intactVariable = "SWITCHYARD_TEST_PANICS"

// A panic below a lock ends the process though a caller recovers; one without a lock is
// the caller's.
func TestIntact(t *testing.T) {
	effect := commit.EffectFunc(func(*commit.Unit) (func(), error) { return func() {}, nil })
	panics := func(*commit.Unit) { panic("a mistake of ours") }
	do := func(e commit.Effect) {
		defer func() { _ = recover() }()
		_ = commit.Do(context.Background(), noLog{}, 0, e, panics)
	}
	if os.Getenv(intactVariable) != "" {
		do(effect)
		os.Exit(0) // it went on
	}
	do(nil)
	cmd := exec.Command(os.Args[0], "-test.run", "TestIntact$")
	cmd.Env = append(os.Environ(), intactVariable+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "a change under a lock: a mistake of ours") ||
		!strings.Contains(string(out), "intact_test.go") {
		t.Errorf("the process ended with %v and said\n%s\nwant the panic with its stack", err, out)
	}
}

type noLog struct{ commit.Log }

func (noLog) Admit(context.Context, int) error { return nil }
