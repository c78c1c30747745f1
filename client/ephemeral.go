package client

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// TempPattern is that of the temporary directory that an ephemeral Switchyard has for
// its certificates and its endpoints file, for [os.MkdirTemp].
const TempPattern = "switchyard-*"

// ephemeral finds an ephemeral Switchyard of this user that was started for a data
// directory, or else which others there are.
func ephemeral(dir string) (found Endpoints, others []string, ok bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Endpoints{}, nil, false
	}
	temps, _ := filepath.Glob(filepath.Join(os.TempDir(), TempPattern)) // fails only for a bad pattern
	for _, temp := range temps {
		// Anybody may make a directory there, and send us to a server of his own.
		if info, err := os.Lstat(temp); err != nil || !info.IsDir() || !private(info) {
			continue
		}
		e, err := read(temp)
		switch {
		case err != nil || !e.Ephemeral || e.DataDir == "" || !e.accepts():
		case e.DataDir == dir:
			return e, nil, true
		default:
			others = append(others, e.DataDir)
		}
	}
	return Endpoints{}, others, false
}

// accepts reports whether anything listens where this Switchyard did.
func (e Endpoints) accepts() bool {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(e.HTTP, "http://"), time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
