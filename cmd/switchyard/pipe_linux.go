package main

import (
	"os"

	"golang.org/x/sys/unix"
)

func watchPipe(f *os.File) *pipe { return &pipe{fd: int(f.Fd())} }

// unread reports whether the pipe still holds something: TIOCINQ is FIONREAD.
func (p *pipe) unread() bool {
	n, err := unix.IoctlGetInt(p.fd, unix.TIOCINQ)
	return err == nil && n > 0
}

// broken reports whether nobody can read the pipe any more.
func (p *pipe) broken() bool {
	fds := []unix.PollFd{{Fd: int32(p.fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
