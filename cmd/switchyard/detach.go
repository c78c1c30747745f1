package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"switchyard/client"
	"switchyard/config"
)

// logName is the file in the data directory to which a detached Switchyard logs; what
// the one before it logged gets another ending.
const logName = "switchyard.log"

// detach starts the same command line as a process of its own and waits until that is
// ready.
func detach(ctx context.Context, e *env, v *config.Values, operands []string) int {
	dir := v.String("data")
	if ep, err := client.Find(ctx, dir, answerPatience); err == nil && !ephemeral(v) {
		return e.fail(fmt.Errorf("process %d serves the data directory %s already", ep.PID, dir))
	}
	program, err := os.Executable()
	if err != nil {
		return e.fail(err)
	}
	log, err := openLog(v)
	if err != nil {
		return e.fail(fmt.Errorf("the log: %w", err))
	}
	defer log.Close()
	cmd := exec.Command(program, slices.Concat([]string{"up", "--detach=false"}, v.Flags("detach", "output"),
		[]string{"--"}, operands)...)
	cmd.Stdout, cmd.Stderr = log, log
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return e.fail(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // its state says how it ended
	for {
		if ep, err := client.Find(ctx, dir, answerPatience); err == nil && ep.PID == cmd.Process.Pid {
			if err := printEndpoints(ctx, e, v, ep); err != nil {
				return e.fail(err)
			}
			if !e.json {
				e.printf("\nprocess %d goes on in the background; its log is %s\n", ep.PID, log.Name())
			}
			return exitOK
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			_, _ = e.stderr.Write(text)
			return max(cmd.ProcessState.ExitCode(), exitFailed)
		case <-ctx.Done():
			_ = askToStop(cmd.Process)
			<-ended
			return e.fail(errors.New("interrupted before it was ready; it was stopped"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// openLog opens the log of a detached Switchyard: in its data directory, unless that is
// not one yet and holds files, which the start is about to refuse.
func openLog(v *config.Values) (*os.File, error) {
	dir := v.String("data")
	if ephemeral(v) {
		return os.CreateTemp("", "switchyard-*.log")
	}
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	served := slices.ContainsFunc(names, func(d fs.DirEntry) bool { return d.Name() == "format" })
	if len(names) > 0 && !served {
		return os.CreateTemp("", "switchyard-*.log")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, logName)
	if err := os.Rename(name, name+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// down asks the Switchyard on the data directory to stop, and waits until it has. One that
// stops already is waited for too.
func down(ctx context.Context, e *env, v *config.Values, _ []string) int {
	dir, deadline := v.String("data"), time.Now().Add(v.Duration("wait"))
	s, err := client.Find(ctx, dir, answerPatience)
	p, found := os.FindProcess(s.PID)
	if _, gone := errors.AsType[*client.NotRunningError](err); gone && s.PID > 0 && found == nil && alive(p) && left(dir) {
		err = nil // it has closed its ports, and is about to end
	} else if err == nil {
		if err = errors.Join(found, askToStop(p)); err != nil {
			err = fmt.Errorf("stop process %d: %w", s.PID, err)
		}
	}
	if err != nil {
		return e.fail(err)
	}
	for alive(p) {
		if time.Now().After(deadline) {
			return e.fail(lateError(fmt.Sprintf("process %d has not stopped within %s; its log tells what it waits for, "+
				"--wait waits longer", s.PID, v.Duration("wait"))))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if e.json {
		return e.answer(map[string]int{"pid": s.PID})
	}
	e.printf("process %d has stopped\n", s.PID)
	return exitOK
}

// left reports whether the endpoints file of a data directory is still there.
func left(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, client.File))
	return err == nil
}
