package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// passedOn is what exec passes on to its command: Windows has Ctrl-C alone.
var passedOn = []os.Signal{os.Interrupt}

// reachesGroup is true: a console sends Ctrl-C to all of its processes.
func reachesGroup(os.Signal) bool { return true }

func exitCode(state *os.ProcessState) int { return state.ExitCode() }

// apart keeps a process running when the console of this one closes.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// askToStop is refused: a process of another console can't be asked, and what is killed
// does not stop in good order.
func askToStop(*os.Process) error {
	return errors.New("Windows can't ask a process of another console to stop: use Ctrl-C there, or up without --detach")
}

func alive(*os.Process) bool { return false }

// readerGone reports whether a write failed because nobody can read it any more.
func readerGone(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
