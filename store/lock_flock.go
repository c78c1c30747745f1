//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockDirectory locks the directory itself. Nil without an error: its file system
// has no locks on directories, as NFS, which wants a file that is open for writing.
func lockDirectory(path string) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = ErrLocked
	case err != nil:
		return nil, f.Close()
	default:
		err = sameDirectory(f, path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
