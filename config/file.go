package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ReadFile reads a file that the user names. The error is a [*UsageError] of one sentence
// that begins with what the file is.
func ReadFile(what, name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, usagef("%s %s: %s", what, name, Unreadable(err))
	}
	return b, nil
}

// Unreadable says in words why a file can't be read.
func Unreadable(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "it can't be read: permission is denied"
	case errors.Is(err, syscall.EISDIR):
		return "is a folder, not a file"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Sprintf("it can't be read: %v", err)
}
