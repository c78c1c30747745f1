package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// EngineVersion is the version of the engine, which is that of the SDK in go.mod.
const EngineVersion = "v3.220.0"

const engineModule = "github.com/pulumi/pulumi/pkg/v3"

// Engine is the folder of an engine: bin/pulumi is in it. It is the one that
// SWITCHYARD_PULUMI names, or one in the user's cache that is built when it is not
// there yet, which takes minutes the first time and 100 MB.
func Engine(ctx context.Context, log io.Writer) (string, error) {
	if dir := os.Getenv("SWITCHYARD_PULUMI"); dir != "" {
		if _, err := os.Stat(binary(dir)); err != nil {
			return "", fmt.Errorf("SWITCHYARD_PULUMI: %w", err)
		}
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "switchyard", "pulumi-"+EngineVersion)
	if _, err := os.Stat(binary(dir)); err == nil {
		return dir, nil
	}
	fmt.Fprintf(log, "building the Pulumi engine %s into %s: this takes minutes the first time, and is done once\n", EngineVersion, dir)
	return dir, buildEngine(ctx, dir, log)
}

func binary(dir string) string {
	name := "pulumi"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, "bin", name)
}

// buildEngine builds in a module of its own, so that the engine's requirements stay
// out of this one, and moves the result into place when it is whole.
func buildEngine(ctx context.Context, dir string, log io.Writer) error {
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "go.mod"),
		[]byte("module engine\n\ngo 1.25\n"), 0o644); err != nil {
		return err
	}
	built := filepath.Join(work, "pulumi")
	for _, step := range []struct {
		what string
		args []string
	}{
		{"downloading its modules", []string{"get", engineModule + "/cmd/pulumi@" + EngineVersion}},
		{"compiling it", []string{"build", "-ldflags",
			"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + EngineVersion,
			"-o", built, engineModule + "/cmd/pulumi"}},
	} {
		done := tell(log, step.what, 30*time.Second)
		cmd := exec.CommandContext(ctx, "go", step.args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		done()
		if err != nil {
			return fmt.Errorf("go %s: %w\n%s", step.args[0], err, tail(out))
		}
	}
	return os.Rename(built, binary(dir))
}

// tell says what happens, and that it still does at every interval, until done is
// called: minutes of silence look like a program that hangs.
func tell(log io.Writer, what string, every time.Duration) (done func()) {
	start := time.Now()
	fmt.Fprintf(log, "  %s\n", what)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends with done
		defer close(stopped)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				fmt.Fprintf(log, "  still %s, for %s\n", what, time.Since(start).Round(time.Second))
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// tail is the end of a command's output, where the reason is.
func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
