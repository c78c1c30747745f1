package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	fmt.Fprintf(log, "building the Pulumi engine %s, once, into %s: this takes minutes\n", EngineVersion, dir)
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
	for _, args := range [][]string{
		{"get", engineModule + "/cmd/pulumi@" + EngineVersion},
		{"build", "-ldflags", "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + EngineVersion,
			"-o", built, engineModule + "/cmd/pulumi"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("go %s: %w\n%s", args[0], err, tail(out))
		}
	}
	return os.Rename(built, binary(dir))
}

// tail is the end of a command's output, where the reason is.
func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
