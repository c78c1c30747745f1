//go:build unix

package main

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// isClosed reports whether standard output may be a descriptor that was closed when the
// process began. Go's runtime opens the null device for reading and writing in its place,
// so that everything can be written to it and nothing is. A shell's >/dev/null is open for
// writing only; a program that passes on what it opened for both can't be told from none.
func isClosed(w io.Writer) bool {
	f := file(w)
	if f == nil {
		return false
	}
	var out, null syscall.Stat_t
	if syscall.Fstat(int(f.Fd()), &out) != nil || syscall.Stat(os.DevNull, &null) != nil ||
		out.Mode != null.Mode || out.Rdev != null.Rdev {
		return false
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}
