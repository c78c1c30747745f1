package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Switchyard is a running one.
type Switchyard struct {
	Env map[string]string // what `switchyard env` says: ARM_METADATA_HOSTNAME and so on

	program, data string

	cmd  *exec.Cmd
	wait sync.Once
	done chan struct{}
	err  error
	log  *tailWriter
}

// moduleDir is the folder of this module.
func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if !strings.HasSuffix(filepath.ToSlash(file), "/infra/pulumi/go.mod") {
		return "", fmt.Errorf("run this in the folder infra/pulumi of Switchyard, not in %q", filepath.Dir(file))
	}
	return filepath.Dir(file), nil
}

// Start builds a Switchyard into dir and runs it there, on free ports of this
// machine. Stop ends it.
func Start(ctx context.Context, dir string) (*Switchyard, error) {
	module, err := moduleDir(ctx)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "switchyard")
	build := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(module, "..", ".."),
		"-o", program, "./cmd/switchyard")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build Switchyard: %w\n%s", err, tail(out))
	}
	data := filepath.Join(dir, "data")
	s := &Switchyard{program: program, data: data, done: make(chan struct{}), log: &tailWriter{}}
	s.cmd = exec.Command(program, "up", "--data", data, "--amqp-address", "127.0.0.1:0",
		"--http-address", "127.0.0.1:0", "--output", "json")
	s.cmd.Stderr = s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go s.read(stdout, ready) // ends when the process does; owned by done
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(time.Minute):
		err = errors.New("not ready after a minute")
	}
	if err == nil {
		s.Env, err = environment(ctx, program, data)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("start Switchyard: %w\n%s", err, s.log.tail())
	}
	return s, nil
}

// read waits for the first line, which says that the ports are open, drains the
// rest and reaps the process.
func (s *Switchyard) read(stdout io.Reader, ready chan<- error) {
	defer close(s.done)
	r := bufio.NewReader(stdout)
	if _, err := r.ReadString('\n'); err != nil {
		ready <- fmt.Errorf("it ended before it was ready: %w", err)
	} else {
		ready <- nil
	}
	_, _ = io.Copy(io.Discard, r)
	s.err = s.cmd.Wait()
}

// environment asks the program how clients reach it.
func environment(ctx context.Context, program, data string) (map[string]string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "env", "--data", data, "--output", "json")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("switchyard env: %w: %s", err, stderr.Bytes())
	}
	env := map[string]string{}
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("switchyard env: %w in %s", err, out)
	}
	return env, nil
}

// Stop ends the process, by an interrupt or after ten seconds by force, and waits.
func (s *Switchyard) Stop() {
	s.wait.Do(func() {
		if s.cmd.Process.Signal(os.Interrupt) != nil {
			_ = s.cmd.Process.Kill()
		}
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			_ = s.cmd.Process.Kill()
			<-s.done
		}
	})
}

// Eval is what a shell evaluates to reach this Switchyard. It names no secret, as the
// variables that it sets do.
func (s *Switchyard) Eval() string {
	quote := func(name string) string { return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'" }
	return fmt.Sprintf(`eval "$(%s env --data %s)"`, quote(s.program), quote(s.data))
}

// Log is the end of what the process logged.
func (s *Switchyard) Log() string { return s.log.tail() }

// tailWriter keeps the last 64 KiB that were written to it.
type tailWriter struct {
	mu sync.Mutex
	b  []byte
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p...)
	if n := len(w.b) - 64<<10; n > 0 {
		w.b = append(w.b[:0], w.b[n:]...)
	}
	return len(p), nil
}

func (w *tailWriter) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(tail(w.b))
}
