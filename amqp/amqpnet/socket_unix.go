//go:build unix

package amqpnet

import "syscall"

// tryWrite writes what the socket takes at once. A failure is left for the writer, which
// meets it again.
func (s *socket) tryWrite(b []byte) (n int) {
	if s.raw == nil {
		return 0
	}
	_ = s.raw.Write(func(fd uintptr) bool {
		n, _ = syscall.Write(int(fd), b)
		return true
	})
	return max(n, 0)
}
