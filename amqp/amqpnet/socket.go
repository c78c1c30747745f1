package amqpnet

import (
	"net"
	"sync"
	"syscall"
)

// Sizes of the reader's buffer, which grows when one read fills it.
const (
	smallRead = 8 << 10
	largeRead = 64 << 10
)

// An output is a buffer for the client, and how much of it the socket has taken.
type output struct {
	buf []byte
	n   int
}

// A written is what became of one output since the writer got it.
type written struct {
	buf []byte
	n   int
	err error
}

// A socket carries bytes from the loop to a net.Conn. Its goroutines are owned by the loop,
// which ends them with close.
type socket struct {
	nc     net.Conn
	raw    syscall.RawConn // of nc; nil: it has none
	writes chan output
	wrote  chan written
	wait   sync.WaitGroup
}

func openSocket(nc net.Conn) *socket {
	s := &socket{
		nc: nc, writes: make(chan output, 1), wrote: make(chan written, 1),
	}
	if sys, ok := nc.(syscall.Conn); ok {
		s.raw, _ = sys.SyscallConn()
	}
	s.wait.Go(s.writeAll)
	return s
}

func (s *socket) writeAll() {
	for out := range s.writes {
		n, err := s.nc.Write(out.buf[out.n:])
		s.wrote <- written{out.buf, n, err} // never blocks: the loop has one write under way
	}
}

// closeWrite tells the client that nothing more comes and reports whether the
// connection knows how.
func (s *socket) closeWrite() bool {
	half, ok := s.nc.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// close ends the goroutines and closes the connection.
func (s *socket) close() {
	s.nc.Close()
	close(s.writes)
	s.wait.Wait()
}
