//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that exec passes on to its command.
var passedOn = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1,
	syscall.SIGUSR2}

// reachesGroup reports whether a signal was sent to the command as well: Ctrl-C of a
// terminal is sent to every process in the foreground, and a second one means something
// else to many programs.
func reachesGroup(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false // there is no terminal
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// exitCode is what a shell says of a process that has ended.
func exitCode(state *os.ProcessState) int {
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return exitSignal + int(s.Signal())
	}
	return state.ExitCode()
}

// apart keeps a process running when the terminal of this one closes.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// askToStop asks a process to end in good order.
func askToStop(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// alive reports whether a process has not ended. One that has and that nobody waits for
// is there still: in a container often for ever.
func alive(p *os.Process) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid)) // on Linux: number (name) state …
	if i := bytes.LastIndexByte(stat, ')'); i >= 0 && bytes.HasPrefix(stat[i:], []byte(") Z")) {
		return false
	}
	return p.Signal(syscall.Signal(0)) == nil
}

// readerGone reports whether a write failed because nobody can read it any more.
func readerGone(err error) bool { return errors.Is(err, syscall.EPIPE) }
