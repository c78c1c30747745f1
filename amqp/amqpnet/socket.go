package amqpnet

import (
	"net"
	"sync"
	"syscall"
)

// Sizes of the reader's buffers, of which there are two. A buffer grows when one
// read fills it.
const (
	smallRead = 8 << 10
	largeRead = 64 << 10
)

// A read is what one read of the socket gave.
type read struct {
	data []byte // to be returned through socket.free
	err  error  // the reader has ended
}

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

// A socket carries bytes between a net.Conn and the loop. Its goroutines are
// owned by the loop, which ends them with close.
type socket struct {
	nc     net.Conn
	raw    syscall.RawConn // of nc; nil: it has none
	reads  chan read
	free   chan []byte
	writes chan output
	wrote  chan written
	done   chan struct{} // closed when nobody listens to reads any more
	wait   sync.WaitGroup
}

func openSocket(nc net.Conn) *socket {
	s := &socket{
		nc: nc, reads: make(chan read, 1), free: make(chan []byte, 2),
		writes: make(chan output, 1), wrote: make(chan written, 1), done: make(chan struct{}),
	}
	if sys, ok := nc.(syscall.Conn); ok {
		s.raw, _ = sys.SyscallConn()
	}
	s.free <- nil
	s.free <- nil
	s.wait.Go(s.readAll)
	s.wait.Go(s.writeAll)
	return s
}

func (s *socket) readAll() {
	for {
		var buf []byte
		select {
		case buf = <-s.free:
		case <-s.done:
			return
		}
		if buf == nil {
			buf = make([]byte, smallRead)
		}
		n, err := s.nc.Read(buf)
		select {
		case s.reads <- read{buf[:n], err}:
		case <-s.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// release gives a buffer back to the reader.
func (s *socket) release(data []byte) {
	if len(data) == cap(data) && cap(data) < largeRead {
		data = make([]byte, 2*cap(data))
	}
	s.free <- data[:cap(data)]
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
	close(s.done)
	close(s.writes)
	s.wait.Wait()
}
