//go:build !windows

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize is the size of a terminal, 0 if the file is none or does not tell.
func terminalSize(f *os.File) (columns, rows int) {
	if f == nil {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}
