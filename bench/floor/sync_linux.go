package main

import (
	"errors"
	"os"
	"syscall"
)

// Sync implements [disk] by fdatasync: the times of a file need not last.
func (f file) Sync() error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
